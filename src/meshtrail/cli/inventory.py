"""`meshtrail inventory`: what the organisation has as one document, for version control and for copies."""

import json
import sys
import urllib.parse
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from meshtrail.cli.client import fetch
from meshtrail.cli.options import DEFAULT_URL, Token, Url
from meshtrail.common.errors import InvalidError

app = typer.Typer(help="Export and apply groups, networks, policies, settings and enrolment keys as one document.", no_args_is_help=True)

_SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
_TYPES = {".toml": "application/toml", ".json": "application/json"}


class Form(StrEnum):
    """How a document is written."""

    toml = "toml"
    json = "json"


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else it is printed.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.toml,
    url: Url = DEFAULT_URL,
    token: Token = "",
) -> None:
    """Write the inventory as a document, without secrets.

    Example: meshtrail inventory export --output inventory.toml
    """
    content = fetch(url, token, f"/api/v1/inventory?format={form}")
    if output is None:
        sys.stdout.buffer.write(content)
        return
    output.write_bytes(content)
    typer.echo(f"written: {output}", err=True)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Document, .toml or .json.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else the plan is only shown.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what is not in the document, of the sections that it has.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
) -> None:
    """Make the inventory as the document says. The plan is shown first, and done with --yes: all of it, or nothing.

    Example: meshtrail inventory apply inventory.toml --prune --yes
    """
    kind = _TYPES.get(file.suffix.lower())
    if kind is None:
        raise InvalidError(f"{file} is neither .toml nor .json.", "Give it the ending of what it is.")
    content, options = file.read_bytes(), {"prune": "true"} if prune else {}
    plan = _sent(url, token, f"/api/v1/inventory/plan?{urllib.parse.urlencode(options)}", content, kind)
    for step in plan["steps"]:
        _show(step)
    if not plan["steps"]:
        typer.echo("The inventory is as the document says.")
        return
    _sum_up(plan["steps"])
    if not yes:
        typer.echo("Nothing was changed. Add --yes to do it.")
        return
    done = _sent(url, token, f"/api/v1/inventory/apply?{urllib.parse.urlencode({**options, 'plan': plan['plan']})}", content, kind)
    typer.echo("Done.")
    for key in done["keys"]:
        typer.echo(f"enrolment key {_plain(key['name'])}, shown this once: {key['key']}")


def _sent(url: str, token: str, path: str, content: bytes, kind: str) -> Any:
    return json.loads(fetch(url, token, path, content, kind))


def _show(step: dict[str, Any]) -> None:
    sign, colour = _SIGNS[step["action"]]
    typer.secho(f"{sign} {step['kind']} {_plain(step['name'])}" if step["kind"] != "settings" else f"{sign} settings", fg=colour)
    if step["action"] != "update":
        return
    for field in sorted({**step["before"], **step["after"]}):
        typer.echo(f"    {field}: {_difference(step['before'].get(field), step['after'].get(field))}")


def _difference(before: Any, after: Any) -> str:
    """Lists by what comes and what goes, the rest as it was and will be."""
    if isinstance(before, list) and isinstance(after, list):
        gone = [f"- {_text(each)}" for each in before if each not in after]
        come = [f"+ {_text(each)}" for each in after if each not in before]
        return "; ".join([*gone, *come]) or "another order"
    return f"{_text(before)} → {_text(after)}"


def _text(value: Any) -> str:
    return _plain(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


def _plain(text: str) -> str:
    """Without control characters: names must not drive a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _sum_up(steps: list[dict[str, Any]]) -> None:
    made, changed, deleted = (sum(step["action"] == action for step in steps) for action in _SIGNS)
    typer.echo(f"{made} to make, {changed} to change, {deleted} to delete")
