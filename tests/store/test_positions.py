"""Positions are unique and grow, whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from meshtrail.store.positions import Positions


@given(st.lists(st.tuples(st.integers(0, 1 << 50), st.integers(1, 1000)), min_size=1, max_size=30))
def test_positions_grow_while_the_clock_jumps(steps: list[tuple[int, int]]) -> None:
    """A clock that stands still or goes back never makes a position come twice."""
    now = 0
    positions = Positions(lambda: now, writer=5)
    last = -1
    for now, count in steps:  # noqa: B007
        first, step = positions.take(count)
        assert first > last
        assert first & 0xFFF == 5
        last = first + (count - 1) * step
    assert last < 1 << 63


def test_positions_continue_after_a_restart() -> None:
    """A new writer begins after the last position in the store, also when its clock is behind."""
    first, _ = Positions(lambda: 10, last=1000 << 12).take(1)
    assert first >> 12 == 1001
