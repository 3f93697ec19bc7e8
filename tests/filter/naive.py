"""The oracle: a filter evaluated on one row in plain Python, as the documentation says it.

Rows are those of the native API: addresses and times are text, unknown is None; only JSON is text too. Nothing here is
shared with the store's compiler, and as little as possible with the room.
"""

import ipaddress
import re
from datetime import UTC, datetime
from typing import Any

from meshtrail.common.clock import microseconds
from meshtrail.filter.tree import And, Compare, Contains, Exists, Leaf, Match, Matches, Node, Not, Or, StartsWith, Word
from meshtrail.filter.values import (
    AddressRange,
    Base,
    Choice,
    Day,
    Identifier,
    Instant,
    Number,
    NumberRange,
    Pattern,
    Regex,
    Relative,
    Text,
    TimeRange,
)
from meshtrail.model.columns import TRAFFIC, Column, Family, Kind

DAY_US = 86_400 * 1_000_000
Row = dict[str, Any]


def chooses(node: Node, row: Row, now: int, family: Family = TRAFFIC) -> bool:
    """Whether the filter chooses the row; days are UTC."""
    match node:
        case And(items):
            return all(chooses(item, row, now, family) for item in items)
        case Or(items):
            return any(chooses(item, row, now, family) for item in items)
        case Not(item):
            return not chooses(item, row, now, family)
        case Word(value):
            return _word(value, row, family)
        case _:
            return any(_holds(node, known, now) for column in node.field.columns for known in _known(column, row))


def _known(column: Column, row: Row) -> list[Any]:
    """The values of a column that a condition looks at: none when unknown, each item of a list."""
    value = row[column.name]
    if value is None:
        return []
    match column.kind:
        case Kind.names:
            return list(value)
        case Kind.address:
            return [_address(value)]
        case Kind.time:
            return [microseconds(value)]
        case Kind.port | Kind.u8 | Kind.u32 | Kind.u64:
            return [int(value)]
        case _:
            return [value]


def _address(text: str) -> int:
    address = ipaddress.ip_address(text)
    return int(ipaddress.ip_address(f"::ffff:{address}")) if address.version == 4 else int(address)


def _holds(node: Leaf, value: Any, now: int) -> bool:
    match node:
        case Match(_, values):
            return any(_is(value, wanted, now) for wanted in values)
        case Compare(_, operator, wanted):
            other = wanted.value if isinstance(wanted, Number) else _time(wanted, now)
            return bool({"<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other}[operator])
        case Matches(_, regex):
            return _found(regex, value)
        case Contains(_, text):
            return text.text.lower() in value.lower()
        case StartsWith(_, text):
            return bool(value.lower().startswith(text.text.lower()))
        case Exists():
            return True
        case _:
            raise AssertionError(node)


def _found(regex: Regex, value: str) -> bool:
    pattern = re.sub(r"\$$", r"\\Z", regex.pattern) if not regex.pattern.endswith("\\$") else regex.pattern
    return re.search(pattern, value, re.DOTALL | re.ASCII | (re.IGNORECASE if regex.ignores_case else 0)) is not None


def _is(value: Any, wanted: object, now: int) -> bool:  # noqa: PLR0911
    match wanted:
        case Text(text) | Choice(text) | Identifier(text):
            return bool(value == text)
        case Pattern():
            return _like(wanted, value, 0)
        case Number(number):
            return bool(value == number)
        case NumberRange(low, high) | AddressRange(low, high):
            return bool(low <= value <= high)
        case Instant(at):
            return bool(value == at)
        case TimeRange(since, until):
            return _time(since, now) <= value < _time(until, now)
        case Day() | Relative(Base.today | Base.yesterday) if _time(wanted, now) % DAY_US == 0:
            return _time(wanted, now) <= value < _time(wanted, now) + DAY_US
        case Relative():
            return bool(value == _time(wanted, now))
        case _:
            raise AssertionError(wanted)


def _time(time: object, now: int) -> int:
    match time:
        case Instant(at):
            return at
        case Day(date):
            return int(datetime(date.year, date.month, date.day, tzinfo=UTC).timestamp()) * 1_000_000
        case Relative(base, offset):
            midnight = now - now % DAY_US
            return {Base.now: now, Base.today: midnight, Base.yesterday: midnight - DAY_US}[base] + offset
        case _:
            raise AssertionError(time)


def _like(pattern: Pattern, value: str, flags: int) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.parts), value, re.DOTALL | flags) is not None


def _word(word: Text | Pattern, row: Row, family: Family) -> bool:
    def holds(value: str) -> bool:
        if isinstance(word, Pattern):
            return _like(word, value, re.IGNORECASE)
        return word.text.lower() in value.lower()

    for name in family.searched:
        value = row[name]
        if value is None:
            continue
        if family.columns[name].kind is Kind.address:
            if _in_address(word, value, holds(value)):
                return True
        elif holds(value):
            return True
    return False


def _in_address(word: Text | Pattern, address: str, held: bool) -> bool:
    text = "".join(word.parts) if isinstance(word, Pattern) else word.text
    if isinstance(word, Text):
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            low, dots, high = text.partition("..")
            if dots and _is_address(low) and _is_address(high):
                return _address(low) <= _address(address) <= _address(high)
        else:
            return _address(str(network[0])) <= _address(address) <= _address(str(network[-1]))
    return held and re.search(r"[0-9.:]", text) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
