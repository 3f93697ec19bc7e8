"""Times read and written the same way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtrail.common.clock import microseconds, rfc3339


@given(st.integers(0, 4_102_444_800_000_000))
def test_round_trip(moment: int) -> None:
    """Every microsecond until 2100 survives."""
    assert microseconds(rfc3339(moment)) == moment


def test_a_time_without_offset_is_refused() -> None:
    """Nobody guesses a time zone."""
    with pytest.raises(ValueError, match="offset"):
        microseconds("2026-11-21T09:00:00")
