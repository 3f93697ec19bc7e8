"""Steps of the clock."""

import logging

import pytest

from meshtrail.agent.clockwatch import ClockWatch, unset_clock

T = 1_795_000_000_000_000


def test_steps(caplog: pytest.LogCaptureFixture) -> None:
    """A step either way is said and counted, once; slow corrections and a long sleep are none."""
    watch = ClockWatch(T, 10.0)
    with caplog.at_level(logging.WARNING):
        assert watch.look(T + 2_000_500, 12.0) == 0
        assert watch.look(T + 3_600_000_000, 3_610.0) == 0
        assert not caplog.records
        assert watch.look(T + 7_210_000_000, 3_620.0) == pytest.approx(3_600)
        assert watch.look(T + 7_220_000_000, 3_630.0) == 0
        assert watch.look(T - 3_600_000_000, 3_632.0) == pytest.approx(-10_822)
        assert watch.look(T - 3_598_000_000, 3_634.0) == 0
    assert watch.steps == 2
    assert "set forward by 3600 s" in caplog.text
    assert "set back by 10822 s" in caplog.text


def test_unset_clock() -> None:
    """It goes on."""
    first = unset_clock()
    assert unset_clock() >= first > 0
