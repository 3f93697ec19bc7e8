"""The thread that looks after the spool."""

import threading

import pytest

from meshtrail.agent.spool.keeper import Keeper

WAIT_S = 10.0


def test_comes_round() -> None:
    """It works again and again, and not any more when it is stopped."""
    often = threading.Semaphore(0)
    keeper = Keeper(often.release, 0.001)
    keeper.start()
    assert all(often.acquire(timeout=WAIT_S) for _ in range(3))
    keeper.stop()
    while often.acquire(blocking=False):
        pass
    assert not often.acquire(timeout=0.05)


def test_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A fault is logged and counted, and the thread goes on."""
    often = threading.Semaphore(0)

    def work() -> None:
        often.release()
        raise ValueError("broken")

    keeper = Keeper(work, 0.001)
    keeper.start()
    assert all(often.acquire(timeout=WAIT_S) for _ in range(3))
    keeper.stop()
    assert keeper.faults >= 2
    assert "broken" in caplog.text


def test_never_started() -> None:
    """One that was not started can be stopped."""
    Keeper(lambda: None, 1.0).stop()
