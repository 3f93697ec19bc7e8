"""The canonical form: a tree printed so that parsing it gives the same tree."""

import re

from meshtrail.filter.addresses import printed_addresses
from meshtrail.filter.amounts import NAMED, printed_amount
from meshtrail.filter.escapes import escaped
from meshtrail.filter.fields import Field, Fields, fields_of
from meshtrail.filter.lexer import KEYWORDS
from meshtrail.filter.times import printed_time
from meshtrail.filter.tree import And, Compare, Condition, Contains, Exists, Match, Matches, Node, Not, Or, StartsWith, Word
from meshtrail.filter.values import (
    AddressRange,
    Base,
    Choice,
    Day,
    Identifier,
    Number,
    NumberRange,
    Pattern,
    Regex,
    Relative,
    Text,
    TimeRange,
    Value,
)  # fmt: skip
from meshtrail.model.columns import Family

_BARE = re.compile(r"[^\W_][\w.@/+-]*")
"""Words that need no quotes; one with a colon might begin with a field."""


def printed(node: Node, family: Family) -> str:
    """The filter's text."""
    return _printed(node, fields_of(family))


def _printed(node: Node, fields: Fields) -> str:
    match node:
        case And(items):
            return " and ".join(_within(item, fields) for item in items)
        case Or(items):
            return " or ".join(_within(item, fields) if isinstance(item, Or) else _printed(item, fields) for item in items)
        case Not(Match() | Matches() | Contains() | StartsWith() | Exists() as leaf):
            return _leaf(leaf, True)
        case Not(item):
            return f"not {_within(item, fields)}"
        case Word(value):
            return _word(value, fields)
        case _:
            return _leaf(node, False)


def _within(node: Node, fields: Fields) -> str:
    """The node as an operand of `and` or `not`."""
    return f"({_printed(node, fields)})" if isinstance(node, And | Or) else _printed(node, fields)


def _leaf(node: Condition, negated: bool) -> str:
    negation = "not " if negated else ""
    match node:
        case Match(field, values):
            return _match(field, values, negated)
        case Compare(field, operator, value):
            return f"{field.name} {operator} {printed_value(field, value)}"
        case Matches(field, regex):
            return f"{field.name} {'!~' if negated else '~'} {_regex(regex)}"
        case Contains(field, text):
            return f"{field.name} {negation}contains {_quoted(text)}"
        case StartsWith(field, text):
            return f"{field.name} {negation}starts_with {_quoted(text)}"
        case Exists(field):
            return f"{field.name} {'missing' if negated else 'exists'}"


def _match(field: Field, values: tuple[Value, ...], negated: bool) -> str:
    shown = [printed_value(field, value) for value in values]
    if len(values) > 1:
        return f"{field.name} {'not in' if negated else 'in'} ({', '.join(shown)})"
    if _is_several(values[0]):
        return f"{field.name} {'not in' if negated else 'in'} {shown[0]}"
    return f"{field.name} {'!=' if negated else '='} {shown[0]}"


def _is_several(value: Value) -> bool:
    """Whether `in` reads better than `=`."""
    if isinstance(value, AddressRange):
        return value.low != value.high
    return isinstance(value, NumberRange | TimeRange | Day) or (isinstance(value, Relative) and value.base is not Base.now)


def printed_value(field: Field, value: Value) -> str:
    """One value of a field."""
    match value:
        case Text() | Pattern():
            text = _quoted(value)
        case Choice(name):
            text = name
        case Identifier(identifier):
            text = identifier
        case Number(number):
            text = _number(field, number)
        case NumberRange(low, high):
            text = f"{_number(field, low)}..{_number(field, high)}"
        case AddressRange():
            text = printed_addresses(value)
        case TimeRange(since, until):
            text = f"{printed_time(since)}..{printed_time(until)}"
        case _:
            text = printed_time(value)
    return text


def _number(field: Field, number: int) -> str:
    names = NAMED.get(field.columns[0].name, {})
    return next((name for name, known in names.items() if known == number), None) or printed_amount(number, field.sort)


def _quoted(value: Text | Pattern) -> str:
    parts = value.parts if isinstance(value, Pattern) else (value.text,)
    return f'"{"*".join(escaped(part) for part in parts)}"'


def _word(value: Text | Pattern, fields: Fields) -> str:
    """Bare where it cannot be taken for a keyword or a field."""
    if isinstance(value, Text) and value.text.lower() not in KEYWORDS and _BARE.fullmatch(value.text) and value.text not in fields:
        return value.text
    return _quoted(value)


def _regex(regex: Regex) -> str:
    pattern = re.sub(r"\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], regex.pattern)
    return f"/{pattern}/{'i' if regex.ignores_case else ''}"
