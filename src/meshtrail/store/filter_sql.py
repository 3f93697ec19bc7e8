"""The tree of a filter, compiled to parameterised SQL.

Values only ever become parameters, names come from the column table. Conditions stay *sargable*: a column stands alone
at one side of a plain comparison, so that keys, partitions and skip indexes can be used; networks are ranges of IPv6.

SQL knows three truths, the filter two. A condition is null where its column is, which `and`, `or` and WHERE take as
false; only under a `not` it has to become false first (`ifNull`), and only where a column can be null at all.
"""

import uuid
from collections.abc import Callable, Sequence

from meshtrail.filter.addresses import ipv6_text
from meshtrail.filter.searched import address_of, may_be_address, searched
from meshtrail.filter.sorts import UINT_BITS
from meshtrail.filter.tree import (
    And,
    Compare,
    Condition,
    Contains,
    Exists,
    Match,
    Matches,
    Node,
    Not,
    Or,
    StartsWith,
    Word,
)  # fmt: skip
from meshtrail.filter.values import (
    AddressRange,
    Choice,
    Identifier,
    Instant,
    Number,
    NumberRange,
    Pattern,
    Regex,
    Text,
    TimeRange,
    Value,
)  # fmt: skip
from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.address_sql import address_text

ParameterValue = str | int | list[str] | list[int]
Parameters = dict[str, ParameterValue]


def filter_clauses(node: Node, family: Family, parameters: Parameters) -> list[str]:
    """Clauses that, joined by AND, choose the rows of the tree; their values are added to `parameters`.

    The tree has to be resolved (`filter.resolved`); ValueError otherwise.
    """
    compiler = _Compiler(family, parameters)
    return [compiler.clause(item) for item in (node.items if isinstance(node, And) else (node,))]


