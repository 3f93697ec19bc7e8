"""`meshtrail token`: API tokens and sign-in links, on the machine of the server."""

from typing import Annotated

import typer

from meshtrail.cli.options import DEFAULT_URL, Data
from meshtrail.cli.store import opened
from meshtrail.common.clock import rfc3339
from meshtrail.control.service import Scope

app = typer.Typer(help="Make, list and delete API tokens; make sign-in links.", no_args_is_help=True)


@app.command()
def create(
    data: Data,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="Right of the token; repeat for several.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3_650, help="Days until it expires.")] = None,
) -> None:
    """Make a token; its secret is printed this once.

    Example: meshtrail token create grafana --scope read --days 90
    """
    with opened(data) as (control, org_id):
        _, secret = control.add_token(org_id, name, set(scope or [Scope.read]), None if days is None else days * 86_400)
    typer.echo(secret)


@app.command("list")
def list_(data: Data) -> None:
    """List tokens without their secrets."""
    with opened(data) as (control, org_id):
        for token in control.list_tokens(org_id):
            used = rfc3339(token.last_used_at)[:16] if token.last_used_at else "never used"
            expires = rfc3339(token.expires_at)[:10] if token.expires_at else "does not expire"
            typer.echo(f"{token.id}  {','.join(token.scopes):18}  {expires:15}  {used:16}  {token.name}")


@app.command()
def delete(data: Data, identifier: Annotated[str, typer.Argument(help="Id from `meshtrail token list`.")]) -> None:
    """Delete a token; it stops working within seconds."""
    with opened(data) as (control, org_id):
        control.delete_token(org_id, identifier)
    typer.echo("deleted")


@app.command()
def link(data: Data, url: Annotated[str, typer.Option(help="Address of the server.")] = DEFAULT_URL) -> None:
    """Make a one-time link that signs a browser in."""
    with opened(data) as (control, org_id):
        typer.echo(f"{url}/sign-in/{control.add_sign_in_link(org_id)}")
