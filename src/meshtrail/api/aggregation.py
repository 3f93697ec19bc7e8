"""Query strings of aggregates: `group=source.name&group=time(1h)&measure=sum(tx_bytes)&order=count:asc&top=20`."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from meshtrail.api import parameters as read
from meshtrail.api.filter_text import zone_of
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import InvalidError
from meshtrail.filter.amounts import duration
from meshtrail.filter.fields import fields_of
from meshtrail.model.columns import TRAFFIC, Column, Family
from meshtrail.store.aggregate import Aggregate, Aggregated, Value
from meshtrail.store.ends import end, person, reason
from meshtrail.store.limits import TOP_MAX
from meshtrail.store.measures import ByTime, Clockwork, Function, Grouping, Measure, Span, by_column, measure
from meshtrail.store.query import Query

TOP = 20
"""Groups of an answer when the caller does not say."""

SPAN_LEAST_US, SPAN_MOST_US = 1_000_000, 86_400_000_000
"""Widths of `time(…)` that are no stretches of the calendar: below a second nobody looks, above a day it is days."""

OWN = frozenset({"group", "measure", "order", "top"})
"""Parameters that are the aggregate's; all others choose rows as they do for lists."""

_COMBINED: dict[str, Grouping] = {each.name: each for each in (end("source", True), end("destination", True), person(), reason())}
"""Groups of traffic by the first known of several fields."""

_CALL = re.compile(r"([a-z0-9]{1,20})(?:\(([A-Za-z0-9_. ]{0,80})\))?")


class AggregateGroup(msgspec.Struct):
    """One group: what its rows have in common, and its measures. Each by the name under which it was asked for."""

    group: dict[str, Any]
    measures: dict[str, Value]


class AggregateAnswer(msgspec.Struct):
    """The groups at the top, the others together, and the whole."""

    data: list[AggregateGroup]
    others: dict[str, Value] | None
    """Measures of all groups that are not in `data`; null when there is none."""
    totals: dict[str, Value]
    """Measures of all rows."""
    groups: int
    """How many groups there are."""
    since: str | None
    until: str | None
    """The window of time, `until` not included; null where it is open."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query and what is asked of its rows."""

    query: Query
    asked: Aggregate


def question(org_id: str, parameters: read.Parameters, family: Family, now: int) -> Question:
    """The whole query string; `now` (microseconds) is the moment of the request."""
    groupings = tuple(_grouping(text, family) for text in dict.fromkeys(parameters.get("group", ())))
    measures = tuple(_measure(text, family) for text in dict.fromkeys(parameters.get("measure", ()))) or (measure(Function.count, None),)
    order, descending = _order(read.single(parameters, "order"), groupings, measures, family)
    top = read.integer(parameters, "top", TOP, 1, TOP_MAX)
    zone = read.single(parameters, "zone") or "UTC"
    zone_of(zone)
    chosen = {name: values for name, values in parameters.items() if name not in OWN}
    return Question(read.query(org_id, chosen, family, now), Aggregate(groupings, measures, order, descending, top, zone))


def answer(question: Question, found: Aggregated) -> AggregateAnswer:
    """The answer under the names of the API."""
    asked = question.asked
    names = [each.name for each in asked.measures]

    def measured(values: list[Value]) -> dict[str, Value]:
        return {name: _within_json(value) for name, value in zip(names, values, strict=True)}

    groups = [
        AggregateGroup({by.name: value for by, value in zip(asked.groupings, each.values, strict=True)}, measured(each.measures))
        for each in found.top
    ]
    others = measured(found.others) if found.others is not None else None
    window = (rfc3339(bound) if bound is not None else None for bound in (question.query.since, question.query.until))
    return AggregateAnswer(groups, others, measured(found.totals), found.groups, *window)


def _within_json(value: Value) -> Value:
    """Sums that no 64 bits hold are text: a number of JSON would lose digits on its way."""
    return str(value) if isinstance(value, int) and value >= 1 << 64 else value


def _grouping(text: str, family: Family) -> Grouping:
    called, argument = _call(text, "group")
    if family is TRAFFIC and text in _COMBINED:
        return _COMBINED[text]
    if called == "time" and argument is not None:
        return _by_time(argument.strip())
    if argument is None and called in Clockwork.__members__:
        return Clockwork[called]
    return by_column(column_of(text, family))


def _by_time(text: str) -> ByTime:
    if text in {span.value for span in Span}:
        return ByTime(Span(text), text)
    try:
        width = duration(text)
    except ValueError as error:
        raise InvalidError(f"time({text[:20]}): it {error}.", "Write time(5m), time(1h), time(1d), time(1w) or time(1mo).") from None
    if not SPAN_LEAST_US <= width < SPAN_MOST_US or width % SPAN_LEAST_US:
        raise InvalidError(f"time({text[:20]}) is no width from 1s to 24h.", "For longer ones write time(1d), time(1w) or time(1mo).")
    return ByTime(width, text)


def _measure(text: str, family: Family) -> Measure:
    called, argument = _call(text, "measure")
    if called not in Function.__members__:
        raise InvalidError(f"There is no measure {text[:40]!r}.", f"It is one of: {', '.join(Function.__members__)}.")
    return measure(Function[called], None if argument is None else column_of(argument, family))


def _order(
    text: str | None, groupings: tuple[Grouping, ...], measures: tuple[Measure, ...], family: Family
) -> tuple[int, bool]:  # fmt: skip
    name, _, direction = (text or "").partition(":")
    if direction not in {"", "asc", "desc"}:
        raise InvalidError(f"order ends with {direction[:20]!r}; it may end with :asc or :desc.")
    if not name:
        return 0, direction != "asc"
    named = [by.name for by in groupings]
    if name in named:
        return -named.index(name) - 1, direction == "desc"
    for number, each in enumerate(measures):
        if name == each.name or (name.endswith(")") and _measure(name, family) == each):
            return number, direction != "asc"
    for number, by in enumerate(groupings):
        if _grouping(name, family).name == by.name:
            return -number - 1, direction == "desc"
    raise InvalidError(f"order is {name[:40]!r}, which is neither a measure nor a group of this request.")


def _call(text: str, what: str) -> tuple[str, str | None]:
    found = _CALL.fullmatch(text)
    return (found[1], found[2]) if found is not None else (text, None)


def column_of(name: str, family: Family) -> Column:
    """The column of a field in any of its spellings. `InvalidError` for other names, and for those of several columns (`user`)."""
    fields = fields_of(family)
    field = fields.find(name.strip())
    if field is None:
        near = fields.near(name.strip())
        raise InvalidError(f"There is no field {name[:40]!r}.", f"Did you mean {' or '.join(near)}?" if near else "")
    if len(field.columns) > 1:
        names = ", ".join(column.name for column in field.columns)
        raise InvalidError(f"{name[:40]} is several fields at once.", f"Choose one of: {names}.")
    return field.columns[0]
