"""The agent: its parts, put together, and the loop that drives them."""

import json
import logging
from collections import deque

import msgspec

from meshtrail.agent import facts, flowid, limits, sysctls
from meshtrail.agent.capture import Capture
from meshtrail.agent.clockwatch import ClockWatch, unset_clock
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.denial_capture import DenialCapture
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denials
from meshtrail.agent.denied import Denied
from meshtrail.agent.facts import Facts
from meshtrail.agent.flowtable import FlowTable
from meshtrail.agent.follow import Follower
from meshtrail.agent.identity import Credentials
from meshtrail.agent.metrics import Metrics, Parts, snapshot
from meshtrail.agent.networks import Networks
from meshtrail.agent.peer import Peer
from meshtrail.agent.processes import Processes
from meshtrail.agent.report import Reporter
from meshtrail.agent.rules import Rules
from meshtrail.agent.schedule import Schedule
from meshtrail.agent.selection import Selection
from meshtrail.agent.sources.conntrack import Conntrack
from meshtrail.agent.spool import Spool
from meshtrail.agent.sysctls import Sysctls
from meshtrail.agent.telling import Teller
from meshtrail.agent.tracking import Tracking
from meshtrail.agent.uplink import Uplink
from meshtrail.agent.wire import Wire
from meshtrail.common.clock import wall_clock
from meshtrail.model.network_map import AgentSettings, NetworkMap, ResourceType

_LOG = logging.getLogger(__name__)


