"""Counts of rows: over time, and of the values of a field. Hours counted beforehand answer where they know the fields; the same rows
are counted either way."""

from collections.abc import Mapping, Sequence

import msgspec

from meshtrail.model.columns import Column, Kind
from meshtrail.store.aggregate import Aggregate, Source, aggregated, guard, source_of
from meshtrail.store.engine import Engine, Share
from meshtrail.store.hours import Hours
from meshtrail.store.measures import ByTime, FirstKnown, Function, Grouping, by_column, measure
from meshtrail.store.query import Query, compiled

_COUNT = measure(Function.count, None)


def over_time(
    engine: Engine, query: Query, interval_ms: int, columns: Sequence[Column], series: Mapping[str, str],
    share: Share | None = None, hours: Hours | None = None,
) -> list[dict[str, int]]:  # fmt: skip
    """For each interval that has rows, its number since 1970 (`bucket`) and one count for each of the series. A series is an aggregate
    over `r`, how many rows there are with these values of the columns, and may name the series before it."""
    width = interval_ms * 1_000
    groupings: tuple[Grouping, ...] = (ByTime(width, f"{interval_ms}ms"), *(by_column(column) for column in columns))
    part, source = source_of(engine, query, Aggregate(groupings, (_COUNT,)), hours)
    counts = ", ".join(f"{sql} AS {name}" for name, sql in series.items())
    answer = engine.read(
        f"SELECT intDiv(g0, {width}) AS bucket, {counts} FROM ({_named(source, columns)}) GROUP BY bucket ORDER BY bucket",
        part.parameters,
        share=share,
    )
    return [msgspec.json.decode(line, type=dict[str, int]) for line in answer.splitlines()]


def _named(source: Source, columns: Sequence[Column]) -> str:
    names = "".join(f", g{number} AS {column.name}" for number, column in enumerate(columns, 1))
    return f"SELECT g0, r{names} FROM ({source.sql})"


def values(
    engine: Engine, query: Query, column: Column, limit: int, share: Share | None = None, hours: Hours | None = None
) -> list[tuple[str | None, int]]:
    """The most frequent values of a column as text, None where it is unknown, and how many rows have each."""
    if column.kind is Kind.names:
        return _items(engine, query, column, limit, share)
    asked = Aggregate((FirstKnown(column.name, (column,)),), (_COUNT,), top=limit)
    return [(group.values[0], int(group.measures[0] or 0)) for group in aggregated(engine, query, asked, share, hours).top]


def _items(engine: Engine, query: Query, column: Column, limit: int, share: Share | None) -> list[tuple[str | None, int]]:
    """Of a list, each of its items counts; rows with an empty one do not."""
    part = compiled(query)
    guard(engine, query.family, part)
    answer = engine.read(
        f"SELECT arrayJoin({column.name}) AS value, count() AS count FROM {query.family.name} FINAL WHERE {part.where} "
        f"GROUP BY value ORDER BY count DESC, value LIMIT {limit}",
        part.parameters,
        share=share,
    )
    found = [msgspec.json.decode(line) for line in answer.splitlines()]
    return [(str(each["value"]), int(each["count"])) for each in found]
