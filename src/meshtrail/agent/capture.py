"""Connections on their way from the kernel's sockets to the uplink's queue."""

import logging
import time

from meshtrail.agent import limits, sysctls
from meshtrail.agent.adoption import adopt
from meshtrail.agent.flow import Flow
from meshtrail.agent.flowtable import FlowTable, key_of
from meshtrail.agent.follow import Follower
from meshtrail.agent.metrics import CaptureCounters
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.netlink.statistics import Statistics
from meshtrail.agent.processes import Processes
from meshtrail.agent.report import Reporter
from meshtrail.agent.schedule import Schedule
from meshtrail.agent.sources.conntrack import Conntrack, Events, Overrun
from meshtrail.agent.telling import Teller
from meshtrail.agent.uplink import OpenFlow
from meshtrail.agent.watchdog import Pace, Watchdog
from meshtrail.common.clock import wall_clock
from meshtrail.model.network_map import AgentSettings

_LOG = logging.getLogger(__name__)


class Capture:
    """Follows one connection table. For one thread; inert until `start`."""

    def __init__(
        self, table: FlowTable, follower: Follower, reporter: Reporter, processes: Processes, teller: Teller, schedule: Schedule,
        *, prompt_ends: bool,
    ) -> None:  # fmt: skip
        self._table, self._follower, self._reporter, self._processes = table, follower, reporter, processes
        self._teller, self._schedule = teller, schedule
        self._watchdog = Watchdog()
        self.pace = Pace(prompt_ends)
        self.counters = CaptureCounters()
        self.conntrack: Conntrack | None = None
        """The kernel's side, once it is open."""
        self._progress_interval_s = AgentSettings().progress_interval_s
        self._progress_due_s = 0.0
        self._clean_us = wall_clock()
        """Up to here nothing can be missing."""
        self._counted: Statistics | None = None
        self._counted_us = 0
        self._malformed, self._readable_us = 0, wall_clock()
        self._refusals_said_s = -limits.SUMMARY_INTERVAL_S

    def start(self, conntrack: Conntrack, *, has_events: bool) -> None:
        """Take what is there, hold it back, and begin to look at the whole table from time to time. Without events the table is
        all there is to see."""
        self.conntrack = conntrack
        self._clean_us = now = wall_clock()
        flows = self._entries(conntrack.dump(), now)
        self._follower.hold(flows)
        if not has_events:
            self._table.watch_silent(flows)
        self._schedule.delay(self._resync, limits.POLL_INTERVAL_S if self._table.has_silent else self._look_interval_s)
        self._schedule.delay(self._watch_refusals, 0)
        self._schedule.delay(self._watch_malformed, 0)

    def turn(self, wait_s: float) -> None:
        """Wait for events at most for the time, and follow them."""
        if self._follower.held is not None or self._follower.waits_for_owners:
            wait_s = min(wait_s, limits.PROCESS_RETRY_S)
        kernel = self._kernel
        if kernel.wait(wait_s):
            self._take(kernel.read())
            time.sleep(limits.REST_S)
        else:
            self._clean_us = wall_clock()
            self.counters.reader_lag_ms = 0

    def find_owners(self) -> None:
        """Look for programs behind connections whose owners are unknown, when that is allowed again."""
        if self._follower.waits_for_owners and self._processes.may_look:
            self._put(self._follower.tick(wall_clock()))

    @property
    def _kernel(self) -> Conntrack:
        assert self.conntrack is not None, "start first"
        return self.conntrack

    def _entries(self, entries: list[Record], now_us: int) -> list[Flow]:
        return [flow for record in entries if (flow := self._table.entry(record, now_us)) is not None]

    def _put(self, lines: list[bytes]) -> None:
        self._teller.put(lines, urgent=self._follower.urgent)

    def _take(self, events: Events) -> None:
        now = wall_clock()
        counters = self.counters
        counters.events_new += len(events.starts)
        counters.events_update += len(events.updates)
        counters.events_destroy += len(events.ends)
        newest = max((record[-1] or 0 for record in (*events.starts[-1:], *events.ends[-1:])), default=0)
        counters.reader_lag_ms = max(0, now // 1_000 - newest // 1_000_000) if newest else 0
        self._kernel.hear_updates(self.pace.add(len(events.updates), time.monotonic()))
        self._put(self._follower.follow(events.starts, events.updates, events.ends, self._ask, now))
        if self._table.has_overdue:
            self._schedule.hasten(self._resync, limits.LOST_AFTER_US / 1_000_000)
        if events.overruns:
            self._overrun(events.overruns, now)
        self._clean_us = now

    def _ask(self, wanted: list[Record]) -> dict[int, Record]:
        """Entries of closed connections. Without an answer their counters come with the kernel's last word."""
        try:
            return self._kernel.ask(wanted)
        except OSError as error:
            self.counters.errors += 1
            _LOG.warning("the kernel did not answer for %d entries: %s", len(wanted), error)
            return {}

    def _overrun(self, overruns: list[Overrun], now: int) -> None:
        """The kernel dropped events: say so in the data, and look at the whole table soon. A lost closing update is no loss,
        nor is an end that the kernel keeps."""
        self.counters.overruns += len(overruns)
        if any(each.socket == "destroy" for each in overruns):
            self._table.doubt(now)
        reliable = self._kernel.reliable
        lost = [each for each in overruns if each.socket == "new" or (each.socket == "destroy" and not reliable)]
        if lost:
            dropped = sum(each.dropped for each in lost)
            self.counters.events_dropped += dropped
            self._teller.gap(self._clean_us, now, dropped or None)
            _LOG.warning("the kernel dropped %d events; looking at the whole table", dropped)
        self._schedule.hasten(self._resync, limits.RESYNC_SOON_S)

    def release(self, remembered: list[OpenFlow]) -> None:
        """The server has said what it holds open: continue it, or say that it is lost. An absence is confirmed by another
        look at the kernel's table, because a dump can miss an entry."""
        held, instance = self._follower.held or [], self._table.instance
        now = wall_clock()
        found = adopt(remembered, held, instance)
        if found.missing:
            flows = self._entries(self._kernel.dump(), now)
            self._follower.hold(flows)
            second = adopt(found.missing, flows, instance)
            found = found._replace(continued=found.continued + second.continued, missing=second.missing)
        self._table.counters.adopted += len(found.continued)
        self._put(self._follower.release(found.continued))
        self._table.counters.lost += len(found.missing)
        self._teller.put([self._reporter.lost(known, now) for known in found.missing])
        _LOG.info("the server answers: %d connections continue, %d were lost", len(found.continued), len(found.missing))

    @property
    def is_held(self) -> bool:
        """Whether what was there at the start still waits for `release`."""
        return self._follower.held is not None

    def watch(self) -> None:
        """A table that fills because we read too slowly would stop the network: then lose, and say so."""
        counters, kernel = self.counters, self._kernel
        counters.table_count, counters.table_max = (int(sysctls.read(f"nf_conntrack_{name}") or 0) for name in ("count", "max"))
        wanted = self._watchdog.look(counters.table_count, counters.table_max, counters.reader_lag_ms / 1_000)
        if wanted == kernel.reliable:
            return
        kernel.rely(wanted)
        counters.lossy_switches += 1
        if wanted:
            _LOG.warning("capture is reliable again")
            return
        self._teller.gap(self._clean_us, wall_clock(), None)
        _LOG.error(
            "ends may be lost from now on: conntrack's table is %d of %d, the reader is %d ms behind",
            counters.table_count, counters.table_max, counters.reader_lag_ms,
        )  # fmt: skip

    def _watch_malformed(self) -> None:
        """Messages of the kernel that could not be read may have told of connections: say so, and look for these in the table."""
        self._schedule.delay(self._watch_malformed, limits.WATCH_INTERVAL_S)
        malformed, since_us = self._kernel.decoder.malformed, self._readable_us
        self._readable_us = wall_clock()
        if malformed > self._malformed:
            _LOG.warning("%d messages of the kernel could not be read; looking at the whole table", malformed - self._malformed)
            self._teller.gap(since_us, self._readable_us, malformed - self._malformed, "unknown")
            self._malformed = malformed
            self._schedule.hasten(self._resync, limits.RESYNC_SOON_S)

    def _watch_refusals(self) -> None:
        """Connections for which there is no room in the table are thrown away by the kernel, and in no event: say that they are
        missing."""
        self._schedule.delay(self._watch_refusals, limits.WATCH_INTERVAL_S)
        before, since_us = self._counted, self._counted_us
        found = self._counted = self._kernel.statistics()
        now = self._counted_us = wall_clock()
        if before is None:
            return
        self.counters.table_evicted += max(0, found.evicted - before.evicted)
        refused = max(0, found.dropped - before.dropped)
        if refused:
            self.counters.table_refused += refused
            self._teller.gap(since_us, now, refused, "table_full")
            self._say_refused(refused)

    def _say_refused(self, refused: int) -> None:
        """Not more often than the counters."""
        if time.monotonic() >= self._refusals_said_s + limits.SUMMARY_INTERVAL_S:
            self._refusals_said_s = time.monotonic()
            _LOG.error(
                "conntrack's table is full (%d of %d): the kernel threw away %d packets of new connections, which nobody hears of.\n"
                "Raise it: sysctl -w net.netfilter.nf_conntrack_max=%d",
                self.counters.table_count, self.counters.table_max, refused, 2 * self.counters.table_max,
            )  # fmt: skip

    def _resync(self) -> None:
        """Compare with the whole table. Events that arrive meanwhile wait in the sockets, and are taken after the entries:
        the end of an entry then finds it, and no entry comes back to life. What is still unaccounted for is missing."""
        before_s = time.monotonic()
        self.counters.resyncs += 1
        entries = self._kernel.dump()
        self._put(self._follower.lines(self._entries(entries, wall_clock())))
        self._take(self._kernel.read())
        self._put(self._follower.lines(self._table.missing({key_of(record) for record in entries}, wall_clock())))
        self._put(self._follower.lines(self._progress()))
        cost_s = time.monotonic() - before_s
        self._schedule.delay(self._resync, max(self._resync_wait_s(), cost_s / limits.RESYNC_TIME_SHARE_MAX))

    def _resync_wait_s(self) -> float:
        if self._table.has_silent_suspects:
            return limits.RESYNC_SOON_S
        if self._table.has_silent:
            return limits.POLL_INTERVAL_S
        if self._table.has_suspects:
            return limits.LOST_AFTER_US / 1_000_000
        return self._look_interval_s

    @property
    def _look_interval_s(self) -> float:
        """Time between two looks at the whole table when nothing is missing."""
        return min(limits.RESYNC_INTERVAL_S, self._progress_interval_s or limits.RESYNC_INTERVAL_S)

    def report_progress(self, every_s: int) -> None:
        """Report open connections again so often; 0: only their start and end."""
        if every_s != self._progress_interval_s:
            self._progress_interval_s, self._progress_due_s = every_s, 0.0
            self._schedule.delay(self._resync, self._look_interval_s)

    def _progress(self) -> list[Flow]:
        """Open connections to be reported again; the entries of a dump have just brought their counters."""
        if not self._progress_interval_s or time.monotonic() < self._progress_due_s:
            return []
        self._progress_due_s = time.monotonic() + self._progress_interval_s
        return self._table.progress(wall_clock())

    def report_open(self) -> None:
        """Report every connection that is open: collection has been switched on."""
        self._put(self._follower.lines([flow for flow in self._table.flows() if flow.ended_us is None]))

    def stop(self) -> None:
        """Take what is there, and ask for no more."""
        if self.conntrack is None:
            return
        self._take(self.conntrack.read())
        self.conntrack.hear_updates(False)
        if self._follower.held:
            _LOG.warning("%d connections wait for the server's memory; the next start finds them", len(self._follower.held))
