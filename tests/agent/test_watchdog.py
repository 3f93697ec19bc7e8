"""Decisions about reliability and pace."""

from meshtrail.agent import limits
from meshtrail.agent.watchdog import Pace, Watchdog


def test_full_table() -> None:
    """Above four fifths of the table reliability is given up, and taken up again only below half."""
    watchdog = Watchdog()
    assert watchdog.look(79, 100, 0)
    assert not watchdog.look(81, 100, 0)
    assert not watchdog.look(60, 100, 0)
    assert watchdog.look(49, 100, 0)


def test_slow_reader() -> None:
    """A reader that stays behind gives reliability up; one that was behind for a moment does not."""
    watchdog = Watchdog()
    late = limits.READER_LAG_S_MAX + 1
    assert watchdog.look(0, 100, late)
    assert watchdog.look(0, 100, 0)
    assert watchdog.look(0, 100, late)
    assert not watchdog.look(0, 100, late)
    assert not watchdog.look(0, 100, late)
    assert watchdog.look(0, 100, 0)


def test_unknown_size() -> None:
    """Without a known size of the table nothing is given up."""
    assert Watchdog().look(10, 0, 0)


def test_pace() -> None:
    """A storm of closing updates pauses them for a while; a steady few never do."""
    pace = Pace(wanted=True)
    for second in range(5):
        assert pace.add(limits.CLOSINGS_PER_S_MAX, float(second))
    assert not pace.add(limits.CLOSINGS_PER_S_MAX + 1, 10.0)
    assert not pace.add(0, 10.0 + limits.CLOSINGS_PAUSE_S / 2)
    assert pace.add(0, 10.0 + limits.CLOSINGS_PAUSE_S)
    assert pace.pauses == 1


def test_not_wanted() -> None:
    """Updates that are not wanted stay away."""
    assert not Pace(wanted=False).add(0, 1.0)
