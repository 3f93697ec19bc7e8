"""The Overview's decisions over time."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, text_of
from meshtrail.web.overview_source import GROUPS_MAX, Asker, moment, number

BARS_MAX = 60
"""Bars of the decisions: as many as fit beside each other on a phone."""

WIDTHS = {
    "1m": timedelta(minutes=1), "5m": timedelta(minutes=5), "15m": timedelta(minutes=15), "1h": timedelta(hours=1),
    "3h": timedelta(hours=3), "6h": timedelta(hours=6), "12h": timedelta(hours=12), "1d": timedelta(days=1), "1w": timedelta(days=7),
}  # fmt: skip
"""Widths of bars, as the API calls them."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Decisions of one stretch of time."""

    start: str
    end: str
    time: str
    allowed: int
    denied: int
    unknown: int
    href: str
    href_denied: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions over time."""

    bars: tuple[Bar, ...]
    allowed: int
    denied: int
    unknown: int
    step_ms: int


async def decisions(ask: Asker) -> Decisions:
    """What was allowed, denied, or had no verdict, over time."""
    outlook = ask.outlook
    width = bar_width(outlook.until - outlook.since)
    group = f"time({width})"
    found = await ask.aggregate([group, "verdict"], order=f"{group}:asc", top=str(GROUPS_MAX), zone=outlook.zone or "UTC")
    counts: dict[datetime, dict[str, int]] = defaultdict(dict)
    for each in found["data"]:
        counts[moment(each["group"][group])][each["group"]["verdict"] or "unknown"] = number(each["measures"]["count"])
    bars = tuple(_bar(ask, start, WIDTHS[width], counts) for start in _starts(outlook, WIDTHS[width], counts))
    return Decisions(
        bars, sum(bar.allowed for bar in bars), sum(bar.denied for bar in bars), sum(bar.unknown for bar in bars),
        WIDTHS[width] // timedelta(milliseconds=1),
    )  # fmt: skip


def bar_width(length: timedelta) -> str:
    """The narrowest width with which the bars fit."""
    return next((name for name, width in WIDTHS.items() if length / width <= BARS_MAX + 1), "1w")


def _starts(outlook: Outlook, width: timedelta, counts: dict[datetime, dict[str, int]]) -> Iterator[datetime]:
    """Beginnings of all bars; days and weeks, which begin at midnight of the zone, only where something is."""
    if width >= timedelta(days=1):
        yield from sorted(counts)
        return
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    at = epoch + (outlook.since - epoch) // width * width
    while at < outlook.until:
        yield at
        at += width


def _bar(ask: Asker, start: datetime, width: timedelta, counts: dict[datetime, dict[str, int]]) -> Bar:
    found, end = counts.get(start, {}), start + width
    inside = ask.outlook.between(max(start, ask.outlook.since), min(end, ask.outlook.until))
    return Bar(
        text_of(start), text_of(end), formats.clock_time(text_of(start), ask.now).removesuffix(":00.000"), found.get("allowed", 0),
        found.get("denied", 0), found.get("unknown", 0), inside.traffic(), inside.traffic(verdict="denied"),
    )  # fmt: skip
