"""Before and after as a readable difference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtrail.web.changes import LINES_MAX, TEXT_CHARACTERS_MAX, Change, changes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"name": "a"}, {"name": "b"}, Change("name", "changed", ("a",), ("b",))),
        ({}, {"login_expiration": True}, Change("login expiration", "set", (), ("yes",))),
        ({"ports": ["22"]}, {}, Change("ports", "removed", ("22",), ())),
        ({"ports": ["22", "80"]}, {"ports": ["80", "443"]}, Change("ports", "changed", ("22",), ("443",))),
        ({"rule_order": ["a", "b"]}, {"rule_order": ["b", "a"]}, Change("rule order", "changed", ("a", "b"), ("b", "a"))),
        ({"rules": {"r1": {"ports": []}}}, {"rules": {"r1": {"ports": ["1"]}}}, Change("rules › web › ports", "changed", (), ("1",))),
        ({"sources": ["g1"]}, {"sources": ["g2"]}, Change("sources", "changed", ("Staff",), ("g2",))),
        (None, {"a": None, }, Change("a", "set", (), ("none",))),
        ({"a": ""}, {"a": {}}, Change("a", "changed", ("empty",), ("{}",))),
    ],
)  # fmt: skip
def test_one_change(before: Any, after: Any, expected: Change) -> None:
    """Fields have their names, lists what came and went, ids what they are called."""
    assert changes(before, after, {"r1": "web", "g1": "Staff"}) == (expected,)


@given(JSON, JSON)
def test_any_json(before: Any, after: Any) -> None:
    """Whatever stands in an event becomes lines without signs that deceive."""
    for change in changes(before, after):
        assert change.before or change.after
        assert all(text.isprintable() or "\u00a0" in text or not text.isascii() for text in (*change.before, *change.after))


def test_limits() -> None:
    """Many fields and long texts end."""
    assert len(changes({}, {str(number): number for number in range(LINES_MAX + 9)})) == LINES_MAX
    (change,) = changes({}, {"long": "x" * 9_999})
    assert len(change.after[0]) == TEXT_CHARACTERS_MAX
