"""Checks for `meshtrail doctor`."""

import pytest

from meshtrail.agent import probe
from meshtrail.agent.tracking import Tracked


def test_check() -> None:
    """All checks are made, each has a name and a detail, and what does not hold has a remedy."""
    checks = probe.check()
    assert len({each.name for each in checks}) == len(checks) == 9
    assert all(each.detail for each in checks)
    assert all(each.remedy for each in checks if not each.ok)


@pytest.mark.parametrize("made", [
    probe.nft(None), probe.table_fill("90", "100"), probe.table_fill(None, None), probe.clock(0.0), probe.tracked(Tracked.unknown),
])  # fmt: skip
def test_remedies(made: probe.Check) -> None:
    """What does not hold says what to do."""
    assert not made.ok
    assert made.remedy


def test_good() -> None:
    """What holds needs no remedy."""
    for made in (probe.nft("/sbin/nft"), probe.table_fill("10", "100"), probe.tracked(Tracked.by_nobody), probe.tracked(Tracked.by_us)):
        assert made.ok
        assert not made.remedy
