"""Rows grouped and measured: the top groups, the rest of them together, and the whole, in one read.

Each group keeps the *states* of its measures until it is known which groups are at the top; the others and the whole are
merged states, so that also a distinct count or a percentile of the rest is exact, and not a sum of parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from meshtrail.common.errors import InvalidError
from meshtrail.model.columns import Family
from meshtrail.store.engine import Engine, QueryTooLargeError, Share
from meshtrail.store.hours import Hours, Rolled
from meshtrail.store.hours_source import answers, at_times, other_times, rolled_rows, whole_in, with_bounds
from meshtrail.store.limits import GROUPINGS_MAX, MEASURES_MAX, ROWS_MAX, TOP_MAX
from meshtrail.store.measures import Function, Grouping, Measure, merged
from meshtrail.store.query import Compiled, Query, compiled

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is asked of the rows that a query chooses."""

    groupings: tuple[Grouping, ...]
    measures: tuple[Measure, ...]
    order: int = 0
    """The measure that groups are ordered by; -n is the n-th grouping."""
    descending: bool = True
    top: int = 20
    zone: str = "UTC"

    def __post_init__(self) -> None:
        for what, found, most in (("fields", self.groupings, GROUPINGS_MAX), ("measures", self.measures, MEASURES_MAX)):
            if len(found) > most:
                raise InvalidError(f"{len(found)} {what}; at most {most} are allowed.")
        if not self.measures:
            raise InvalidError("There is nothing to measure.")
        if not 1 <= self.top <= TOP_MAX:
            raise InvalidError(f"top must be from 1 to {TOP_MAX}.")


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its values, and its measures, in the order they were asked for."""

    values: list[Any]
    measures: list[Value]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The answer."""

    top: list[Group]
    others: list[Value] | None
    """Measures of all groups that are not at the top, together; None when there is none."""
    totals: list[Value]
    """Measures of all rows."""
    groups: int
    """How many groups there are."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of an aggregate come from: SQL of a table expression with the columns g0 … (values of the groupings), r (rows it
    stands for), and for each measure with a column v0 … (value) and k0 … (how many of the rows know it)."""

    sql: str
    rows: str = "1"
    """`r`, where not all rows of it stand for one."""


def estimated_rows(engine: Engine, family: Family, part: Compiled) -> int:
    """Stored reports that a read of these rows has to look at, from partitions, keys and skip indexes alone."""
    answer = engine.read(f"EXPLAIN ESTIMATE SELECT seq FROM {family.name} WHERE {part.where}", part.parameters)
    return sum(int(msgspec.json.decode(line)["rows"]) for line in answer.splitlines())


def guard(engine: Engine, family: Family, part: Compiled) -> None:
    """`QueryTooLargeError` when the rows are too many to be looked at for one answer."""
    rows = estimated_rows(engine, family, part)
    if rows > ROWS_MAX:
        raise QueryTooLargeError(f"{rows} rows would be read; at most {ROWS_MAX} are")


def aggregated(engine: Engine, query: Query, asked: Aggregate, share: Share | None = None, hours: Hours | None = None) -> Aggregated:
    """Run it, with the help of rolled hours where they know the answer; `QueryTooLargeError` past the limits of rows, time, memory or
    groups."""
    part, source = source_of(engine, query, asked, hours)
    part.parameters["zone"] = asked.zone
    return _understood(engine.read(statement(source, asked), part.parameters, share=share), asked)


def source_of(engine: Engine, query: Query, asked: Aggregate, hours: Hours | None) -> tuple[Compiled, Source]:
    """Where the rows of an aggregate come from, and the parameters; `QueryTooLargeError` when they are too many."""
    bounded = with_bounds(query)
    known: list[Rolled] = []
    if hours is not None and answers(bounded, asked.groupings, asked.measures):
        known = hours.clean(query.org_id, bounded.since, bounded.until)
    if known and whole_in(asked.zone, known):
        part, source = _with_hours(bounded, asked, known)
    else:
        part = compiled(query)
        source = raw_source(query, asked, part.where)
    guard(engine, query.family, part)
    return part, source


