"""`python -m lab`: a private network on this machine, its traffic, and what MeshTrail recorded of it."""

import argparse
import signal
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console

from lab.changes import CHANGES
from lab.chatter import Chatter
from lab.claims import clean
from lab.compare import Comparison, compare
from lab.expect import Finding
from lab.lab import Lab
from lab.limits import PORT
from lab.namespace import LabError, forbidden
from lab.scenes import SCENES
from lab.stage import check, play
from lab.table import table

PRINTED_COLUMNS = 130
"""Width of the table in a file."""
EXIT_MISSED, EXIT_IMPOSSIBLE = 1, 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m lab", description="A private network in namespaces, with agents and traffic.")
    made.add_argument("command", nargs="?", choices=("run", "clean"), default="run", help="clean: remove what a killed lab left")
    made.add_argument("--once", action="store_true", help="end after the scenes have been checked")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the findings")
    made.add_argument("--port", type=int, default=PORT, help="of the dashboard; 0: any free one")
    return made


def main() -> int:
    """1 when something was not recorded as it should, 2 when there can be no lab here."""
    given = parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else PRINTED_COLUMNS)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job starts with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        if given.command == "clean":
            removed = clean()
            console.print(f"removed: {', '.join(removed)}" if removed else "nothing was left behind")
            return 0
        if reason := forbidden():
            raise LabError(f"{reason}\nRun it as root: sudo make lab")
        return _run(console, given)
    except LabError as error:
        print(error, file=sys.stderr)
        return EXIT_IMPOSSIBLE
    except KeyboardInterrupt:
        return 0


def _run(console: Console, given: argparse.Namespace) -> int:
    lab = Lab(given.port, capture=True)
    try:
        began = time.monotonic()
        with console.status("Building the network, starting the server and the agents"):
            lab.start()
        with console.status(f"Playing {len(SCENES)} scenes"):
            played = play(lab, SCENES)
            found = check(lab.checker, played)
        rows = lab.checker.rows()
        compared = [compare(name, seen, rows) for name, seen in lab.stop_captures().items()]
        with console.status(f"Playing {len(CHANGES)} scenes that change the organisation"):
            found += check(lab.checker, play(lab, CHANGES, together=1))
        console.print(table(found))
        status = _summary(console, found, compared, time.monotonic() - began)
        if given.json:
            given.json.write_bytes(msgspec.json.format(msgspec.json.encode({"findings": found, "captures": compared}), indent=2))
        if not given.once:
            _stay(console, lab)
        return status
    finally:
        with console.status("Taking it down"):
            lab.stop()


def _summary(console: Console, found: list[Finding], compared: list[Comparison], seconds: float) -> int:
    wrong = sum(not finding.holds for finding in found)
    problems = [f"{each.reporter}: {problem}" for each in compared for problem in each.problems]
    agreed = sum(each.agreed for each in compared)
    console.print(f"\n{len(found) - wrong} of {len(found)} reports are as they should be, after {seconds:.0f} s.")
    console.print(f"tcpdump and the store agree on {agreed} connections at {len(compared)} peers, in every packet and byte.")
    for problem in problems:
        console.print(f"[red]✗[/] {problem}")
    return EXIT_MISSED if wrong or problems else 0


def _stay(console: Console, lab: Lab) -> None:
    """Leave it running, with a little traffic, until Ctrl+C."""
    console.print(
        f"\n  Open   [bold]{lab.sign_in_link()}[/]\n         [dim]works once, for 15 minutes[/]\n  Stop   Ctrl+C\n", highlight=False
    )
    chatter = Chatter(lab)
    chatter.start()
    try:
        signal.pause()
    finally:
        chatter.stop()


if __name__ == "__main__":
    sys.exit(main())
