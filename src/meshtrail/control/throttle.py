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
    """Counts the failures of each address, or of whatever else fails. Thread-safe."""

    def __init__(
        self, clock: Clock, failures_max: int = FAILED_PROOFS_MAX, window_s: int = FAILED_PROOFS_WINDOW_S,
        what: str = "requests of this address",
    ) -> None:  # fmt: skip
        self._clock = clock
        self._failures_max = failures_max
        self._window_s = window_s
        self._what = what
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def check(self, address: str) -> None:
        """`ThrottledError` when the address failed too often of late."""
        with self._lock:
            self._check(subscriber(address))

    def fail(self, address: str) -> None:
        """The address failed once more."""
        with self._lock:
            self._fail(subscriber(address))

    def begin(self, address: str) -> bool:
        """Count an attempt as failed before it is made, so that many at once do not pass together; `forgive` it when it succeeds.
        `ThrottledError` when there were too many. Whether this is the last one before that."""
        key = subscriber(address)
        with self._lock:
            self._check(key)
            self._fail(key)
            return len(self._failures[key]) >= self._failures_max

    def forgive(self, address: str, all_of_them: bool = False) -> None:
        """The attempt that began last did not fail; `all_of_them`: nor shall the others count any more."""
        key = subscriber(address)
        with self._lock:
            failures = self._failures.get(key)
            if failures:
                failures.pop()
            if all_of_them or not failures:
                self._failures.pop(key, None)

    def _check(self, key: str) -> None:
        begin = self._clock() - self._window_s * 1_000_000
        failures = self._failures.get(key)
        while failures and failures[0] <= begin:
            failures.popleft()
        if failures is not None and len(failures) >= self._failures_max:
            raise ThrottledError(f"{self._failures_max} {self._what} failed.", f"Try again in {self._window_s // 60} minutes.")

    def _fail(self, key: str) -> None:
        self._failures.setdefault(key, deque(maxlen=self._failures_max)).append(self._clock())
        self._failures.move_to_end(key)
        if len(self._failures) > THROTTLED_ADDRESSES_MAX:
            self._failures.popitem(last=False)


def subscriber(address: str) -> str:
    """The address as it is counted: of IPv6 the network that one subscriber has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False)) if found.version == 6 else str(found)