def _with_hours(query: Query, asked: Aggregate, known: list[Rolled]) -> tuple[Compiled, Source]:
    """Conditions of the rows that are read one by one, and these rows together with the rolled hours."""
    part = compiled(replace(query, since=None, until=None))
    rolled = rolled_rows(query, asked.groupings, asked.measures, part.where)
    part.clauses.append(at_times(other_times(known, query.since, query.until), part))
    part.parameters["hours"] = [each.hour for each in known]
    part.parameters["generations"] = [each.generation for each in known]
    return part, Source(f"{rolled} UNION ALL {raw_source(query, asked, part.where).sql}", "r")


def raw_source(query: Query, asked: Aggregate, where: str) -> Source:
    """The merged rows themselves."""
    columns = [f"{grouping.sql(query.family)} AS g{n}" for n, grouping in enumerate(asked.groupings)]
    columns.append("1 AS r")
    for n, measure in enumerate(asked.measures):
        if measure.column is not None:
            columns += [f"{measure.value} AS v{n}", f"isNotNull({measure.column.name}) AS k{n}"]
    return Source(f"SELECT {', '.join(columns)} FROM {query.family.name} FINAL WHERE {where}")


def statement(source: Source, asked: Aggregate) -> str:
    """The whole read: a line for each group at the top, one for the others, and one, of place 0, for the whole."""
    states = [measure.states(source.rows, f"v{n}", f"k{n}") for n, measure in enumerate(asked.measures)]
    named = [[f"s{n}_{each}" for each in range(len(parts))] for n, parts in enumerate(states)]
    keys = [f"g{n}" for n in range(len(asked.groupings))]
    kept = [f"{sql} AS {name}" for parts, names in zip(states, named, strict=True) for sql, name in zip(parts, names, strict=True)]
    grouped = f"SELECT {', '.join([*keys, *kept])} FROM ({source.sql})" + (f" GROUP BY {', '.join(keys)}" if keys else "")
    order = _order(asked, named, keys)
    ranked = f"SELECT *, row_number() OVER (ORDER BY {order}) AS rank, count() OVER () AS total FROM ({grouped})"
    placed = f"SELECT *, toUInt32(least(rank, {asked.top + 1})) AS place FROM ({ranked})"
    shown = [f"{grouping.shown(f'any(g{n})')} AS g{n}_" for n, grouping in enumerate(asked.groupings)]
    finished = [
        f"{measure.finish(merged(parts, names))} AS m{n}"
        for n, (measure, parts, names) in enumerate(zip(asked.measures, states, named, strict=True))
    ]
    columns = ", ".join(["place", "max(total) AS groups", *shown, *finished])
    return f"SELECT {columns} FROM ({placed}) GROUP BY GROUPING SETS ((place), ()) ORDER BY place"


def _order(asked: Aggregate, named: Sequence[Sequence[str]], keys: Sequence[str]) -> str:
    keys = [grouping.sorted(key) for grouping, key in zip(asked.groupings, keys, strict=True)]
    if asked.order < 0:
        first = keys[-asked.order - 1]
    else:
        first = asked.measures[asked.order].rank([f"finalizeAggregation({name})" for name in named[asked.order]])
    return ", ".join([f"{first} {'DESC' if asked.descending else 'ASC'} NULLS LAST", *(f"{key} ASC NULLS LAST" for key in keys)])


def _understood(answer: bytes, asked: Aggregate) -> Aggregated:
    found = Aggregated([], None, [0 if measure.function in _NEVER_NULL else None for measure in asked.measures], 0)
    for line in answer.splitlines():
        row = msgspec.json.decode(line)
        measures = [_number(measure, row[f"m{n}"]) for n, measure in enumerate(asked.measures)]
        if row["place"] == 0:
            found = replace(found, totals=measures, groups=int(row["groups"]) if asked.groupings else 0)
        elif asked.groupings and row["place"] > asked.top:
            found = replace(found, others=measures)
        elif asked.groupings:
            found.top.append(Group([row[f"g{n}_"] for n in range(len(asked.groupings))], measures))
    return found


_NEVER_NULL = frozenset({Function.count, Function.distinct})


def _number(measure: Measure, value: Value) -> Value:
    """Sums come as text, because JSON's numbers end before theirs; an average that is whole comes without a point."""
    if value is None or measure.function not in {Function.sum, Function.avg}:
        return value
    return int(value) if measure.function is Function.sum else float(value)
