"""What a filter was understood as, in plain values."""

from hypothesis import given, settings

from meshtrail.filter import Node, parse, printed
from meshtrail.filter.explanation import Explanation, explained
from meshtrail.filter.tree import And, Exists, Match, Matches, Not, Or, Word
from meshtrail.model.columns import TRAFFIC
from tests.filter.strategies import TREES


def rebuilt(node: Explanation) -> Node:
    """The tree that the explanation shows."""
    items = tuple(rebuilt(item) for item in node.items)
    match node.kind:
        case "all":
            return And(items)
        case "any":
            return Or(items)
        case "not":
            return Not(items[0])
        case _:
            return parse(node.text, TRAFFIC)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_nothing_is_lost(tree: Node) -> None:
    """The explanation of any tree leads back to it."""
    assert rebuilt(explained(tree, TRAFFIC)) == tree


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_leaves_name_what_they_look_at(tree: Node) -> None:
    """A field and its columns, or the searched columns."""

    def leaves(node: Explanation) -> list[Explanation]:
        return [leaf for item in node.items for leaf in leaves(item)] if node.kind in {"all", "any", "not"} else [node]

    for leaf in leaves(explained(tree, TRAFFIC)):
        assert leaf.columns
        assert set(leaf.columns) <= set(TRAFFIC.columns)
        assert (leaf.kind == "word") == (not leaf.field)


def test_operators() -> None:
    """The word of each condition."""
    for text, kind, operator, values in (
        ("port = 22", Match, "in", ("22",)),
        ("port in (22, 80..90)", Match, "in", ("22", "80..90")),
        ("source.name ~ /x/i", Matches, "~", ("x",)),
        ("user exists", Exists, "exists", ()),
        ("rx.bytes >= 1MB", object, ">=", ("1MB",)),
        ("source.name contains x", object, "contains", ("x",)),
        ("source.name starts_with x", object, "starts_with", ("x",)),
    ):
        tree = parse(text, TRAFFIC)
        found = explained(tree, TRAFFIC)
        assert isinstance(tree, kind)
        assert (found.operator, found.values, found.text) == (operator, values, printed(tree, TRAFFIC))
    assert isinstance(parse("ana", TRAFFIC), Word)