class _Compiler:
    """One statement's conditions. Every method returns SQL that is one operand: comparison, call, or parentheses."""

    def __init__(self, family: Family, parameters: Parameters) -> None:
        self._family = family
        self._parameters = parameters

    def clause(self, node: Node) -> str:
        match node:
            case And(items):
                return _joined("AND", [self.clause(item) for item in items], "1")
            case Or(items):
                return _joined("OR", [self.clause(item) for item in items], "0")
            case Not(item):
                inner = self.clause(item)
                return f"(NOT ifNull({inner}, 0))" if _may_be_null(item) else f"(NOT {inner})"
            case Word(value):
                return self._word(value)
            case _:
                return _joined("OR", [self._condition(node, column) for column in node.field.columns], "0")

    def _place(self, value: ParameterValue, kind: str) -> str:
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return f"{{{name}:{kind}}}"

    def _condition(self, node: Condition, column: Column) -> str:
        match node:
            case Match(_, values):
                return self._match(column, values)
            case Compare(_, operator, value):
                return f"{column.name} {operator} {self._point(column, value)}"
            case Matches(_, regex):
                return self._each(column, lambda name: self._regex(name, regex))
            case Contains(_, text):
                return self._each(column, lambda name: f"(positionCaseInsensitiveUTF8({name}, {self._place(text.text, 'String')}) > 0)")
            case StartsWith(_, text):
                return self._each(column, lambda name: f"(positionCaseInsensitiveUTF8({name}, {self._place(text.text, 'String')}) = 1)")
            case Exists():
                return f"notEmpty({column.name})" if column.kind is Kind.names else f"({column.name} IS NOT NULL)"

    def _each(self, column: Column, test: Callable[[str], str]) -> str:
        """The test on the column, or on any item of a list."""
        return f"arrayExists(item -> {test('item')}, {column.name})" if column.kind is Kind.names else test(column.name)

    def _regex(self, name: str, regex: Regex) -> str:
        return f"match({name}, {self._place(('(?i)' if regex.ignores_case else '') + regex.pattern, 'String')})"

    def _like(self, name: str, pattern: Pattern, operator: str = "LIKE") -> str:
        return f"({name} {operator} {self._place('%'.join(_like_text(part) for part in pattern.parts), 'String')})"

    def _match(self, column: Column, values: Sequence[Value]) -> str:
        """Single values together, the others one by one."""
        singles = [value for value in values if _is_single(value)]
        tests = [self._singles(column, singles)] if singles else []
        tests += [self._several(column, value) for value in values if not _is_single(value)]
        return _joined("OR", tests, "0")

    def _singles(self, column: Column, values: list[Value]) -> str:
        if column.kind is Kind.time:
            return _joined("OR", [f"({column.name} = {self._point(column, value)})" for value in values], "0")
        raw = [_raw(column, value) for value in values]
        kind = _parameter_type(column)
        if column.kind is Kind.names:
            return f"hasAny({column.name}, {self._place(_list(raw), 'Array(String)')})" if len(raw) > 1 else (
                f"has({column.name}, {self._place(raw[0], 'String')})"
            )  # fmt: skip
        if len(raw) > 1:
            test = f"{column.name} IN {self._place(_list(raw), f'Array({kind})')}"
        else:
            test = f"{column.name} = {self._place(raw[0], kind)}"
        return self._at_its_time(raw, test) if column.name == "id" and column.computed else f"({test})"

    def _at_its_time(self, identifiers: list[str | int], test: str) -> str:
        """The id holds the millisecond of the row's time, which leads to the sort key."""
        moments = [uuid.UUID(str(identifier)).int >> 80 for identifier in identifiers]
        since, until = self._time(min(moments) * 1_000), self._time((max(moments) + 1) * 1_000)
        return f"({self._family.time} >= {since} AND {self._family.time} < {until} AND {test})"

    def _several(self, column: Column, value: Value) -> str:
        match value:
            case Pattern():
                return self._each(column, lambda name: self._like(name, value))
            case AddressRange(low, high):
                ends = self._place(ipv6_text(low), "IPv6"), self._place(ipv6_text(high), "IPv6")
                return f"({column.name} BETWEEN {ends[0]} AND {ends[1]})"
            case NumberRange(low, high):
                kind = _parameter_type(column)
                return f"({column.name} BETWEEN {self._place(low, kind)} AND {self._place(high, kind)})"
            case TimeRange(since, until):
                return f"({column.name} >= {self._point(column, since)} AND {column.name} < {self._point(column, until)})"
            case _:
                raise ValueError(f"{type(value).__name__} has no SQL")

    def _point(self, column: Column, value: Value) -> str:
        match value:
            case Instant(microseconds):
                return self._time(microseconds)
            case Number(number):
                return self._place(number, _parameter_type(column))
            case _:
                raise ValueError(f"{value} is relative: resolve the filter first")

    def _time(self, microseconds: int) -> str:
        return f"fromUnixTimestamp64Micro({self._place(microseconds, 'Int64')}, 'UTC')"

    def _word(self, word: Text | Pattern) -> str:
        tests = []
        for column in searched(self._family):
            if column.kind is not Kind.address:
                tests.append(self._each(column, lambda name: self._holds(name, word)))
            elif (addresses := address_of(word)) is not None:
                tests.append(self._several(column, addresses))
            elif may_be_address(word):
                tests.append(self._holds(address_text(column.name), word))
        return _joined("OR", tests, "0")

    def _holds(self, text: str, word: Text | Pattern) -> str:
        if isinstance(word, Pattern):
            return self._like(text, word, "ILIKE")
        return f"(positionCaseInsensitiveUTF8({text}, {self._place(word.text, 'String')}) > 0)"


def _joined(operator: str, tests: list[str], nothing: str) -> str:
    if not tests:
        return nothing
    return tests[0] if len(tests) == 1 else f"({f' {operator} '.join(tests)})"


def _may_be_null(node: Node) -> bool:
    match node:
        case And(items) | Or(items):
            return any(_may_be_null(item) for item in items)
        case Not() | Exists():
            return False
        case Word():
            return True
        case _:
            return any(column.nullable and column.kind is not Kind.names for column in node.field.columns)


def _is_single(value: Value) -> bool:
    return value.low == value.high if isinstance(value, AddressRange) else isinstance(value, Text | Choice | Identifier | Number | Instant)


def _raw(column: Column, value: Value) -> str | int:
    match value:
        case Text(text) | Identifier(text):
            return text
        case Choice(name) if column.choices is not None:
            return int(column.choices[name])
        case Number(number):
            return number
        case AddressRange(low, _):
            return ipv6_text(low)
        case _:
            raise ValueError(f"{column.name} cannot be {value}")


def _parameter_type(column: Column) -> str:
    """Type of a parameter that is compared with the column."""
    if column.kind in UINT_BITS:
        return f"UInt{UINT_BITS[column.kind]}"
    return {Kind.uuid: "UUID", Kind.address: "IPv6", Kind.choice: "Int8"}.get(column.kind, "String")


def _list(values: list[str | int]) -> list[str] | list[int]:
    texts = [value for value in values if isinstance(value, str)]
    return texts or [value for value in values if isinstance(value, int)]


def _like_text(text: str) -> str:
    """The text with the signs escaped that mean something to LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
