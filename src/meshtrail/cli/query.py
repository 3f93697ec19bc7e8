"""`meshtrail query`: rows in the terminal."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from meshtrail.cli.client import call
from meshtrail.cli.options import DEFAULT_URL, Json, Token, Url

_STYLES = {"denied": "red", "open": "green", "gap": "yellow", "lost": "yellow"}


def query(
    filters: Annotated[list[str] | None, typer.Argument(help="Filters: field=value, field.not=value, field.gte=value …")] = None,
    where: Annotated[str, typer.Option("--filter", "-f", help="A filter of the language: 'user = ana and port in (22, 3389)'.")] = "",
    zone: Annotated[str, typer.Option(help="Time zone in which the days of the filter begin, such as Europe/Berlin.")] = "",
    search: Annotated[str, typer.Option(help="Part of a name or address.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=50_000, help="Rows at the most.")] = 20,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """List connections, newest first.

    Examples: meshtrail query destination_port=443 source_address=10.0.0.0/8 --limit 50

    meshtrail query --filter 'verdict = denied and started_at in today' --zone Europe/Berlin
    """
    parameters = [("limit", str(limit))]
    parameters += [(name, text) for name, text in (("search", search), ("filter", where), ("zone", zone)) if text]
    for text in filters or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is no filter: write field=value.")
        parameters.append((name, value))
    rows = call(url, token, "/api/v1/traffic", parameters)["data"]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    console = Console()
    if not rows:
        console.print("No rows match.")
        return
    console.print(_table(rows))


def _plain(value: object) -> Text:
    """Text of an event without control characters: a log must not drive a terminal."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)))


def _end(row: dict[str, Any], end: str) -> Text:
    address, port = row[f"{end}_address"] or "?", row[f"{end}_port"]
    if port is not None:
        address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    name = row[f"{end}_name"]
    return _plain(f"{name} {address}" if name else address)


def _size(value: int | None) -> str:
    if value is None:
        return "–"
    number = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Started", "State", "From", "To", "What", "Who", "Sent", "Received"):
        table.add_column(heading, justify="right" if heading in {"Sent", "Received"} else "left")
    for row in rows:
        state = row["state"]
        who = row["user_name"] or row["user_id"] or row["process_name"] or ""
        table.add_row(
            row["started_at"].replace("T", " ")[:23], Text(state, style=_STYLES.get(state, "")), _end(row, "source"),
            _end(row, "destination"), _plain(row["application"] or row["protocol"] or ""), _plain(who),
            _size(row["tx_bytes"]), _size(row["rx_bytes"]),
        )  # fmt: skip
    return table
