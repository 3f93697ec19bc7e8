"""Times: RFC 3339, days, and times relative to now; read and printed."""

import datetime as dt
import re

from meshtrail.filter.amounts import duration, printed_duration
from meshtrail.filter.limits import OFFSET_US_MAX
from meshtrail.filter.values import Base, Day, Instant, Relative, Time

EARLIEST = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(2299, 12, 31, tzinfo=dt.UTC)
"""The calendar of the store's times (ClickHouse DateTime64)."""

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})?")
_RELATIVE = re.compile(r"(now|today|yesterday)(?:([+-])([0-9A-Za-z.]+))?", re.IGNORECASE)
_LONGEST = 40
"""Characters of the longest time."""


def read_time(text: str) -> Time:
    """The time; ValueError says why not."""
    if len(text) <= _LONGEST:
        if found := _RELATIVE.fullmatch(text):
            return Relative(Base(found[1].lower()), _offset(found[2], found[3]))
        if _DAY.fullmatch(text):
            return _day(text)
        if found := _INSTANT.fullmatch(text):
            if found[2] is None:
                raise ValueError("has no time zone: put a Z at its end for UTC, or an offset such as +02:00")
            return _instant(text)
    raise ValueError("is no time such as 2026-09-21T09:00:00Z, 2026-09-21, today or now-2h")


def _offset(sign: str | None, text: str | None) -> int:
    if sign is None or text is None:
        return 0
    length = duration(text)
    if length > OFFSET_US_MAX:
        raise ValueError("is more than a hundred years away")
    return length if sign == "+" else -length


def _day(text: str) -> Day:
    try:
        day = Day(dt.date.fromisoformat(text))
    except ValueError:
        raise ValueError("is no day of the calendar") from None
    if not EARLIEST.date() < day.date < LATEST.date():
        raise ValueError("lies outside the calendar from 1900 to 2299")
    return day


def _instant(text: str) -> Instant:
    try:
        moment = dt.datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("is no time of the calendar") from None
    if not EARLIEST.date() < moment.date() < LATEST.date():
        raise ValueError("lies outside the calendar from 1900 to 2299")
    return Instant((moment - EPOCH) // _MICROSECOND)


def instant_of(moment: dt.datetime) -> Instant:
    """The instant, kept inside the store's calendar."""
    return Instant((min(max(moment, EARLIEST), LATEST) - EPOCH) // _MICROSECOND)


def printed_time(time: Time) -> str:
    """The time as it is read."""
    if isinstance(time, Day):
        return time.date.isoformat()
    if isinstance(time, Relative):
        offset = "" if not time.offset else ("-" if time.offset < 0 else "+") + printed_duration(abs(time.offset))
        return time.base.value + offset
    moment = EPOCH + time.microseconds * _MICROSECOND
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
