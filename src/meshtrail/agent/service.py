"""The agent: one loop from the kernel's sockets to the uplink's queue."""

import json
import logging
import time
import uuid
from collections.abc import Callable

import msgspec

from meshtrail.agent import facts, flowid, limits, sysctls
from meshtrail.agent.adoption import adopt
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.decision import Decision
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denials
from meshtrail.agent.denied import Denied, Told
from meshtrail.agent.facts import Facts
from meshtrail.agent.flow import Flow
from meshtrail.agent.flowtable import FlowTable, key_of
from meshtrail.agent.follow import Follower
from meshtrail.agent.identity import Credentials
from meshtrail.agent.metrics import LoopCounters, Metrics, Parts, snapshot
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.networks import Networks
from meshtrail.agent.peer import Peer
from meshtrail.agent.processes import Processes
from meshtrail.agent.report import Reporter
from meshtrail.agent.selection import Selection
from meshtrail.agent.sources.conntrack import Conntrack, Events, Overrun
from meshtrail.agent.spool import Gap, Spool
from meshtrail.agent.sysctls import Sysctls
from meshtrail.agent.tracking import Tracking
from meshtrail.agent.uplink import Uplink
from meshtrail.agent.watchdog import Pace, Watchdog
from meshtrail.agent.wire import Wire
from meshtrail.common.clock import wall_clock
from meshtrail.model.network_map import AgentSettings, NetworkMap, ResourceType

_LOG = logging.getLogger(__name__)


