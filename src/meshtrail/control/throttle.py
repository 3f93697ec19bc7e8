"""Who fails too often has to wait. In memory: a restart forgives."""

import ipaddress
import threading
from collections import OrderedDict, deque

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ThrottledError
from meshtrail.control.limits import FAILED_PROOFS_MAX, FAILED_PROOFS_WINDOW_S, THROTTLED_ADDRESSES_MAX

_IPV6_PREFIX = 64
"""What one subscriber has at least: all of it counts as one address."""


class Throttle:
    """Counts the failures of each address. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def check(self, address: str) -> None:
        """`ThrottledError` when the address failed too often of late."""
        begin = self._clock() - FAILED_PROOFS_WINDOW_S * 1_000_000
        with self._lock:
            failures = self._failures.get(_subscriber(address))
            while failures and failures[0] <= begin:
                failures.popleft()
            if failures is not None and len(failures) >= FAILED_PROOFS_MAX:
                raise ThrottledError(
                    f"{FAILED_PROOFS_MAX} requests of this address failed.", f"Try again in {FAILED_PROOFS_WINDOW_S // 60} minutes."
                )

    def fail(self, address: str) -> None:
        """The address failed once more."""
        subscriber = _subscriber(address)
        with self._lock:
            self._failures.setdefault(subscriber, deque(maxlen=FAILED_PROOFS_MAX)).append(self._clock())
            self._failures.move_to_end(subscriber)
            if len(self._failures) > THROTTLED_ADDRESSES_MAX:
                self._failures.popitem(last=False)


def _subscriber(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False)) if found.version == 6 else str(found)
