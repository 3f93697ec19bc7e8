"""What comes round from time to time, and when it is due next."""

import logging
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)

Action = Callable[[], None]


class Schedule:
    """Actions with their times, on the monotonic clock; a clock that is set moves none. For one thread."""

    def __init__(self) -> None:
        self._due: dict[Action, float] = {}
        self.errors = 0
        """Actions that the kernel refused, and that were tried again."""

    def delay(self, action: Action, seconds: float) -> None:
        """The action is due in so many seconds, and not before."""
        self._due[action] = time.monotonic() + seconds

    def hasten(self, action: Action, seconds: float) -> None:
        """The action is due in at most so many seconds."""
        at = time.monotonic() + seconds
        self._due[action] = min(self._due.get(action, at), at)

    def run(self) -> None:
        """Do what is due. An action says itself when it comes round again. One may fail when the kernel is short of memory; it
        comes round again all the same, and the loop goes on."""
        now_s = time.monotonic()
        for action in [each for each, due in self._due.items() if now_s >= due]:
            try:
                action()
            except OSError as error:
                self.errors += 1
                _LOG.warning("%s did not succeed and is tried again: %s", action.__name__.strip("_"), error)
