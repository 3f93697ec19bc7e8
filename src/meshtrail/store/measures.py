"""What rows are grouped by and what is computed of each group, as SQL.

A *grouping* is a value that a row has: a column, a stretch of time, the hour of its day, the day of its week. A *measure* is
computed in two steps, so that groups can be put together afterwards (the rest behind the top, the whole): *states* of each
group, and a *finish* over merged states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from meshtrail.common.errors import InvalidError
from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.address_sql import address_text

NUMBERS = frozenset({Kind.u8, Kind.u32, Kind.u64})
"""Kinds that can be added up."""

ORDERED = NUMBERS | {Kind.port, Kind.time}
"""Kinds that have a smallest and a largest."""

PERCENTILES = (50, 90, 95, 99)


class Function(Enum):
    """What a measure computes."""

    count = "count"
    """Rows."""
    sum = "sum"
    """Of the known values; null where none is known."""
    distinct = "distinct"
    """How many different known values."""
    min = "min"
    max = "max"
    avg = "avg"
    """Of the known values."""
    p50 = "p50"
    """The known value at half of all in their order (rank: floor of half their number, from 0)."""
    p90 = "p90"
    p95 = "p95"
    p99 = "p99"

    def __str__(self) -> str:
        return self.value


class Span(StrEnum):
    """Calendar stretches of time: they begin at midnight of the zone."""

    day = "1d"
    week = "1w"
    """From Monday."""
    month = "1mo"


_CALENDAR = {
    Span.day: "toStartOfDay({time}, {{zone:String}})",
    Span.week: "toDateTime(toStartOfWeek({time}, 1, {{zone:String}}), {{zone:String}})",
    Span.month: "toDateTime(toStartOfMonth({time}, {{zone:String}}), {{zone:String}})",
}


@dataclass(frozen=True, slots=True)
class ByColumn:
    """Rows with the same value. Of a list, a row belongs to the group of each of its items."""

    column: Column

    @property
    def name(self) -> str:
        """As it stands in the answer."""
        return self.column.name

    def sql(self, family: Family) -> str:
        """The row's value."""
        name = self.column.name
        if self.column.kind is Kind.names:
            return f"arrayJoin(if(empty({name}), [NULL], CAST({name}, 'Array(Nullable(String))')))"
        return name

    def shown(self, sql: str) -> str:
        """The value as the API shows it."""
        return address_text(sql) if self.column.kind is Kind.address else sql

    def sorted(self, sql: str) -> str:
        """What groups are ordered by: the engine compares the halves of a UUID the other way round."""
        return f"toString({sql})" if self.column.kind is Kind.uuid else sql


@dataclass(frozen=True, slots=True)
class ByTime:
    """Rows of one stretch of time; the value is its beginning."""

    width: int | Span
    """Microseconds, counted from 1970 in UTC, or a stretch of the calendar in the zone."""
    text: str
    """The width as people write it."""

    @property
    def name(self) -> str:
        """As it stands in the answer."""
        return f"time({self.text})"

    def sql(self, family: Family) -> str:
        """Microseconds since 1970."""
        if isinstance(self.width, Span):
            return f"toInt64(toUnixTimestamp({_CALENDAR[self.width].format(time=family.time)})) * 1000000"
        return f"intDiv(toUnixTimestamp64Micro({family.time}), {self.width}) * {self.width}"

    def shown(self, sql: str) -> str:
        """A time."""
        return f"fromUnixTimestamp64Micro({sql}, 'UTC')"

    def sorted(self, sql: str) -> str:
        """The number itself."""
        return sql


class Clockwork(StrEnum):
    """What a row's moment is in the zone."""

    hour = "hour"
    """0 to 23."""
    weekday = "weekday"
    """1, Monday, to 7, Sunday."""

    def sql(self, family: Family) -> str:
        """The number."""
        if self is Clockwork.hour:
            return f"toHour({family.time}, {{zone:String}})"
        return f"toDayOfWeek({family.time}, 0, {{zone:String}})"

    def shown(self, sql: str) -> str:
        """The number itself."""
        return sql

    def sorted(self, sql: str) -> str:
        """The number itself."""
        return sql


