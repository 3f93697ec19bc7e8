"""The vectorised resolver says what a plain reading of the inventory says."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.enrich.resolver.naive import Naive
from tests.enrich.resolver.organisations import organisation, resolved, tuples


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_random_organisations(seed: int, domains: bool) -> None:
    """Enforcing and observing, with verdicts and without, every kind of rule; each row and all of them at once."""
    chance = random.Random(seed)
    snapshot = organisation(chance, domains=domains)
    naive = Naive(snapshot)
    rows = [row | _verdict(chance) for row in tuples(chance, snapshot, 60)]
    for row, answer in zip(rows, resolved(snapshot, rows), strict=True):
        expected = naive.answer(row)
        if expected is not None:
            assert {name: value for name, value in answer.items() if value != "none"} == expected, row


def _verdict(chance: random.Random) -> dict[str, str]:
    verdict = chance.choice([None, "unknown", "allowed", "denied"])
    return {} if verdict is None else {"verdict": verdict, "state": "denied" if verdict == "denied" else "attempted"}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    """Nor does what was asked before: a row's answer is the same alone, in another order, and the second time."""
    chance = random.Random(seed)
    snapshot = organisation(chance)
    rows = tuples(chance, snapshot, 80)
    whole = resolved(snapshot, rows)
    shuffled = list(enumerate(rows))
    chance.shuffle(shuffled)
    again = resolved(snapshot, [row for _, row in shuffled])
    assert [{**answer} for answer in again] == [whole[number] for number, _ in shuffled]