class Agent:
    """Captures the connections of this network namespace. Construction changes nothing."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._conntrack: Conntrack | None = None
        self._sysctls = Sysctls(sysctls.note_path(config.run_folder))
        self._tracking = Tracking()
        self._instance = flowid.this_instance()
        self._table = FlowTable(self._instance)
        self._processes = Processes()
        self._credentials = Credentials(config.token)
        self._peer = Peer(config, config.identity, self._credentials, self._hand_over) if config.identity else None
        self._reporter = Reporter(config.reporter_id, config.reporter_name, frozenset(), self._by_mark)
        self._spool = Spool(config.state_folder / "spool", self._gap_line, config.spool_bytes_max, config.spool_age_s_max)
        self._wire = Wire(config.server, self._credentials, config.ca_file)
        self._uplink = Uplink(self._wire, self._spool, config.reporter_id, wall_clock)
        self._selection = Selection(self._reporter, config.ignore, ignore_loopback=config.ignore_loopback)
        self._follower = Follower(self._selection, self._table, self._reporter, self._processes, self._local_ports)
        writer = DenialWriter(config.reporter_id, config.reporter_name, self._reporter, self._by_prefix)
        self._denied = Denied(config.nflog_group, Denials(self._instance), writer, self._selection.wants)
        self._suppressed_us = wall_clock()
        self._denied_packets, self._denied_grew = 0, False
        self._watchdog = Watchdog()
        self._pace = Pace(config.prompt_ends)
        self._loop = LoopCounters()
        self._parts = Parts(
            self._loop, self._table, self._follower, self._processes, self._spool, self._uplink, self._wire, self._pace, self._denied,
            lambda: self._conntrack,
        )  # fmt: skip
        self._facts: Facts | None = None
        self._settings = AgentSettings()
        self._next_map: NetworkMap | None = None
        self._progress_due = 0.0
        self._stopping = False
        self._clean_us = wall_clock()
        self._due = {self._watch: 0.0, self._look_at_facts: 0.0, self._resync: 0.0, self._summarise: 0.0, self._open_denials: 0.0}

    def start(self) -> None:
        """Prepare the kernel, open the sockets, take what is there. `NotPermittedError` without CAP_NET_ADMIN, `SpoolLockedError`
        when another agent has the state folder."""
        config = self._config
        self._spool.open(wall_clock())
        conntrack = self._conntrack = Conntrack(config.receive_bytes_new, config.receive_bytes_destroy, prompt_ends=config.prompt_ends)
        if self._peer is not None:
            self._peer.start()
        self._sysctls.look()
        if config.change_sysctls:
            refused = self._sysctls.apply()
            if refused:
                _LOG.warning("cannot set %s: volumes or times will be missing", ", ".join(refused))
        if config.add_tracking:
            _LOG.info("tracking: %s", self._tracking.ensure())
        self._look_at_facts(conntrack)
        self._open_denials(conntrack)
        now = wall_clock()
        flows = [flow for record in conntrack.dump() if (flow := self._table.entry(record, now)) is not None]
        self._follower.hold(flows)
        if self._sysctls.found.get("nf_conntrack_events") != "1":
            self._table.watch_silent(flows)
        self._delay(self._resync, limits.POLL_INTERVAL_S if self._table.has_silent else self._look_interval_s)
        self._delay(self._summarise, limits.SUMMARY_INTERVAL_S)
        if self._spool.last_alive_us is not None:
            self._gap(min(self._spool.last_alive_us, now), now, None, "restart")
        self._uplink.start(self._facts_now)
        _LOG.info("capturing: %d connections are open", len(self._table))

    def run(self) -> None:
        """Loop until `request_stop`."""
        while not self._stopping:
            self.turn(limits.TURN_S)

    def request_stop(self) -> None:
        """End the loop after this turn; callable from a signal handler."""
        self._stopping = True

    def turn(self, wait_s: float) -> None:
        """One turn: wait, read, follow, report, and what comes round from time to time."""
        conntrack = self._conntrack
        assert conntrack is not None, "start first"
        if self._follower.held is not None or self._follower.waits_for_owners:
            wait_s = min(wait_s, limits.PROCESS_RETRY_S)
        if conntrack.wait(wait_s):
            self._take(conntrack, conntrack.read())
            time.sleep(limits.REST_S)
        else:
            self._clean_us = wall_clock()
            self._loop.reader_lag_ms = 0
        self._take_denials()
        if self._next_map is not None:
            following, self._next_map = self._next_map, None
            self._obey(following)
        if self._follower.waits_for_owners and self._processes.may_look:
            self._put(self._follower.tick(wall_clock()))
        if self._follower.held is not None and self._uplink.remembered is not None:
            self._release(conntrack)
        now_s = time.monotonic()
        for action, due in self._due.items():
            if now_s >= due:
                self._attempt(action, conntrack)

    def _hand_over(self, network_map: NetworkMap) -> None:
        """A new map, from the thread that asks for it; the loop takes it over in its next turn."""
        self._next_map = network_map

    def _by_mark(self, mark: int, at_us: int) -> Decision | None:
        return self._peer.by_mark(mark, at_us) if self._peer is not None else None

    def _by_prefix(self, text: str, at_us: int) -> Decision | None:
        return self._peer.firewall.by_prefix(text, at_us) if self._peer is not None else None

    def _local_ports(self) -> frozenset[int]:
        return self._wire.local_ports | self._peer.local_ports if self._peer is not None else self._wire.local_ports

    def _attempt(self, action: Callable[[Conntrack], None], conntrack: Conntrack) -> None:
        """What comes round may fail when the kernel is short of memory; it comes round again, and capture goes on."""
        try:
            action(conntrack)
        except OSError as error:
            self._loop.errors += 1
            _LOG.warning("%s did not succeed and is tried again: %s", action.__name__.strip("_"), error)

    def _ask(self, wanted: list[Record]) -> dict[int, Record]:
        """Entries of closed connections. Without an answer their counters come with the kernel's last word."""
        assert self._conntrack is not None
        try:
            return self._conntrack.ask(wanted)
        except OSError as error:
            self._loop.errors += 1
            _LOG.warning("the kernel did not answer for %d entries: %s", len(wanted), error)
            return {}

    def _take(self, conntrack: Conntrack, events: Events) -> None:
        now = wall_clock()
        loop = self._loop
        loop.events_new += len(events.starts)
        loop.events_update += len(events.updates)
        loop.events_destroy += len(events.ends)
        newest = max((record[-1] or 0 for record in (*events.starts[-1:], *events.ends[-1:])), default=0)
        loop.reader_lag_ms = max(0, now // 1_000 - newest // 1_000_000) if newest else 0
        conntrack.hear_updates(self._pace.add(len(events.updates), time.monotonic()))
        self._put(self._follower.follow(events.starts, events.updates, events.ends, self._ask, now))
        if self._table.has_overdue:
            self._due[self._resync] = min(self._due[self._resync], time.monotonic() + limits.LOST_AFTER_US / 1_000_000)
        if events.overruns:
            self._overrun(conntrack, events.overruns, now)
        self._clean_us = now

    def _take_denials(self) -> None:
        self._put_denials(self._denied.read(wall_clock(), time.monotonic()))

    def _put_denials(self, told: Told) -> None:
        for loss in told.losses:
            self._gap(loss.since_us, loss.until_us, loss.lost)
        if told.lines:
            self._uplink.put(told.lines)

    def _open_denials(self, conntrack: Conntrack) -> None:
        self._delay(self._open_denials, limits.NFLOG_RETRY_S)
        self._denied.try_open(conntrack.poll, time.monotonic())

    def _put(self, lines: list[bytes]) -> None:
        if lines:
            self._uplink.put(lines, urgent=self._follower.urgent)

    def _overrun(self, conntrack: Conntrack, overruns: list[Overrun], now: int) -> None:
        """The kernel dropped events: say so in the data, and look at the whole table soon. A lost closing update is no loss,
        nor is an end that the kernel keeps.
        """
        self._loop.overruns += len(overruns)
        if any(each.socket == "destroy" for each in overruns):
            self._table.doubt(now)
        lost = [each for each in overruns if each.socket == "new" or (each.socket == "destroy" and not conntrack.reliable)]
        if lost:
            dropped = sum(each.dropped for each in lost)
            self._loop.events_dropped += dropped
            self._gap(self._clean_us, now, dropped or None)
            _LOG.warning("the kernel dropped %d events; looking at the whole table", dropped)
        self._due[self._resync] = min(self._due[self._resync], time.monotonic() + limits.RESYNC_SOON_S)

    def _gap(self, since_us: int, until_us: int, lost: int | None, cause: str = "buffer_overrun") -> None:
        self._loop.gaps += 1
        self._uplink.put([self._reporter.gap(str(uuid.uuid4()), since_us, until_us, cause, lost)])

    def _gap_line(self, gap: Gap) -> bytes:
        """What the spool has lost; it asks again when it has to tell it again."""
        self._loop.gaps += 1
        return self._reporter.gap(gap.id, gap.since_us, gap.until_us, gap.cause, gap.lost)

    def _release(self, conntrack: Conntrack) -> None:
        """The server has said what it holds open: continue it, or say that it is lost. An absence is confirmed by another
        look at the kernel's table, because a dump can miss an entry.
        """
        remembered = self._uplink.remembered or []
        held = self._follower.held or []
        now = wall_clock()
        found = adopt(remembered, held, self._instance)
        if found.missing:
            flows = [flow for record in conntrack.dump() if (flow := self._table.entry(record, now)) is not None]
            self._follower.hold(flows)
            second = adopt(found.missing, flows, self._instance)
            found = found._replace(continued=found.continued + second.continued, missing=second.missing)
        self._table.counters.adopted += len(found.continued)
        self._put(self._follower.release(found.continued))
        if found.missing:
            self._table.counters.lost += len(found.missing)
            self._uplink.put([self._reporter.lost(known, now) for known in found.missing])
        _LOG.info("the server answers: %d connections continue, %d were lost", len(found.continued), len(found.missing))

    def _delay(self, action: Callable[[Conntrack], None], seconds: float) -> None:
        self._due[action] = time.monotonic() + seconds

    def _watch(self, conntrack: Conntrack) -> None:
        """A table that fills because we read too slowly would stop the network: then lose, and say so."""
        self._delay(self._watch, limits.WATCH_INTERVAL_S)
        self._spool.alive(wall_clock())
        loop = self._loop
        loop.table_count, loop.table_max = (int(sysctls.read(f"nf_conntrack_{name}") or 0) for name in ("count", "max"))
        self._tell_suppressed()
        wanted = self._watchdog.look(loop.table_count, loop.table_max, loop.reader_lag_ms / 1_000)
        if wanted == conntrack.reliable:
            return
        conntrack.rely(wanted)
        loop.lossy_switches += 1
        if wanted:
            _LOG.warning("capture is reliable again")
            return
        self._gap(self._clean_us, wall_clock(), None)
        _LOG.error(
            "ends may be lost from now on: conntrack's table is %d of %d, the reader is %d ms behind",
            loop.table_count, loop.table_max, loop.reader_lag_ms,
        )  # fmt: skip

    def _tell_suppressed(self) -> None:
        """Denials that the rules counted and did not log, because they were too many, are missing from the record: say so."""
        packets, now = self._denied.read_counters.packets, wall_clock()
        grew, grew_before = packets != self._denied_packets, self._denied_grew
        if self._peer is not None and (grew or grew_before):
            suppressed = self._peer.firewall.suppressed()
            self._denied.suppressed += suppressed
            if suppressed:
                self._gap(self._suppressed_us, now, suppressed, "rate_limited")
        self._denied_packets, self._denied_grew, self._suppressed_us = packets, grew, now

    def _resync(self, conntrack: Conntrack) -> None:
        """Compare with the whole table. Events that arrive meanwhile wait in the sockets, and are taken after the entries:
        the end of an entry then finds it, and no entry comes back to life. What is still unaccounted for is missing."""
        before_s = time.monotonic()
        self._loop.resyncs += 1
        entries = conntrack.dump()
        now = wall_clock()
        self._put(self._follower.lines([flow for record in entries if (flow := self._table.entry(record, now)) is not None]))
        self._take(conntrack, conntrack.read())
        self._put(self._follower.lines(self._table.missing({key_of(record) for record in entries}, wall_clock())))
        self._put(self._follower.lines(self._progress()))
        cost_s = time.monotonic() - before_s
        if self._table.has_silent_suspects:
            wait_s = limits.RESYNC_SOON_S
        elif self._table.has_silent:
            wait_s = limits.POLL_INTERVAL_S
        elif self._table.has_suspects:
            wait_s = limits.LOST_AFTER_US / 1_000_000
        else:
            wait_s = self._look_interval_s
        self._delay(self._resync, max(wait_s, cost_s / limits.RESYNC_TIME_SHARE_MAX))

    @property
    def _look_interval_s(self) -> float:
        """Time between two looks at the whole table when nothing is missing."""
        return min(limits.RESYNC_INTERVAL_S, self._settings.progress_interval_s or limits.RESYNC_INTERVAL_S)

    def _progress(self) -> list[Flow]:
        """Open connections to be reported again; the entries of a dump have just brought their counters."""
        if not self._settings.progress_interval_s or time.monotonic() < self._progress_due:
            return []
        self._progress_due = time.monotonic() + self._settings.progress_interval_s
        return self._table.progress(wall_clock())

    def _obey(self, network_map: NetworkMap) -> None:
        """Take over what the organisation wants to have reported."""
        before, self._settings = self._settings, network_map.settings
        self._reporter.is_overlay = Networks(source for each in network_map.governed for source in each.sources).covers
        self._selection.follow(self._settings, Networks(each.address for each in network_map.resources if each.type != ResourceType.domain))
        if before.packet_counters != self._settings.packet_counters and self._config.change_sysctls:
            self._sysctls.account(self._settings.packet_counters)
        if before.progress_interval_s != self._settings.progress_interval_s:
            self._progress_due = 0.0
            self._delay(self._resync, self._look_interval_s)
        if self._settings.collect and not before.collect:
            self._put(self._follower.lines([flow for flow in self._table.flows() if flow.ended_us is None]))
        _LOG.info("settings of network map %d: %s", network_map.serial, json.dumps(msgspec.to_builtins(self._settings)))

    def _look_at_facts(self, _conntrack: Conntrack) -> None:
        self._delay(self._look_at_facts, limits.FACTS_INTERVAL_S)
        self._table.linger_us = sysctls.linger_us()
        addresses = facts.addresses()
        self._reporter.own = addresses.own | addresses.broadcast
        found = facts.gather(self._config.reporter_id, self._config.reporter_name, addresses.own)
        if found != self._facts:
            self._facts = found
            self._uplink.tell_facts()

    def _facts_now(self) -> Facts:
        assert self._facts is not None, "start looks at the facts"
        known = self._facts
        return Facts(known.id, known.name, known.os, known.addresses, known.users, self.metrics())

    def metrics(self) -> Metrics:
        """Everything that was counted."""
        return snapshot(self._parts) | (self._peer.metrics() if self._peer is not None else {})

    def _summarise(self, _conntrack: Conntrack | None = None) -> None:
        self._delay(self._summarise, limits.SUMMARY_INTERVAL_S)
        _LOG.info("counters %s", json.dumps(self.metrics()))

    def stop(self) -> None:
        """Send what is left, put the kernel back as it was, close."""
        if self._conntrack is not None:
            self._take(self._conntrack, self._conntrack.read())
            self._conntrack.hear_updates(False)
            self._put_denials(self._denied.close(wall_clock(), time.monotonic()))
            if self._follower.held:
                _LOG.warning("%d connections wait for the server's memory; the next start finds them", len(self._follower.held))
        if self._peer is not None:
            self._peer.stop()
        unsent = self._uplink.stop()
        lost = self._spool.close(wall_clock())
        if unsent:
            _LOG.warning("%d reports wait on disk for the next start, %d are lost", unsent - lost, lost)
        self._tracking.remove()
        self._sysctls.restore()
        if self._conntrack is not None:
            self._conntrack.close()
            self._summarise()
