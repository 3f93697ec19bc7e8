"""Something of the provider that is fetched now and then."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from meshtrail.common.clock import Clock
from meshtrail.control.oidc.fetch import ProviderUnavailableError
from meshtrail.control.oidc.limits import FAILED_AGAIN_S

T = TypeVar("T")


class Kept(Generic[T]):
    """A value that is believed for some time. Thread-safe; who comes while it is fetched waits for it."""

    def __init__(self, load: Callable[[], T], clock: Clock, life_s: int) -> None:
        self._load = load
        self._clock = clock
        self._life_us = life_s * 1_000_000
        self._lock = threading.Lock()
        self._value: T | None = None
        self._loaded_at = 0
        self._failed: ProviderUnavailableError | None = None
        self._failed_at = 0

    def get(self, younger_than_s: int | None = None) -> T:
        """The value, fetched when there is none young enough; `ProviderUnavailableError` when that does not work, without asking
        when it did not work a moment ago."""
        age_us = self._life_us if younger_than_s is None else younger_than_s * 1_000_000
        with self._lock:
            now = self._clock()
            if self._value is not None and 0 <= now - self._loaded_at < age_us:
                return self._value
            if self._failed is not None and 0 <= now - self._failed_at < FAILED_AGAIN_S * 1_000_000:
                raise ProviderUnavailableError(self._failed.reason)
            try:
                value = self._load()
            except ProviderUnavailableError as error:
                self._failed, self._failed_at = error, now
                raise
            self._value, self._loaded_at, self._failed = value, now, None
            return value
