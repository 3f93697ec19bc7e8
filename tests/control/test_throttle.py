"""Who fails too often has to wait."""

import pytest

from meshtrail.common.errors import ThrottledError
from meshtrail.control.limits import FAILED_PROOFS_MAX, FAILED_PROOFS_WINDOW_S, THROTTLED_ADDRESSES_MAX
from meshtrail.control.throttle import Throttle
from tests.control.organisation import Clock


def test_failures_are_counted_by_address_and_forgotten(clock: Clock) -> None:
    """One too many within the window is refused, others are not, and after the window it may try again."""
    throttle = Throttle(clock)
    for _ in range(FAILED_PROOFS_MAX):
        throttle.check("192.0.2.1")
        throttle.fail("192.0.2.1")
    with pytest.raises(ThrottledError):
        throttle.check("192.0.2.1")
    throttle.check("192.0.2.2")
    clock.pass_s(FAILED_PROOFS_WINDOW_S)
    throttle.check("192.0.2.1")


def test_one_subscriber_is_one_address(clock: Clock) -> None:
    """A /64 of IPv6 addresses counts together; what is no address counts as it is."""
    throttle = Throttle(clock)
    for number in range(FAILED_PROOFS_MAX):
        throttle.fail(f"2001:db8::{number:x}")
        throttle.fail("testclient")
    for address in ("2001:db8::ffff", "testclient"):
        with pytest.raises(ThrottledError):
            throttle.check(address)
    throttle.check("2001:db8:0:1::1")


def test_the_memory_is_bounded(clock: Clock) -> None:
    """The address that failed longest ago is forgotten first."""
    throttle = Throttle(clock)
    for _ in range(FAILED_PROOFS_MAX):
        throttle.fail("192.0.2.1")
    for number in range(THROTTLED_ADDRESSES_MAX):
        throttle.fail(f"name-{number}")
    throttle.check("192.0.2.1")
