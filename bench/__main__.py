"""`python -m bench`: prints a table, a line an aim, and keeps it as JSON with facts of the machine."""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import (
    agent_drain,
    agent_rate,
    agent_start,
    audit_page,
    capture,
    explore,
    freshness,
    idle,
    ingest,
    kept,
    paint,
    read,
    resolver,
    under_load,
)
from bench.line import Figure

LINES = {
    "ingest": ingest.run, "page": read.run, "bulk-page": read.run, "bytes": read.run, "freshness": freshness.run,
    "idle": idle.run, "audit-page": audit_page.run, "resolver": resolver.run, "capture": capture.run,
    "agent-rate": agent_rate.run, "agent-start": agent_start.run, "agent-idle": idle.run, "agent-drain": agent_drain.run,
    "first-page": explore.run, "search": explore.run, "overview": explore.run, "page-under-load": under_load.run, "paint": paint.run,
}  # fmt: skip
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """1 when an aim is missed in a run of one line."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--only", choices=LINES, help="run one line")
    parser.add_argument(
        "--rows", type=int, help=f"rows of first-page, search, overview and page-under-load; default {kept.ROWS}, the aims are of 50000000"
    )
    arguments = parser.parse_args()
    only = arguments.only
    if arguments.rows:
        os.environ[kept.ROWS_NAME] = str(arguments.rows)
    figures: list[Figure] = []
    for work in dict.fromkeys([LINES[only]] if only else LINES.values()):
        print(f"measuring {work.__module__.removeprefix('bench.')} …", file=sys.stderr)
        figures += work()
    if only:
        figures = [figure for figure in figures if figure.name.startswith(f"{only}:")]
    Console(width=110).print(_table(figures))
    _keep(figures)
    return int(bool(only) and any(figure.holds is False for figure in figures))


def _table(figures: list[Figure]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("name", "figure", "unit", "aim", "holds"):
        table.add_column(heading, justify="right" if heading == "figure" else "left")
    words = {True: "yes", False: "NO", None: ""}
    for figure in figures:
        value = f"{figure.value:,.0f}" if figure.value >= 1_000 else f"{figure.value:,.3g}"
        table.add_row(figure.name, value, figure.unit, figure.aim, words[figure.holds])
    return table


def _keep(figures: list[Figure]) -> None:
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "machine": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total, "load": os.getloadavg(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps({"facts": facts, "figures": [asdict(figure) for figure in figures]}, indent=2))


if __name__ == "__main__":
    sys.exit(main())
