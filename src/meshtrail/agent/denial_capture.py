"""Denials on their way from the kernel to the server, with what is missing of them."""

import time

from meshtrail.agent import limits
from meshtrail.agent.denied import Denied, Told
from meshtrail.agent.rules import Rules
from meshtrail.agent.schedule import Schedule
from meshtrail.agent.sources.conntrack import Conntrack
from meshtrail.agent.telling import Teller
from meshtrail.common.clock import wall_clock


class DenialCapture:
    """Reads the log group in the agent's loop. For one thread."""

    def __init__(self, denied: Denied, rules: Rules, teller: Teller, schedule: Schedule) -> None:
        self._denied, self._rules, self._teller, self._schedule = denied, rules, teller, schedule
        self._conntrack: Conntrack | None = None
        self._suppressed_us = wall_clock()
        self._packets, self._grew = 0, False

    def start(self, conntrack: Conntrack) -> None:
        """Open the group, in the set of sockets that the loop waits for."""
        self._conntrack = conntrack
        self._open()

    def _open(self) -> None:
        assert self._conntrack is not None, "start first"
        self._schedule.delay(self._open, limits.NFLOG_RETRY_S)
        self._denied.try_open(self._conntrack.poll, time.monotonic())

    def take(self) -> None:
        """Read what is there."""
        self._tell(self._denied.read(wall_clock(), time.monotonic()))

    def _tell(self, told: Told) -> None:
        for loss in told.losses:
            self._teller.gap(loss.since_us, loss.until_us, loss.lost)
        self._teller.put(told.lines)

    def tell_suppressed(self) -> None:
        """Denials that the rules counted and did not log, because they were too many, are missing from the record: say so. Asking
        costs a run of nft, so it is asked only while denials come."""
        packets, now = self._denied.read_counters.packets, wall_clock()
        grew, grew_before = packets != self._packets, self._grew
        if grew or grew_before:
            suppressed = self._rules.suppressed()
            self._denied.suppressed += suppressed
            if suppressed:
                self._teller.gap(self._suppressed_us, now, suppressed, "rate_limited")
        self._packets, self._grew, self._suppressed_us = packets, grew, now

    def close(self) -> None:
        """Tell what is left, give the group back."""
        self._tell(self._denied.close(wall_clock(), time.monotonic()))
