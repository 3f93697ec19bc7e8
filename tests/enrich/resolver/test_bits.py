"""Rows of bits say what flags said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtrail.enrich.resolver import bits


@given(st.integers(0, 200), st.integers(1, 5), st.integers(0, 2**32))
def test_first_and_numbers(rules: int, things: int, seed: int) -> None:
    """The first bit, whether there are more, and all of them, for any number of rules and things."""
    flags = np.random.default_rng(seed).random((rules, things)) < 0.02
    rows = bits.pack(flags, things)
    assert rows.shape == (things, max(1, -(-rules // bits.WORD)))
    found, more = bits.first(rows)
    for thing in range(things):
        numbers = np.flatnonzero(flags[:, thing]).tolist()
        assert bits.numbers(rows[thing], 1_000) == numbers
        assert (found[thing], more[thing]) == (numbers[0] if numbers else -1, len(numbers) > 1)


@pytest.mark.parametrize("number", [0, 31, 52, 53, 63, 64, 127])
def test_every_bit_of_a_word(number: int) -> None:
    """The highest too, which floating point must not round."""
    flags = np.zeros((128, 2), dtype=bool)
    flags[number:, 0] = True
    flags[number, 1] = True
    found, more = bits.first(bits.pack(flags, 2))
    assert found.tolist() == [number, number]
    assert more.tolist() == [number < 127, False]


def test_distinct_rows() -> None:
    """Each row is one of the distinct ones."""
    rows = np.array([[1, 2], [3, 4], [1, 2], [0, 0]], dtype=np.uint64)
    distinct, which = bits.distinct(rows)
    assert len(distinct) == 3
    assert (distinct[which] == rows).all()
    assert [len(each) for each in bits.distinct(rows[:0])] == [0, 0]
