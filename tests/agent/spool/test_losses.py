"""Gaps until they are told."""

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool.losses import Losses
from meshtrail.agent.spool.state import Gap


def test_neighbours() -> None:
    """Losses of one cause become one gap: its times cover both, its number is their sum."""
    losses = Losses()
    losses.add("spool_full", 10, 20, 3)
    losses.add("spool_full", 20, 30, 4)
    (gap,) = losses.gaps
    assert (gap.since_us, gap.until_us, gap.lost) == (10, 30, 7)
    assert not losses.saved


def test_apart() -> None:
    """A number that is known is not mixed with one that is not, nor one cause with another."""
    losses = Losses()
    losses.add("spool_full", 10, 20, 3)
    losses.add("spool_full", 20, 30, None)
    losses.add("unknown", 30, 40, None)
    assert [(gap.cause, gap.lost) for gap in losses.gaps] == [("spool_full", 3), ("spool_full", None), ("unknown", None)]


def test_clock_set_back() -> None:
    """When the clock was set back between its ends a gap covers the time between them all the same."""
    losses = Losses()
    losses.add("spool_full", 90, 20, 3)
    assert (losses.gaps[0].since_us, losses.gaps[0].until_us) == (20, 90)


def test_on_its_way() -> None:
    """A gap that may be on its way does not change; what is lost meanwhile is another gap, and is told next."""
    losses = Losses()
    losses.add("spool_full", 10, 20, 3)
    told = losses.to_tell()
    losses.add("spool_full", 20, 30, 4)
    assert [gap.lost for gap in told] == [3]
    losses.told(told)
    assert [gap.lost for gap in losses.gaps] == [4]
    assert [gap.lost for gap in losses.to_tell()] == [4]


def test_resumed() -> None:
    """Gaps of a former process come first and keep their names, because it is not known whether they were told."""
    losses = Losses()
    losses.resume([Gap("spool_full", 1, 2, 5, "before")])
    losses.add("spool_full", 3, 4, 6)
    assert [(gap.id == "before", gap.lost) for gap in losses.to_tell()] == [(True, 5), (False, 6)]


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are few gaps at any time, and their sum is exact, also while some are on their way."""
    monkeypatch.setattr(limits, "SPOOL_GAPS_MAX", 4)
    losses = Losses()
    for number in range(50):
        losses.add("spool_full" if number % 2 else "unknown", number, number + 1, 1)
    told = losses.to_tell()
    assert len(told) == 4
    for number in range(50):
        losses.add("spool_full" if number % 2 else "unknown", number, number + 1, 1)
    assert len(losses.gaps) == 5
    losses.told(told)
    assert sum(gap.lost or 0 for gap in (*told, *losses.gaps)) == 100
    assert bool(losses)
    losses.told(losses.to_tell())
    assert not losses