class Agent:
    """Captures the connections of this network namespace. Construction changes nothing."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._sysctls = Sysctls(sysctls.note_path(config.run_folder))
        self._tracking = Tracking()
        self._schedule = Schedule()
        credentials = Credentials(config.token)
        self._rules = Rules(Peer(config, config.identity, credentials, self._hand_over) if config.identity else None)
        self._reporter = Reporter(config.reporter_id, config.reporter_name, frozenset(), self._rules.by_mark)
        self._wire = Wire(config.server, credentials, config.ca_file)
        self._teller = Teller(self._reporter)
        self._spool = Spool(config.state_folder / "spool", self._teller.lost_in_spool, config.spool_bytes_max, config.spool_age_s_max)
        self._uplink = Uplink(self._wire, self._spool, config.reporter_id, wall_clock)
        self._teller.uplink = self._uplink
        self._selection = Selection(self._reporter, config.ignore, ignore_loopback=config.ignore_loopback)
        table, processes = FlowTable(flowid.this_instance()), Processes()
        follower = Follower(self._selection, table, self._reporter, processes, self._local_ports)
        self._capture = Capture(
            table, follower, self._reporter, processes, self._teller, self._schedule, prompt_ends=config.prompt_ends
        )  # fmt: skip
        writer = DenialWriter(config.reporter_id, config.reporter_name, self._reporter, self._rules.by_prefix)
        denied = Denied(config.nflog_group, Denials(table.instance), writer, self._selection.wants)
        self._denials = DenialCapture(denied, self._rules, self._teller, self._schedule)
        self._table = table
        self._parts = Parts(
            self._capture, self._schedule, self._teller, table, follower, processes, self._spool, self._uplink, self._wire, denied
        )  # fmt: skip
        self._facts: Facts | None = None
        self._settings = AgentSettings()
        self._next_maps: deque[NetworkMap] = deque(maxlen=1)
        """The newest map that was not obeyed yet: put here by the guide's thread, taken by the loop."""
        self._stopping = False
        self._unguarded = 0
        self._clock_watch = ClockWatch(wall_clock(), unset_clock())
        self._guarded_us = wall_clock()
        """Up to here our rules were seen in their place."""

    def start(self) -> None:
        """Prepare the kernel, open the sockets, take what is there. `NotPermittedError` without CAP_NET_ADMIN, `SpoolLockedError`
        when another agent has the state folder."""
        config, now = self._config, wall_clock()
        self._spool.open(now)
        conntrack = Conntrack(config.receive_bytes_new, config.receive_bytes_destroy, prompt_ends=config.prompt_ends)
        self._capture.conntrack = conntrack
        self._rules.start()
        self._prepare_kernel()
        self._look_at_facts()
        self._denials.start(conntrack)
        self._capture.start(conntrack, has_events=self._sysctls.found.get("nf_conntrack_events") == "1")
        self._schedule.delay(self._watch, 0)
        self._schedule.delay(self._summarise, limits.SUMMARY_INTERVAL_S)
        if self._spool.last_alive_us is not None:
            self._teller.gap(min(self._spool.last_alive_us, now), now, None, "restart")
        self._uplink.start(self._facts_now)
        _LOG.info("capturing: %d connections are open", len(self._table))

    def _prepare_kernel(self) -> None:
        self._sysctls.look()
        if self._config.change_sysctls:
            refused = self._sysctls.apply()
            if refused:
                _LOG.warning("cannot set %s: volumes or times will be missing", ", ".join(refused))
        if self._config.add_tracking:
            _LOG.info("tracking: %s", self._tracking.ensure())

    def run(self) -> None:
        """Loop until `request_stop`."""
        while not self._stopping:
            self.turn(limits.TURN_S)

    def request_stop(self) -> None:
        """End the loop after this turn; callable from a signal handler."""
        self._stopping = True

    def turn(self, wait_s: float) -> None:
        """One turn: wait, read, follow, report, and what comes round from time to time."""
        self._capture.turn(wait_s)
        self._denials.take()
        while self._next_maps:
            self._obey(self._next_maps.popleft())
        self._capture.find_owners()
        if self._capture.is_held and self._uplink.remembered is not None:
            self._capture.release(self._uplink.remembered)
        self._schedule.run()

    def _hand_over(self, network_map: NetworkMap) -> None:
        """A new map, from the thread that asks for it; the loop takes it over in its next turn."""
        self._next_maps.append(network_map)

    def _local_ports(self) -> frozenset[int]:
        return self._wire.local_ports | self._rules.local_ports

    def _watch(self) -> None:
        self._schedule.delay(self._watch, limits.WATCH_INTERVAL_S)
        self._spool.alive(wall_clock())
        self._denials.tell_suppressed()
        self._capture.watch()
        self._clock_watch.look(wall_clock(), unset_clock())
        self._tell_unguarded()

    def _tell_unguarded(self) -> None:
        """Rules that somebody took away were made again. What passed meanwhile may not have been tracked, or was decided by nobody."""
        now = wall_clock()
        untracked, meddled = self._tracking.keep(), self._rules.meddled()
        self._unguarded += untracked
        if untracked or meddled:
            self._teller.gap(self._guarded_us, now, None, "unknown")
        self._guarded_us = now

    def _obey(self, network_map: NetworkMap) -> None:
        """Take over what the organisation wants to have reported."""
        before, self._settings = self._settings, network_map.settings
        self._reporter.is_overlay = Networks(source for each in network_map.governed for source in each.sources).covers
        self._selection.follow(self._settings, Networks(each.address for each in network_map.resources if each.type != ResourceType.domain))
        if before.packet_counters != self._settings.packet_counters and self._config.change_sysctls:
            self._sysctls.account(self._settings.packet_counters)
        self._capture.report_progress(self._settings.progress_interval_s)
        if self._settings.collect and not before.collect:
            self._capture.report_open()
        _LOG.info("settings of network map %d: %s", network_map.serial, json.dumps(msgspec.to_builtins(self._settings)))

    def _look_at_facts(self) -> None:
        self._schedule.delay(self._look_at_facts, limits.FACTS_INTERVAL_S)
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
        return Facts(known.id, known.name, known.os, known.addresses, known.users, self.metrics() | {"clock_us": wall_clock()})

    def metrics(self) -> Metrics:
        """Everything that was counted."""
        return snapshot(self._parts) | {"unguarded": self._unguarded, "clock_steps": self._clock_watch.steps} | self._rules.metrics()

    def _summarise(self) -> None:
        self._schedule.delay(self._summarise, limits.SUMMARY_INTERVAL_S)
        _LOG.info("counters %s", json.dumps(self.metrics()))

    def stop(self) -> None:
        """Send what is left, put the kernel back as it was, close. A part that fails does not keep the others from it."""
        steps = (
            self._capture.stop, self._denials.close, self._rules.stop, self._drain, self._tracking.remove, self._sysctls.restore,
            self._close_kernel,
        )  # fmt: skip
        for step in steps:
            try:
                step()
            except Exception:  # noqa: BLE001 - whatever it is, our rules and settings must go
                _LOG.exception("a part did not stop as it should; the others do")

    def _drain(self) -> None:
        unsent = self._uplink.stop()
        lost = self._spool.close(wall_clock())
        if unsent:
            _LOG.warning("%d reports wait on disk for the next start, %d are lost", unsent - lost, lost)

    def _close_kernel(self) -> None:
        if self._capture.conntrack is not None:
            self._capture.conntrack.close()
            self._summarise()
