"""The Overview's week, hour by hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from meshtrail.web.outlook import text_of
from meshtrail.web.overview_source import GROUPS_MAX, Asker, Row, moment, number

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


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
        counts[moment(each["group"]["time(1h)"])] = each["measures"]
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
