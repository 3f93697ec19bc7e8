"""What is typed into the search box: words, single conditions, or a filter of the language."""

import re

from meshtrail.filter import FilterError, Node, parse, printed
from meshtrail.filter.tree import And, Word, all_of
from meshtrail.filter.values import Pattern
from meshtrail.model.columns import Family

_SPACED = re.compile(r"[\w.]\s+(?:!=|!~|<=|>=|[=<>~])\s+\S|[\w.]\s+in\s*\(")
_SINGLE = re.compile(r"[\w.]+(?:!=|!~|<=|>=|[:=<>~])\S+")
"""Texts that are meant as filters even when they are none: then an error says why. A single condition only when something is
suggested in its place, since words hold such signs too."""


def typed_filter(text: str, plain: str, family: Family) -> str | None:
    """The filter that the text is, printed; the text itself when it is meant as one and has a mistake; None for words. `plain` is
    what is left of the text without single conditions such as `destination_port=443`, which become filters of their own."""
    rest, whole = _tree(plain, family), _tree(text, family)
    if isinstance(whole, FilterError):
        meant = _SPACED.search(text) or (whole.suggestions and _SINGLE.fullmatch(text))
        return text if plain == text and meant else None
    if not isinstance(rest, FilterError) and not _says_more(rest) and '"' not in plain:
        return None
    return printed(whole, family)


def joined(one: str, other: str, family: Family) -> str:
    """Both filters as one; the other alone when one of them has a mistake."""
    trees = [tree for tree in (_tree(one, family), _tree(other, family)) if not isinstance(tree, FilterError)]
    return printed(all_of(trees), family) if len(trees) == 2 else other


def _tree(text: str, family: Family) -> Node | FilterError:
    try:
        return parse(text, family)
    except FilterError as error:
        return error


def _says_more(node: Node) -> bool:
    """Whether the tree is more than plain words."""
    match node:
        case And(items):
            return any(_says_more(item) for item in items)
        case Word(value):
            return isinstance(value, Pattern)
        case _:
            return True
