"""The Overview's charts. Each is a table first: the scripts draw what stands in it, and follow its links."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition, filter_text, text_of
from meshtrail.web.overview_lists import EndWord, end_word
from meshtrail.web.overview_source import BYTES, Asker, Row, bytes_of, end_group, number

BARS_MAX = 60
"""Bars of the decisions: as many as fit beside each other on a phone."""

WIDTHS = {
    "1m": timedelta(minutes=1), "5m": timedelta(minutes=5), "15m": timedelta(minutes=15), "1h": timedelta(hours=1),
    "3h": timedelta(hours=3), "6h": timedelta(hours=6), "12h": timedelta(hours=12), "1d": timedelta(days=1), "1w": timedelta(days=7),
}  # fmt: skip
"""Widths of bars, as the API calls them."""

FLOWS = 28
"""Bands of the Sankey: more cannot be followed by eye."""

GROUPS_MAX = 1_000
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


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
        start = datetime.fromisoformat(str(each["group"][group]).replace(" ", "T"))
        counts[start.replace(tzinfo=start.tzinfo or UTC)][each["group"]["verdict"] or "unknown"] = number(each["measures"]["count"])
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


@dataclass(frozen=True, slots=True)
class Flow:
    """One band: who reached what."""

    source: EndWord
    person: bool
    """Whether `source` is a person."""
    destination: EndWord
    count: int
    bytes: str
    href: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Who reached what."""

    flows: tuple[Flow, ...]
    pairs: int
    more: int
    """Connections of pairs that are not shown."""
    whole: str


async def reached(ask: Asker) -> Reached:
    """People, or sources where no person is known, and what they reached; without what was denied or not answered."""
    detailed = await ask.detailed()
    source, destination = end_group("source", detailed), end_group("destination", detailed)
    found = await ask.aggregate(
        ["person", source, destination], ["count", *BYTES], order="count", top=str(GROUPS_MAX), state__not=["denied", "attempted", "gap"],
        verdict__not="denied",
    )  # fmt: skip
    sums: dict[tuple[str, str | None, str | None], list[int]] = defaultdict(lambda: [0, 0])
    for each in found["data"]:
        person = each["group"]["person"]
        key = ("person", person) if person is not None else ("source", each["group"][source])
        total = sums[(*key, each["group"][destination])]
        total[0] += number(each["measures"]["count"])
        total[1] += bytes_of(each["measures"])
    ordered = sorted(sums.items(), key=lambda each: (-each[1][0], str(each[0])))[: ask.rows(FLOWS)]
    flows = tuple(_flow(ask.outlook, *key, *total) for key, total in ordered)
    whole = number(found["totals"]["count"])
    return Reached(flows, max(len(sums), found["groups"] if found["others"] else 0), whole - sum(flow.count for flow in flows),
                   ask.outlook.part_path("reached"))  # fmt: skip


def _flow(outlook: Outlook, kind: str, who: str | None, destination: str | None, count: int, moved: int) -> Flow:
    to = end_condition("destination", destination)
    if kind == "person":
        href = outlook.traffic(filter_text("user", str(who)), **to)
        return Flow(EndWord(formats.visible(str(who)), False), True, end_word(destination), count, formats.byte_size(moved), href)
    href = outlook.traffic(**end_condition("source", who), **to)
    return Flow(end_word(who), False, end_word(destination), count, formats.byte_size(moved), href)


@dataclass(frozen=True, slots=True)
class Country:
    """Public ends of one country."""

    code: str
    to: int
    """Connections to it."""
    since: int
    """Connections from it."""
    bytes: str
    href: str


@dataclass(frozen=True, slots=True)
class Places:
    """Public ends by country."""

    countries: tuple[Country, ...]
    loaded: bool
    """Whether a file with places is loaded."""


async def places(ask: Asker) -> Places:
    """Where public ends are."""
    found = await ask.aggregate(["source_country_code", "destination_country_code"], ["count", *BYTES], top=str(GROUPS_MAX))
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in found["data"]:
        source, destination = each["group"]["source_country_code"], each["group"]["destination_country_code"]
        for place, code in ((0, destination), (1, source)):
            if code is not None:
                sums[code][place] += number(each["measures"]["count"])
        for code in {source, destination} - {None}:
            sums[code][2] += bytes_of(each["measures"])
    ordered = sorted(sums.items(), key=lambda each: (-each[1][0] - each[1][1], each[0]))
    countries = tuple(
        Country(formats.visible(code), to, since, formats.byte_size(moved), ask.outlook.traffic(filter_text("country_code", code)))
        for code, (to, since, moved) in ordered
    )  # fmt: skip
    return Places(countries, ask.source.places)


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week."""

    hour: int
    count: int
    start: str
    href: str


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the heat map."""

    name: str
    cells: tuple[Cell | None, ...]
    """One for each hour of the day; None outside the week."""


@dataclass(frozen=True, slots=True)
class Heat:
    """Connections by weekday and hour."""

    days: tuple[Day, ...]
    total: int
    zone: str


async def heat(ask: Asker) -> Heat:
    """The seven days that end with the window, hour by hour: each cell is one hour, so that it leads to its rows."""
    week, zone = ask.outlook.week(), ask.outlook.zone or "UTC"
    found = await ask.aggregate(["time(1h)"], outlook=week, order="time(1h):asc", top=str(GROUPS_MAX), zone=zone)
    counts: dict[datetime, Row] = {}
    for each in found["data"]:
        start = datetime.fromisoformat(str(each["group"]["time(1h)"]).replace(" ", "T"))
        counts[start.replace(tzinfo=start.tzinfo or UTC)] = each["measures"]
    place: tzinfo = ZoneInfo(zone)
    rows: dict[int, list[Cell | None]] = {day: [None] * 24 for day in range(7)}
    at = week.since
    while at < week.until:
        there, end = at.astimezone(place), min(at + timedelta(hours=1), week.until)
        count = number(counts[at]["count"]) if at in counts else 0
        rows[there.weekday()][there.hour] = Cell(there.hour, count, text_of(at), week.between(at, end).traffic())
        at += timedelta(hours=1)
    days = tuple(Day(DAYS[day], tuple(cells)) for day, cells in rows.items())
    return Heat(days, number(found["totals"]["count"]), zone)
