"""Whatever is typed, there is a tree or the language's own error, soon; and completion always answers."""

import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshtrail.filter import FilterError, Moment, Node, complete, parse, printed, resolved, window
from meshtrail.filter.completion import Completion
from meshtrail.filter.fields import fields_of
from meshtrail.filter.lexer import KEYWORDS
from meshtrail.filter.limits import COMPLETIONS_MAX, TEXT_CHARACTERS_MAX
from meshtrail.model.columns import AUDIT, TRAFFIC, Family
from meshtrail.store.filter_sql import filter_clauses
from tests.filter.random_filters import RandomFilters
from tests.filter.strategies import TREES
from tests.rows import NOON_US

FAMILIES = st.sampled_from((TRAFFIC, AUDIT))
SECONDS_MAX = 1.0
"""Processor time of one answer; the worst one measured takes a tenth."""

NAMES = [each.name for each in (*fields_of(TRAFFIC).all, *fields_of(AUDIT).all)]
SIGNS = (
    "=", "!=", "<", "<=", ">", ">=", "~", "!~", "(", ")", ",", ":", "..", "*", '"', "'", "\\", "/", "/x/i", "!", "==", "&&", "\u202e", "\n",
    "10.0.0.0/8", "::1", "22", "10MB", "2h", "now-2h", "today", "2026-09-21", "denied", "tcp", "ana", '"a b"',
)  # fmt: skip
TOKENS = st.one_of(st.sampled_from(KEYWORDS), st.sampled_from(NAMES), st.sampled_from(SIGNS), st.text(max_size=6))
NOISE = st.lists(st.tuples(TOKENS, st.sampled_from(["", " ", "  "])), max_size=30).map(lambda parts: "".join(a + b for a, b in parts))


def attempted(text: str, family: Family) -> Node | FilterError:
    """The tree, or the error."""
    try:
        return parse(text, family)
    except FilterError as error:
        return error


def understood(text: str, family: Family) -> bool:
    """Parse, and go all the way when it is a filter; otherwise look at the error."""
    tree = attempted(text, family)
    if isinstance(tree, FilterError):
        assert 0 <= tree.start <= tree.end <= len(text)
        assert tree.message.endswith(".")
        assert len(tree.message) < 200
        assert len(tree.pointed(text)) <= 2 * len(text) + 2
        return False
    shown = printed(tree, family)
    assert parse(shown, family) == tree
    instants = resolved(tree, Moment(NOON_US))
    assert filter_clauses(instants, family, {}) is not None
    window(instants, family.time)
    return True


def completed(text: str, cursor: int, family: Family) -> Completion:
    """The completion, whose places lie in the text."""
    found = complete(text, cursor, family)
    assert 0 <= found.start <= found.end <= len(text)
    assert len(found.candidates) <= COMPLETIONS_MAX
    return found


@settings(max_examples=1_500, deadline=None)
@given(NOISE, FAMILIES, st.integers(-3, 200))
@example("source.name:", TRAFFIC, 12)
@example('source.name = "', TRAFFIC, 15)
@example("a\\", TRAFFIC, 2)
def test_noise(text: str, family: Family, cursor: int) -> None:
    """Tokens of the language and of others in any order."""
    understood(text, family)
    completed(text, cursor, family)


@settings(max_examples=500, deadline=None)
@given(TREES, st.integers(0, 10_000), st.sampled_from(["delete", "double", "swap", "insert"]), st.text(max_size=2), st.integers(1, 12))
def test_slips(tree: object, at: int, slip: str, typed: str, length: int) -> None:
    """A filter with a slip of the pen is a filter still, or an error."""
    text = printed(tree, TRAFFIC)  # type: ignore[arg-type]
    at %= len(text) + 1
    piece = text[at : at + length]
    put = {"delete": "", "double": piece * 2, "swap": piece[::-1], "insert": typed + piece}[slip]
    changed = text[:at] + put + text[at + length :]
    understood(changed[:TEXT_CHARACTERS_MAX], TRAFFIC)
    completed(changed, at, TRAFFIC)


def test_every_beginning_of_a_filter() -> None:
    """While a filter is typed, completion has an answer at each character, and never offers what cannot follow."""
    row = {column.name: None for column in TRAFFIC} | {
        "source_name": "laptop-1", "source_groups": ["dev"], "source_address": "10.0.0.1", "started_at": "2026-09-21T09:00:00Z",
        "destination_port": 443, "verdict": "denied", "id": "01a1fc3c-810d-734e-8d50-82c9beed915d", "flow_id": None,
    }  # fmt: skip
    filters = RandomFilters(TRAFFIC, [{**row, "flow_id": row["id"]}], NOON_US, seed=2)
    chance = random.Random(7)
    for _ in range(60):
        text = printed(filters.tree(), TRAFFIC)
        assert understood(text, TRAFFIC)
        for cursor in range(len(text) + 1):
            found = completed(text, cursor, TRAFFIC)
            if found.candidates and chance.random() < 0.1:
                candidate = chance.choice(found.candidates)
                before = f"{text[: found.start]} {candidate.text}"
                error = attempted(f"{before} ", TRAFFIC)
                assert not isinstance(error, FilterError) or error.start >= len(before) or "never closed" in error.message, before


PATHOLOGICAL = {
    name: (unit * TEXT_CHARACTERS_MAX)[:TEXT_CHARACTERS_MAX]
    for name, unit in {
        "letters": "a", "opening": "(", "closing": ")", "nots": "not ", "quotes": '"', "empty texts": '"" ', "backslashes": "\\",
        "colons": ":", "fields": "state:", "values": "a:b:c", "stars": "*", "starred": "source.name:x* ", "conditions": "port=1 ",
        "unknown": "prot=1 ", "words": "x ", "or": "a or ", "bangs": "!", "equals": "=", "spaces": " ", "lines": "\n", "slashes": "/",
        "expressions": "source.name~/x/ ", "escapes": "\\u{1F600}", "dots": "..", "commas": ",", "astral": "🙂", "marks": "e\u0301",
    }.items()
} | {
    name: (begin + unit * TEXT_CHARACTERS_MAX)[:TEXT_CHARACTERS_MAX]
    for name, begin, unit in [
        ("list", "source.name in (", "x,"), ("lists", "", "port in (1) "), ("groups", "source.name ~ /", "("),
        ("repeats", "source.name ~ /", "(a|b)*"), ("classes", "source.name ~ /", "["), ("flags", "source.name ~ /x/", "i"),
        ("number", "port = ", "9"), ("fraction", "rx.bytes > 0.", "1"), ("times", "started_at in now", "..now"),
        ("offset", "started_at > now-", "1h"), ("address", "address = ", "1:"), ("choice", "verdict = ", "denied"),
        ("name", "protocol = ", "tcp"), ("suggestion", "", "source_"), ("uuid", "id = ", "0"),
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_pathological_texts_take_a_moment(name: str) -> None:
    """As much as is allowed, of what is hardest to read."""
    text = PATHOLOGICAL[name]
    began = time.process_time()
    understood(text, TRAFFIC)
    middle = time.process_time()
    completed(text, len(text), TRAFFIC)
    completed(text, len(text) // 2, TRAFFIC)
    assert middle - began < SECONDS_MAX
    assert time.process_time() - middle < 2 * SECONDS_MAX
