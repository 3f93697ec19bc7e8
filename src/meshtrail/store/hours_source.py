"""Which aggregates rolled hours answer, and the SQL that joins them with the rows of the other times."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from meshtrail.filter.tree import And, Compare, Node, Not, Or, Word
from meshtrail.filter.values import Instant
from meshtrail.model.columns import TRAFFIC, Column
from meshtrail.store.hours import COUNTERS, FIELDS, HOUR_US, TABLE, Rolled
from meshtrail.store.measures import ByColumn, ByTime, Clockwork, FirstKnown, Function, Grouping, Measure
from meshtrail.store.query import Compiled, Query

_FIELDS, _COUNTERS = frozenset(FIELDS), frozenset(COUNTERS)
_LARGEST = {Function.min: "first", Function.max: "last"}


def with_bounds(query: Query) -> Query:
    """The same query with the conditions on time that stand for themselves in its filter as its window."""
    items = query.filter.items if isinstance(query.filter, And) else (query.filter,) if query.filter is not None else ()
    rest: list[Node] = []
    since, until = [query.since], [query.until]
    for item in items:
        if isinstance(item, Compare) and item.field.name == query.family.time and isinstance(item.value, Instant):
            moment = item.value.microseconds + (item.operator in {">", "<="})
            (since if item.operator[0] == ">" else until).append(moment)
        else:
            rest.append(item)
    lows, highs = [each for each in since if each is not None], [each for each in until if each is not None]
    tree = None if not rest else rest[0] if len(rest) == 1 else And(tuple(rest))
    return replace(query, since=max(lows, default=None), until=min(highs, default=None), filter=tree)


def answers(query: Query, groupings: Sequence[Grouping], measures: Sequence[Measure]) -> bool:
    """Whether rolled hours know all that is asked for; the query's bounds are those of `with_bounds`."""
    conditions = [*query.conditions, *(query.found or ()), *(each for group in query.alternatives for each in group)]
    return (
        query.family is TRAFFIC
        and (not query.search or query.found is not None)
        and all(each.column.name in _FIELDS for each in conditions)
        and (query.filter is None or all(column is not None and column.name in _FIELDS for column in _columns(query.filter)))
        and all(_groups(each) for each in groupings)
        and all(_measures(each) for each in measures)
    )


def _columns(node: Node) -> Iterator[Column | None]:
    match node:
        case And(items) | Or(items):
            for item in items:
                yield from _columns(item)
        case Not(item):
            yield from _columns(item)
        case Word():
            yield None
        case _:
            yield from node.field.columns


def _groups(grouping: Grouping) -> bool:
    match grouping:
        case ByColumn(column):
            return column.name in _FIELDS
        case FirstKnown(_, columns):
            return all(column.name in _FIELDS for column in columns)
        case ByTime(int() as width, _):
            return width % HOUR_US == 0
        case ByTime() | Clockwork():
            return True


def _measures(measure: Measure) -> bool:
    column = measure.column
    match measure.function:
        case Function.count:
            return True
        case Function.sum | Function.avg:
            return column is not None and column.name in _COUNTERS
        case Function.distinct:
            return column is not None and column.name in _FIELDS
        case Function.min | Function.max:
            return column is not None and column.name == TRAFFIC.time
        case _:
            return False


def whole_in(zone: str, hours: Sequence[Rolled]) -> bool:
    """Whether the hours of UTC are hours of the zone too, in which days may begin: not in Kathmandu."""
    place = ZoneInfo(zone)
    offsets = (datetime.fromtimestamp(each.hour, UTC).astimezone(place).utcoffset() for each in hours)
    return all(offset is not None and offset.total_seconds() % 3600 == 0 for offset in offsets)


def rolled_rows(query: Query, groupings: Sequence[Grouping], measures: Sequence[Measure], where: str) -> str:
    """SELECT over the hours and generations of the parameters `hours` and `generations`, with the columns of `aggregate.Source`.
    `where` are the query's conditions without its window."""
    columns = [f"{grouping.sql(query.family)} AS g{n}" for n, grouping in enumerate(groupings)]
    columns.append("rows AS r")
    for n, measure in enumerate(measures):
        if measure.column is None:
            continue
        name = measure.column.name
        if name in _COUNTERS:
            columns += [f"if({name}_known = 0, NULL, {name}_sum) AS v{n}", f"{name}_known AS k{n}"]
        else:
            columns += [f"{_LARGEST.get(measure.function, name)} AS v{n}", f"1 AS k{n}"]
    chosen = (
        "hour >= toDateTime(arrayMin({hours:Array(UInt32)}), 'UTC') AND hour <= toDateTime(arrayMax({hours:Array(UInt32)}), 'UTC') "
        "AND generation IN {generations:Array(UInt64)}"
    )
    moments = f"SELECT *, toDateTime64(hour, 6, 'UTC') AS {query.family.time} FROM {TABLE} WHERE {_ORG} AND {chosen}"
    return f"SELECT {', '.join(columns)} FROM ({moments}) WHERE {where}"


_ORG = "org_id = {p0:String}"


def other_times(hours: Sequence[Rolled], since: int | None, until: int | None) -> list[tuple[int | None, int | None]]:
    """The half-open stretches of the window, in microseconds, that are in none of the hours; these are in order."""
    found: list[tuple[int | None, int | None]] = []
    at = since
    for each in hours:
        begin = each.hour * 1_000_000
        if at is None or at < begin:
            found.append((at, begin))
        at = begin + HOUR_US
    if until is None or at is None or at < until:
        found.append((at, until))
    return found


def at_times(times: Sequence[tuple[int | None, int | None]], part: Compiled) -> str:
    """Condition of the times."""
    moment = "fromUnixTimestamp64Micro({{}:Int64}, 'UTC')"
    either = []
    for since, until in times:
        bounds = Compiled(parameters=part.parameters)
        if since is not None:
            bounds.add(f"{TRAFFIC.time} >= {moment}", since)
        if until is not None:
            bounds.add(f"{TRAFFIC.time} < {moment}", until)
        either.append(bounds.where or "1")
    return "(" + " OR ".join(f"({each})" for each in either) + ")" if either else "0"
