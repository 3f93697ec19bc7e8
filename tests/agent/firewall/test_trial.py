"""Maps that have to prove themselves. Times are seconds of the transcript."""

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.trial import Trial
from tests.agent.firewall.maps import network_map

FIRST, SECOND, THIRD = (network_map(serial=serial) for serial in (1, 2, 3))


def test_confirmed() -> None:
    """A map that is confirmed in time stays."""
    trial = Trial(30)
    trial.begin(FIRST, 0, trial=True)
    assert not trial.overdue(29)
    assert trial.confirm(29) is None and not trial.overdue(1_000) and trial.confirmed == FIRST


def test_taken_back() -> None:
    """One that is not is taken back, and the last confirmed one returns, whatever was tried between."""
    trial = Trial(30)
    trial.begin(FIRST, 0, trial=False)
    trial.begin(SECOND, 10, trial=True)
    trial.begin(THIRD, 20, trial=True)
    assert not trial.overdue(49) and trial.overdue(50)
    assert trial.take_back(50) == FIRST and trial.in_force == FIRST and not trial.overdue(99)
    assert trial.refuses(THIRD, 60) and not trial.refuses(SECOND, 60)


def test_tried_again_later_each_time() -> None:
    """A map that was taken back is tried when the server answers, after a wait that doubles."""
    trial = Trial(30)
    now_s = 0.0
    for wait_s in (60.0, 120.0, 240.0):
        trial.begin(SECOND, now_s, trial=True)
        trial.take_back(now_s + 30)
        assert trial.confirm(now_s + 30 + wait_s - 1) is None
        now_s += 30 + wait_s
        assert trial.confirm(now_s) == SECOND
    for _ in range(10):
        trial.begin(SECOND, now_s, trial=True)
        trial.take_back(now_s)
    assert trial.again_s == now_s + limits.TRIAL_AGAIN_S_MAX


def test_another_map_begins_anew() -> None:
    """The wait is that of one map."""
    trial = Trial(30)
    trial.begin(SECOND, 0, trial=True)
    trial.take_back(30)
    trial.begin(THIRD, 40, trial=True)
    assert trial.taken_back is None
    trial.take_back(70)
    assert trial.again_s == 70 + limits.TRIAL_AGAIN_S_MIN
