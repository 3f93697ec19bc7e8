"""The findings as a table for people."""

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

from lab.expect import Finding


def _size(value: Any) -> str:
    return "" if value is None else f"{value:,}"


def table(found: Iterable[Finding]) -> Table:
    """A line for each reporter of each talk: what it said, and what is wrong with it."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "scene", "talk", "reporter", "said", "policy", "bytes out", "bytes in", "packets"):
        made.add_column(heading, justify="right" if heading.startswith(("bytes", "packets")) else "left", overflow="fold")
    scene = ""
    for finding in found:
        row = finding.found
        said = " ".join(str(row[name]) for name in ("direction", "state", "close_reason") if row.get(name)) or "nothing"
        packets = f"{_size(row.get('tx_packets'))} / {_size(row.get('rx_packets'))}" if row.get("tx_packets") is not None else ""
        if row.get("drops"):
            packets = f"{row['drops']} denied"
        name = finding.scene if finding.scene != scene else ""
        made.add_row(
            "[green]✓[/]" if finding.holds else "[red]✗[/]", name, finding.talk, finding.reporter, said,
            row.get("policy_name") or "[dim]none[/]", _size(row.get("tx_bytes")), _size(row.get("rx_bytes")), packets,
        )  # fmt: skip
        scene = finding.scene
        for problem in finding.problems:
            made.add_row("", "", "", "", f"[red]{escape(problem.splitlines()[0])}[/]")
    return made
