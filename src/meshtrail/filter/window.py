"""The window of time that a filter can choose rows from, as far as it says so."""

from meshtrail.filter.tree import And, Compare, Match, Node, Or
from meshtrail.filter.values import Instant, TimeRange, Value

Window = tuple[int | None, int | None]
"""Half-open, in microseconds: `since <= time < until`; None where it is open."""


def window(node: Node, field: str) -> Window:
    """Bounds of the time field that every chosen row keeps. The tree has to be resolved; the filter may be narrower."""
    match node:
        case And(items):
            return _intersection([window(item, field) for item in items])
        case Or(items):
            return _union([window(item, field) for item in items])
        case Compare(each, operator, Instant(value)) if each.name == field:
            return {">": (value + 1, None), ">=": (value, None), "<": (None, value), "<=": (None, value + 1)}[operator]
        case Match(each, values) if each.name == field:
            return _union([_bounds(value) for value in values])
        case _:
            return None, None


def _bounds(value: Value) -> Window:
    match value:
        case Instant(at):
            return at, at + 1
        case TimeRange(Instant(since), Instant(until)):
            return since, until
        case _:
            return None, None


def _intersection(windows: list[Window]) -> Window:
    since = [low for low, _ in windows if low is not None]
    until = [high for _, high in windows if high is not None]
    return max(since, default=None), min(until, default=None)


def _union(windows: list[Window]) -> Window:
    lows, highs = [low for low, _ in windows], [high for _, high in windows]
    since = None if None in lows else min(low for low in lows if low is not None)
    until = None if None in highs else max(high for high in highs if high is not None)
    return since, until
