"""Notices that the clock was set, by comparing it with one that nobody sets. Pure: readings in, a step out."""

import logging
import time

from meshtrail.agent import limits

_LOG = logging.getLogger(__name__)


def unset_clock() -> float:
    """Seconds that have passed, also while the machine slept, whatever the clock says."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockWatch:
    """Looks from time to time, each time at the clock's reading (microseconds) and at that of `unset_clock`."""

    def __init__(self, now_us: int, passed_s: float) -> None:
        self._ahead_s = now_us / 1_000_000 - passed_s
        self.steps = 0

    def look(self, now_us: int, passed_s: float) -> float:
        """By how many seconds the clock was set since the last look; 0 when it was not. Times of connections around such a moment
        cannot be trusted, so it is said."""
        ahead_s = now_us / 1_000_000 - passed_s
        before_s, self._ahead_s = self._ahead_s, ahead_s
        if abs(ahead_s - before_s) < limits.CLOCK_STEP_S_MIN:
            return 0.0
        self.steps += 1
        step_s = ahead_s - before_s
        _LOG.warning(
            "the clock was set %s by %.0f s: times around this moment do not fit together", "forward" if step_s > 0 else "back", abs(step_s)
        )
        return step_s
