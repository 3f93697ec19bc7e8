"""The syntax tree: what a filter means, without spelling.

A condition on a value that is not known is false; its negation is therefore true. That holds for every node, so a tree
has two values for every row, never three.
"""

from dataclasses import dataclass
from typing import Literal

from meshtrail.filter.fields import Field
from meshtrail.filter.values import Ordered, Pattern, Regex, Text, Value

Comparison = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class And:
    """All of the items; without items, every row."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the items."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Every row that the item does not choose, those with unknown values included."""

    item: "Node"


@dataclass(frozen=True, slots=True)
class Match:
    """The field is one of the values, or lies in one of them: `=`, `in`."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """The field lies before or behind the value."""

    field: Field
    operator: Comparison
    value: Ordered


@dataclass(frozen=True, slots=True)
class Matches:
    """The regular expression is found in the field: `~`."""

    field: Field
    regex: Regex


@dataclass(frozen=True, slots=True)
class Contains:
    """The text stands somewhere in the field; case does not matter."""

    field: Field
    text: Text


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The field begins with the text; case does not matter."""

    field: Field
    text: Text


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is known; a list has items."""

    field: Field


@dataclass(frozen=True, slots=True)
class Word:
    """A free word: it stands in one of the searched columns (`searched.py`); case does not matter. With wildcards the whole
    value has to match."""

    value: Text | Pattern


Condition = Match | Compare | Matches | Contains | StartsWith | Exists
Leaf = Condition | Word
Node = And | Or | Not | Leaf

EVERYTHING = And(())
"""The filter of an empty text."""


def all_of(items: list[Node]) -> Node:
    """The items joined by `and`, without a needless level."""
    flat = [inner for item in items for inner in (item.items if isinstance(item, And) else (item,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(items: list[Node]) -> Node:
    """The items joined by `or`, without a needless level; at least one."""
    flat = [inner for item in items for inner in (item.items if isinstance(item, Or) else (item,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
