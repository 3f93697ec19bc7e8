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
        self._unheard_us: int | None = None
        self._logged = 0

    def start(self, conntrack: Conntrack) -> None:
        """Open the group, in the set of sockets that the loop waits for."""
        self._conntrack = conntrack
        self._open()

    def _open(self) -> None:
        assert self._conntrack is not None, "start first"
        self._schedule.delay(self._open, limits.NFLOG_RETRY_S)
        self._denied.try_open(self._conntrack.poll, time.monotonic())
        self._tell_unheard()

    def _tell_unheard(self) -> None:
        """What another program got that has the group: our rules counted it. Without rules of ours nobody counts, and that denials may
        be missing is said when the group is ours."""
        since_us, began_us = self._unheard_us, self._denied.unheard_us
        if since_us is None and began_us is None:
            return
        now, logged = wall_clock(), self._rules.logged()
        if since_us is None:
            since_us, self._logged = began_us, logged or 0
        elif logged is not None and logged > self._logged:
            self._denied.unheard += logged - self._logged
            self._teller.gap(since_us, now, logged - self._logged, "unknown")
            since_us, self._logged = now, logged
        elif logged is None and began_us is None:
            self._teller.gap(since_us, now, None, "unknown")
        self._unheard_us = since_us if began_us is not None else None

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
        """Tell what is left, give the group back. The rules must still be there: they counted what was not logged."""
        if self._conntrack is None:
            return
        self._tell_unheard()
        self._tell(self._denied.close(wall_clock(), time.monotonic()))
        self.tell_suppressed()
