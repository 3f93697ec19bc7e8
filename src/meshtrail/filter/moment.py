"""Relative times made into instants, when a filter is used.

The tree of a link says `now-2h`; a query needs microseconds. `resolved` gives a tree that holds instants only, so that
what reads rows needs no clock, and equal queries are equal.
"""

import datetime as dt
from dataclasses import dataclass, replace

from meshtrail.filter.amounts import DURATIONS
from meshtrail.filter.fields import Field
from meshtrail.filter.times import EPOCH, instant_of
from meshtrail.filter.tree import And, Compare, Match, Node, Not, Or
from meshtrail.filter.values import Base, Day, Instant, Relative, Time, TimeRange, Value

_DAY_US = DURATIONS["d"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a filter is used, and in which time zone its days begin."""

    now: int
    """Microseconds since the epoch."""
    zone: dt.tzinfo = dt.UTC


def resolved(node: Node, moment: Moment) -> Node:
    """The same filter with instants in place of days and relative times; days after `=` and `in` become ranges."""
    match node:
        case And(items):
            return And(tuple(resolved(item, moment) for item in items))
        case Or(items):
            return Or(tuple(resolved(item, moment) for item in items))
        case Not(item):
            return Not(resolved(item, moment))
        case Compare(_, _, Day() | Relative() as value):
            return replace(node, value=_instant(value, moment))
        case Match(field, values):
            return _match(field, values, moment)
        case _:
            return node


def is_relative(node: Node) -> bool:
    """Whether the rows that the filter chooses depend on when, or in which time zone, it is used."""
    match node:
        case And(items) | Or(items):
            return any(is_relative(item) for item in items)
        case Not(item):
            return is_relative(item)
        case Compare(_, _, value):
            return isinstance(value, Day | Relative)
        case Match(_, values):
            return any(_is_relative_value(value) for value in values)
        case _:
            return False


def _is_relative_value(value: Value) -> bool:
    ends = (value.since, value.until) if isinstance(value, TimeRange) else (value,)
    return any(isinstance(end, Day | Relative) for end in ends)


def _match(field: Field, values: tuple[Value, ...], moment: Moment) -> Match:
    return Match(field, tuple(dict.fromkeys(_value(value, moment) for value in values)))


def _value(value: Value, moment: Moment) -> Value:
    match value:
        case TimeRange(since, until):
            return TimeRange(_instant(since, moment), _instant(until, moment))
        case Day(date):
            return TimeRange(_midnight(date, moment), _midnight(date + dt.timedelta(days=1), moment))
        case Relative(base, offset) if base is not Base.now and offset % _DAY_US == 0:
            return _value(Day(_date(base, offset // _DAY_US, moment)), moment)
        case Relative():
            return _instant(value, moment)
        case _:
            return value


def _instant(time: Time, moment: Moment) -> Instant:
    match time:
        case Instant():
            return time
        case Day(date):
            return _midnight(date, moment)
        case Relative(Base.now, offset):
            return _clamped(moment.now + offset)
        case Relative(base, offset):
            days, rest = divmod(offset, _DAY_US)
            return _clamped(_midnight(_date(base, days, moment), moment).microseconds + rest)


def _clamped(microseconds: int) -> Instant:
    return instant_of(EPOCH + dt.timedelta(microseconds=microseconds))


def _date(base: Base, days: int, moment: Moment) -> dt.date:
    """The date of `today`, or of `yesterday`, moved by whole days of the calendar."""
    now = (EPOCH + dt.timedelta(microseconds=moment.now)).astimezone(moment.zone)
    return now.date() + dt.timedelta(days=days - (base is Base.yesterday))


def _midnight(date: dt.date, moment: Moment) -> Instant:
    return instant_of(dt.datetime.combine(date, dt.time(), moment.zone))
