"""The oracle of aggregates: rows of the native API grouped and measured in plain Python."""

import ipaddress
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from meshtrail.common.clock import microseconds, rfc3339
from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.aggregate import Aggregate
from meshtrail.store.measures import (
    NUMBERS,
    ORDERED,
    ByColumn,
    ByTime,
    Clockwork,
    Function,
    Grouping,
    Measure,
    Span,
    by_column,
    measure,
)  # fmt: skip

Row = dict[str, Any]
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu")


def random_aggregate(chance: random.Random, family: Family, top: int | None = None) -> Aggregate:
    """Any fields, any measures, any order."""
    columns = [column for column in family if column.kind is not Kind.json and column.name not in {"org_id", "seq", "received_at"}]
    groupings: list[Grouping] = [by_column(column) for column in chance.sample(columns, chance.choice((0, 1, 1, 2, 3)))]
    if chance.random() < 0.4:
        widths = [*Span, 3_600_000_000, 900_000_000, 7 * 1_000_000]
        width = chance.choice(widths)
        groupings.append(ByTime(width, width.value if isinstance(width, Span) else f"{width}us"))
    if chance.random() < 0.3:
        groupings.append(chance.choice(list(Clockwork)))
    measures = list(dict.fromkeys(_measure(chance, columns) for _ in range(chance.randint(1, 4))))
    order = chance.randrange(-len(groupings), len(measures))
    zone = chance.choice(ZONES)
    return Aggregate(
        tuple(groupings[:4]), tuple(measures), max(order, -4), chance.random() < 0.6, top or chance.choice((1, 3, 10, 1000)), zone
    )


def _measure(chance: random.Random, columns: list[Column]) -> Measure:
    function = chance.choice(list(Function))
    if function is Function.count:
        return measure(function, None)
    kinds = ORDERED if function in {Function.min, Function.max} else NUMBERS
    fitting = [column for column in columns if function is Function.distinct or column.kind in kinds]
    return measure(function, chance.choice(fitting))


def naive(rows: list[Row], asked: Aggregate, family: Family) -> tuple[list[tuple[list[Any], list[Any]]], list[Any] | None, list[Any], int]:
    """Groups at the top, others, totals, number of groups."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    everything: list[Row] = []
    for row in rows:
        for key in product(*(_values(grouping, row, family, asked.zone) for grouping in asked.groupings)):
            groups[key].append(row)
            everything.append(row)
    measured = {key: [_value(each, members) for each in asked.measures] for key, members in groups.items()}

    def place(key: tuple[Any, ...]) -> tuple[Any, ...]:
        value = key[-asked.order - 1] if asked.order < 0 else measured[key][asked.order]
        by = asked.groupings[-asked.order - 1] if asked.order < 0 else asked.measures[asked.order]
        first = _sortable(value, by.column if isinstance(by, ByColumn) else None)
        return (first[0], _Reversed(first[1]) if asked.descending else first[1], *(
            _sortable(each, grouping.column if isinstance(grouping, ByColumn) else None)
            for each, grouping in zip(key, asked.groupings, strict=True)
        ))  # fmt: skip

    ordered = sorted(groups, key=place) if asked.groupings else []
    rest = [row for key in ordered[asked.top :] for row in groups[key]]
    others = [_value(each, rest) for each in asked.measures] if len(ordered) > asked.top else None
    totals = [_value(each, everything) for each in asked.measures]
    return [(list(key), measured[key]) for key in ordered[: asked.top]], others, totals, len(ordered)


class _Reversed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def _sortable(value: Any, column: Column | None) -> tuple[bool, Any]:
    """Unknown values are last; names in the order of their bytes, choices and addresses in that of their numbers."""
    if value is None:
        return (True, 0)
    if column is not None and column.choices is not None:
        return (False, int(column.choices[value]))
    if column is not None and column.kind is Kind.address:
        address = ipaddress.ip_address(value)
        return (False, int(address) + (0xFFFF << 32 if address.version == 4 else 0))
    if column is not None and column.kind is Kind.uuid:
        return (False, value)
    return (False, value.encode() if isinstance(value, str) else value)


def _values(grouping: Grouping, row: Row, family: Family, zone: str) -> list[Any]:
    if isinstance(grouping, ByColumn):
        value = row[grouping.column.name]
        return (value or [None]) if grouping.column.kind is Kind.names else [value]
    moment = microseconds(row[family.time])
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    local = local.astimezone(ZoneInfo(zone))
    if isinstance(grouping, Clockwork):
        return [local.hour if grouping is Clockwork.hour else local.isoweekday()]
    assert isinstance(grouping, ByTime)
    if not isinstance(grouping.width, Span):
        return [rfc3339(moment // grouping.width * grouping.width)]
    midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001 the zone is put on below, after counting days
    if grouping.width is Span.week:
        midnight -= timedelta(days=midnight.weekday())
    if grouping.width is Span.month:
        midnight = midnight.replace(day=1)
    return [rfc3339(int(midnight.replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000)]


def _value(each: Measure, rows: list[Row]) -> Any:
    if each.column is None:
        return len(rows)
    if each.column.kind is Kind.names:
        return len({item for row in rows for item in row[each.column.name]})
    known = [row[each.column.name] for row in rows if row[each.column.name] is not None]
    if each.function is Function.distinct:
        return len(set(known))
    return _number(each.function, known) if known else None


def _number(function: Function, known: list[Any]) -> Any:
    match function:
        case Function.sum:
            return sum(known)
        case Function.avg:
            return sum(known) / len(known)
        case Function.min:
            return min(known)
        case Function.max:
            return max(known)
        case _:
            return sorted(known)[int(int(function.value[1:]) / 100 * len(known))]
