"""`meshtrail status`: what the server is and has."""

import json

import typer

from meshtrail.cli.client import call
from meshtrail.cli.options import DEFAULT_URL, Json, Token, Url


def status(url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False) -> None:
    """Show version, rows and what is captured.

    Example: meshtrail status --json
    """
    answer = call(url, token, "/api/v1/status")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    typer.echo(f"version   {answer['version']}")
    typer.echo(f"data      {answer['data']}")
    typer.echo(f"stored    {answer['rows']:,} reports")
    typer.echo(f"capture   {'on' if answer['capturing'] else 'off'}: {answer['capture']}")
