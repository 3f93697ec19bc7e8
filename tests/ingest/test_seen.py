"""The memory of natural keys never claims what it did not see and forgets only by generations."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtrail.ingest.seen import Seen


def keys(numbers: list[int]) -> np.ndarray:
    """Keys whose hashes collide in the table's low bits."""
    return np.array([(n << 40 | (n % 3), n | 1 << 63) for n in numbers], dtype=np.uint64).reshape(-1, 2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sets(st.integers(1, 400), max_size=30), max_size=6))
def test_contains_what_was_added(batches: list[set[int]]) -> None:
    """Within the last generations, membership is exact."""
    seen, added = Seen(0, slots=4096), set[int]()
    for batch in batches:
        fresh = sorted(batch - added)
        seen.add(keys(fresh), 1)
        added |= batch
        found = seen.contains(keys(list(range(1, 401))))
        assert {n for n, here in zip(range(1, 401), found, strict=True) if here} == added


def test_memory_says_since_when_it_is_complete() -> None:
    """After a rotation `since_us` tells from when on nothing was forgotten."""
    seen = Seen(0, slots=64)
    for moment in range(1, 20):
        seen.add(keys(list(range(moment * 10, moment * 10 + 10))), moment)
    assert seen.since_us > 0
    recent = keys([n for moment in range(seen.since_us + 1, 20) for n in range(moment * 10, moment * 10 + 10)])
    assert seen.contains(recent).all()
