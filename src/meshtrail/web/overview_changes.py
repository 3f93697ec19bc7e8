"""The Overview's sentences about what changed against the window before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition
from meshtrail.web.overview_source import BYTES, Answer, Asker, bytes_of, end_group, number
from meshtrail.web.overview_totals import name_before

CHANGES_MAX = 7
"""Sentences of what changed: more is a report."""

LOOKED_AT = 300
"""Destinations of each window that are compared."""

TIMES_MIN = 2.0
"""What is less than so many times as much, or as little, is an ordinary day."""

ROWS_MIN, BYTES_MIN = 10, 1_000_000
"""Changes below are chance."""


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence: the subject is a link."""

    kind: str
    """`denied`, `more`, `less`."""
    subject: str
    href: str
    words: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What stands out against the window before."""

    changes: tuple[Change, ...]
    before: str
    compared: bool
    """Whether anything is stored of the window before."""


async def changes(ask: Asker) -> Changes:
    """What stands out, destination by destination."""
    detailed = await ask.detailed() and await ask.detailed(ask.outlook.before)
    now, before = await _by_destination(ask, ask.outlook, detailed), await _by_destination(ask, ask.outlook.before, detailed)
    complete = now["others"] is None and before["others"] is None
    compared = number(before["totals"]["count"]) > 0
    found = sentences(ask.outlook, _sums(now, detailed), _sums(before, detailed), complete) if compared else ()
    return Changes(tuple(found), name_before(ask.outlook), compared)


async def _by_destination(ask: Asker, outlook: Outlook, detailed: bool) -> Answer:
    group = [end_group("destination", detailed), "verdict"]
    return await ask.aggregate(group, ["count", *BYTES], outlook, top=str(LOOKED_AT))


@dataclass(slots=True)
class Sum:
    """What happened at one destination."""

    rows: int = 0
    """That were not denied."""
    denied: int = 0
    bytes: int = 0


def _sums(answer: Answer, detailed: bool) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    for each in answer["data"]:
        name = each["group"][end_group("destination", detailed)]
        if name is None:
            continue
        of, count = found.setdefault(str(name), Sum()), number(each["measures"]["count"])
        if each["group"]["verdict"] == "denied":
            of.denied += count
        else:
            of.rows += count
        of.bytes += bytes_of(each["measures"])
    return found


def sentences(outlook: Outlook, now: dict[str, Sum], before: dict[str, Sum], complete: bool) -> Sequence[Change]:
    """The largest changes first: denials, then bytes, then what fell silent. `complete`: both windows are known whole, so that what is
    not there did not happen."""
    found: list[tuple[int, int, Change]] = []
    for name in {**now, **before}:
        new, old = now.get(name), before.get(name)
        if not complete and (new is None or old is None):
            continue
        for rank, size, change in _of_destination(outlook, name, new or Sum(), old or Sum()):
            found.append((rank, -size, change))
    return [change for _, _, change in sorted(found, key=lambda each: each[:2])[:CHANGES_MAX]]


def _of_destination(outlook: Outlook, name: str, now: Sum, before: Sum) -> list[tuple[int, int, Change]]:
    shown, condition = formats.visible(name), end_condition("destination", name)
    found = []
    if now.denied - before.denied >= ROWS_MIN and now.denied >= TIMES_MIN * before.denied:
        words = f"denied {formats.count(now.denied)}; {_or_none(before.denied, formats.count)} before"
        found.append((0, now.denied, Change("denied", shown, outlook.traffic(verdict="denied", **condition), words)))
    if before.rows >= ROWS_MIN and not now.rows:
        words = f"was not reached; {formats.count(before.rows)} times before"
        found.append((2, before.rows, Change("less", shown, outlook.before.traffic(**condition), words)))
    elif now.bytes - before.bytes >= BYTES_MIN and now.bytes >= TIMES_MIN * before.bytes:
        words = f"moved {formats.byte_size(now.bytes)}; {_or_none(before.bytes, formats.byte_size)} before"
        found.append((1, now.bytes, Change("more", shown, outlook.traffic(**condition), words)))
    return found


def _or_none(value: int, form: Callable[[int], str]) -> str:
    return form(value) if value else "none"
