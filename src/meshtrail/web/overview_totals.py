"""The Overview's totals beside those of the window before, and what changed, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition
from meshtrail.web.overview_source import BYTES, Answer, Asker, bytes_of, end_group, number

CHANGES_MAX = 7
"""Sentences of what changed: more is a report."""

LOOKED_AT = 300
"""Destinations of each window that are compared."""

TIMES_MIN = 2.0
"""What is less than so many times as much, or as little, is an ordinary day."""

ROWS_MIN, BYTES_MIN = 10, 1_000_000
"""Changes below are chance."""

WORDS_BEFORE = {"1h": "hour before", "24h": "day before", "7d": "week before", "30d": "30 days before"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One total."""

    name: str
    value: str
    change: str
    """Against the window before: `+12 %`, `×3.4`; empty when there is nothing to compare."""
    before: str
    """The value before."""
    href: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The row of totals."""

    figures: tuple[Figure, ...]
    before: str
    """What the window before is called."""
    stored: int | None
    """Rows stored at all, looked up when the window is empty."""
    wider: str
    """Address of a wider window; empty when this is the widest."""


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


def name_before(outlook: Outlook) -> str:
    """What the window before is called."""
    return WORDS_BEFORE.get(outlook.last, "same time before")


async def totals(ask: Asker) -> Totals:
    """The totals of both windows."""
    outlook = ask.outlook
    now, before = await _totals(ask, outlook), await _totals(ask, outlook.before)
    links = (
        outlook.traffic(),
        outlook.traffic(verdict="denied"),
        outlook.traffic(),
        outlook.traffic(user_name__known="true"),
        outlook.path("reached"),
    )
    names = ("Connections", "Denied", "Bytes", "People", "Pairs")
    shown = (formats.count, formats.count, formats.byte_size, formats.count, formats.count)
    figures = tuple(
        Figure(name, form(value), growth(value, old), form(old), href)
        for name, form, value, old, href in zip(names, shown, now, before, links, strict=True)
    )
    stored = None if now[0] else await ask.source.stored(ask.org_id)
    wider = "" if outlook.last == "30d" else outlook.within("30d" if outlook.last == "7d" or not outlook.last else "7d").path()
    return Totals(figures, name_before(outlook), stored, wider)


async def _totals(ask: Asker, outlook: Outlook) -> tuple[int, int, int, int, int]:
    whole = await ask.aggregate(["verdict"], ["count", *BYTES, "distinct(user_id)"], outlook)
    pairs = await ask.aggregate(["source_name", "destination_name"], ["count"], outlook, top="1")
    denied = sum(number(each["measures"]["count"]) for each in whole["data"] if each["group"]["verdict"] == "denied")
    measures = whole["totals"]
    return number(measures["count"]), denied, bytes_of(measures), number(measures["distinct(user_id)"]), int(pairs["groups"])


def growth(now: int, before: int) -> str:
    """In percent, or how many times as much; empty when there was nothing before or nothing changed."""
    if not before or now == before:
        return ""
    if now >= 3 * before:
        return f"×{now / before:.1f}" if now < 100 * before else f"×{formats.count(now // before)}"
    percent = round((now - before) * 100 / before)
    return f"{'+' if percent > 0 else '−'}{abs(percent)} %" if percent else ""


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