@dataclass(frozen=True, slots=True)
class FirstKnown:
    """Rows with the same first known value of several columns, as text: a person by name or e-mail address, an end by its name or
    address."""

    name: str
    """As it stands in the answer."""
    columns: tuple[Column, ...]

    def sql(self, family: Family) -> str:
        """The row's value, null where none of the columns is known."""
        shown = (address_text(each.name) if each.kind is Kind.address else each.name for each in self.columns)
        texts = (f"CAST({each}, 'Nullable(String)')" for each in shown)
        return f"coalesce({', '.join(texts)})"

    def shown(self, sql: str) -> str:
        """The text itself."""
        return sql

    def sorted(self, sql: str) -> str:
        """The text itself."""
        return sql


Grouping = ByColumn | FirstKnown | ByTime | Clockwork


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a group; `column` is None for `count` alone."""

    function: Function
    column: Column | None = None

    @property
    def name(self) -> str:
        """As it stands in the answer."""
        return str(self.function) if self.column is None else f"{self.function}({self.column.name})"

    @property
    def value(self) -> str:
        """SQL of a row's value: nullable, so that nothing known is null and not the type's smallest."""
        name = self.column.name if self.column is not None else "1"
        return name if self.function is Function.distinct else f"toNullable({name})"

    def states(self, rows: str, value: str, known: str) -> Sequence[str]:
        """Aggregates of a group whose merged states `finish` takes. `rows` is how many rows a row of the source stands for, `value`
        the value (of sums: their sum), `known` how many of these rows know it."""
        match self.function:
            case Function.count:
                return ("countState()" if rows == "1" else f"sumState(toUInt64({rows}))",)
            case Function.sum:
                return (f"sumState(toUInt128({value}))",)
            case Function.avg:
                return f"sumState(toUInt128({value}))", f"sumState(toUInt64({known}))"
            case Function.distinct:
                array = "Array" if self.column is not None and self.column.kind is Kind.names else ""
                return (f"uniqExact{array}State({value})",)
            case Function.min | Function.max:
                return (f"{self.function}State({value})",)
            case _:
                return (f"quantileExactState({int(self.function.value[1:]) / 100})({value})",)

    def finish(self, merged: Sequence[str]) -> str:
        """The number of merged states, null where nothing is known."""
        if self.function is Function.avg:
            return f"if({merged[1]} = 0, NULL, toFloat64(assumeNotNull({merged[0]})) / {merged[1]})"
        if self.function is Function.sum:
            return f"toString({merged[0]})"
        return merged[0]

    def rank(self, finished: Sequence[str]) -> str:
        """What groups are ordered by."""
        return f"{finished[0]} / greatest({finished[1]}, 1)" if self.function is Function.avg else finished[0]


def merged(states: Sequence[str], names: Sequence[str]) -> list[str]:
    """The states under their names, merged over groups: the same functions with another ending."""
    return [f"{_function(state)}({name})" for state, name in zip(states, names, strict=True)]


def _function(state: str) -> str:
    """`sumState(x)` is merged by `sumMerge`, `quantileExactState(0.5)(x)` by `quantileExactMerge(0.5)`."""
    name, _, rest = state.partition("State(")
    return f"{name}Merge({rest.partition(')')[0]})" if name.startswith("quantile") else f"{name}Merge"


def measure(function: Function, column: Column | None) -> Measure:
    """A checked measure; `InvalidError` says what the column cannot be."""
    if (function is Function.count) != (column is None):
        raise InvalidError(f"{function} {'takes no field' if column is not None else 'needs a field'}.")
    if column is not None:
        if column.kind is Kind.json or column.name in {"org_id", "seq"}:
            raise InvalidError(f"{column.name} cannot be measured.")
        if function in {Function.min, Function.max}:
            allowed = column.kind in ORDERED
        else:
            allowed = function is Function.distinct or column.kind in NUMBERS
        if not allowed:
            raise InvalidError(f"{function}({column.name}): {column.name} is no number.", "Use distinct() for names and addresses.")
    return Measure(function, column)


def by_column(column: Column) -> ByColumn:
    """A checked grouping."""
    if column.kind is Kind.json or column.name in {"org_id", "seq"}:
        raise InvalidError(f"Rows cannot be grouped by {column.name}.")
    return ByColumn(column)
