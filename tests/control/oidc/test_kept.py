"""What is fetched now and then."""

import threading

import pytest

from meshtrail.control.oidc.fetch import ProviderUnavailableError
from meshtrail.control.oidc.kept import Kept
from meshtrail.control.oidc.limits import FAILED_AGAIN_S
from tests.control.organisation import Clock


class Source:
    """Counts how often it is asked, and fails when told."""

    asked = 0
    failing = False

    def __call__(self) -> int:
        """How often."""
        self.asked += 1
        if self.failing:
            raise ProviderUnavailableError("gone")
        return self.asked


def test_it_is_believed_for_its_time(clock: Clock) -> None:
    """Or shorter, when somebody wants a younger one; a clock that goes back makes it old."""
    kept = Kept(Source(), clock, 60)
    assert [kept.get(), kept.get(), kept.get(10)] == [1, 1, 1]
    clock.pass_s(10)
    assert [kept.get(), kept.get(10), kept.get()] == [1, 2, 2]
    clock.pass_s(60)
    assert kept.get() == 3
    clock.pass_s(-1)
    assert kept.get() == 4


def test_failures_are_not_repeated_at_once(clock: Clock) -> None:
    """What was there before stays until its time is over."""
    source = Source()
    kept = Kept(source, clock, 60)
    assert kept.get() == 1
    clock.pass_s(30)
    source.failing = True
    for _ in range(3):
        with pytest.raises(ProviderUnavailableError):
            kept.get(10)
    assert (source.asked, kept.get()) == (2, 1)
    clock.pass_s(FAILED_AGAIN_S)
    source.failing = False
    assert kept.get(10) == 3


def test_many_at_once_ask_once(clock: Clock) -> None:
    """The others wait for the answer."""
    begun, go, source = threading.Event(), threading.Event(), Source()

    def slow() -> int:
        begun.set()
        go.wait(10)
        return source()

    kept, found = Kept(slow, clock, 60), list[int]()
    threads = [threading.Thread(target=lambda: found.append(kept.get())) for _ in range(5)]
    for each in threads:
        each.start()
    begun.wait(10)
    go.set()
    for each in threads:
        each.join(10)
    assert found == [1] * 5
