"""What a filter was understood as, piece by piece, for people and programs that show it."""

from dataclasses import dataclass

from meshtrail.filter.printer import printed, printed_value
from meshtrail.filter.searched import searched
from meshtrail.filter.tree import And, Compare, Contains, Exists, Match, Matches, Node, Not, Or, StartsWith
from meshtrail.model.columns import Family


@dataclass(frozen=True, slots=True)
class Explanation:
    """One node of the tree."""

    kind: str
    """`all`, `any` or `not` (of the items), `condition`, `word`."""
    text: str = ""
    """The printed form of a condition or a word."""
    field: str = ""
    operator: str = ""
    """`in`, `~`, `contains`, `starts_with`, `exists`, `<`, `<=`, `>`, `>=`; a negation is a node of its own."""
    values: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """Columns that are looked at: any of them may fulfil the condition."""
    items: tuple["Explanation", ...] = ()


def explained(node: Node, family: Family) -> Explanation:
    """The tree as plain values."""
    match node:
        case And(items):
            return Explanation("all", items=tuple(explained(item, family) for item in items))
        case Or(items):
            return Explanation("any", items=tuple(explained(item, family) for item in items))
        case Not(item):
            return Explanation("not", items=(explained(item, family),))
    text = printed(node, family)
    match node:
        case Match(field, values):
            operator, shown = "in", tuple(printed_value(field, value) for value in values)
        case Compare(field, operator, value):
            shown = (printed_value(field, value),)
        case Matches(field, regex):
            operator, shown = "~", (regex.pattern,)
        case Contains(field, plain):
            operator, shown = "contains", (plain.text,)
        case StartsWith(field, plain):
            operator, shown = "starts_with", (plain.text,)
        case Exists(field):
            operator, shown = "exists", ()
        case _:
            return Explanation("word", text, columns=tuple(column.name for column in searched(family)))
    return Explanation("condition", text, field.name, operator, shown, tuple(column.name for column in field.columns))
