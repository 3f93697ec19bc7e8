"""The agent: one loop from the kernel's sockets to the uplink's queue."""

import ipaddress
import logging
import time
import uuid

from meshtrail.agent import facts, flowid, limits, sysctls
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.flowtable import Flow, FlowTable
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.processes import Endpoint, Processes
from meshtrail.agent.report import Reporter
from meshtrail.agent.sources.conntrack import Conntrack, Overrun
from meshtrail.agent.sysctls import Sysctls
from meshtrail.agent.tracking import Tracking
from meshtrail.agent.uplink import OpenFlow, Uplink
from meshtrail.common.clock import microseconds

_LOG = logging.getLogger(__name__)
TURN_S = 0.5
"""Longest wait of a turn: stopping and watching come round at least this often."""

REST_S = 0.005
"""Pause after a busy turn, so that events come in batches and each costs less."""


def wall_us() -> int:
    """The system's clock in microseconds."""
    return time.time_ns() // 1_000


class Agent:
    """Captures the connections of this network namespace."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._conntrack: Conntrack | None = None
        self._sysctls = Sysctls()
        self._tracking = Tracking()
        self._processes = Processes()
        self._instance = flowid.this_instance()
        self._table = FlowTable(self._instance)
        own = facts.own_addresses()
        self._reporter = Reporter(config.reporter_id, config.reporter_name, frozenset(own))
        self.uplink = Uplink(config.server, config.token, self._queue_gap, wall_us)
        self._stopping = False
        self._heard_us = wall_us()
        self._due = {"watch": 0.0, "facts": 0.0, "summary": 0.0, "resync": 0.0}
        self._overruns = 0
        self._lost_seen = 0
        self.left_out = 0

    def start(self) -> None:
        """Prepare the kernel, open the sockets, take what is there. `NotPermittedError` without CAP_NET_ADMIN."""
        self._conntrack = Conntrack()
        if self._config.change_sysctls:
            refused = self._sysctls.apply()
            if refused:
                _LOG.warning("cannot set %s: bytes or times will be missing", ", ".join(refused))
        if self._config.add_tracking:
            _LOG.info("tracking: %s", self._tracking.ensure())
        self._put_facts()
        self._begin(self._conntrack)
        self.uplink.start()
        _LOG.info("capturing: %d connections are open", len(self._table))

    def _begin(self, conntrack: Conntrack) -> None:
        """The first dump, joined with what the server remembers from before a restart."""
        entries = conntrack.dump()
        now = wall_us()
        flows = [flow for record in entries if (flow := self._table.entry(record, now)) is not None]
        remembered = self._remembered()
        missing: list[bytes] = []
        for known in remembered:
            number = flowid.conntrack_id(known.flow_id, self._instance)
            started = microseconds(known.started_at)
            if number is None or not self._table.adopt(number, known.flow_id, started):
                missing.append(self._reporter.lost(known, now))
        self._report(flows, now)
        if missing:
            self.uplink.put(missing)
        self._due["resync"] = time.monotonic() + limits.RESYNC_INTERVAL_S

    def _remembered(self) -> list[OpenFlow]:
        for attempt in range(3):
            found = self.uplink.open_flows(self._config.reporter_id)
            if found is not None:
                return found
            time.sleep(limits.RESEND_S_MIN * (attempt + 1))
        _LOG.warning("the server does not answer yet: connections from before a restart are not continued")
        return []

    def run(self) -> None:
        """Loop until `request_stop`."""
        while not self._stopping:
            self.turn(TURN_S)

    def request_stop(self) -> None:
        """End the loop after this turn; callable from a signal handler."""
        self._stopping = True

    def turn(self, wait_s: float) -> None:
        """One turn: wait, read, follow, report, and what comes round from time to time."""
        assert self._conntrack is not None
        if self._conntrack.wait(wait_s):
            starts, updates, ends, overruns = self._conntrack.read()
            now = wall_us()
            flows = self._follow(self._conntrack, starts, updates, ends, now)
            self._report(flows, now)
            if overruns:
                self._overrun(self._conntrack, overruns, now)
            self._heard_us = now
            time.sleep(REST_S)
        self._housekeeping(self._conntrack, time.monotonic())

    def _follow(
        self, conntrack: Conntrack, starts: list[Record], updates: list[Record], ends: list[Record], now: int
    ) -> list[Flow]:
        """Flows to report, each once, as they stand after all of these events."""
        changed: dict[int, Flow] = {}
        for record in starts:
            flow = self._table.start(record, now)
            if flow is not None:
                changed[id(flow)] = flow
        self._attribute(list(changed.values()))
        ended = {record.id for record in ends}
        closing = [record for record in updates if record.id not in ended and self._table.closing(record)]
        entries: dict[int, Record] = {}
        if len(closing) <= limits.ASKS_PER_TURN_MAX:
            entries = conntrack.ask(closing)
        for record in closing:
            if len(closing) <= limits.ASKS_PER_TURN_MAX and (flow := self._table.closed(record, entries.get(record.id), now)):
                changed[id(flow)] = flow
        for record in ends:
            flow = self._table.end(record, now)
            if flow is not None:
                changed[id(flow)] = flow
        return list(changed.values())

    def _attribute(self, flows: list[Flow]) -> None:
        """Find the program and user behind connections that this machine opened."""
        mine = [f for f in flows if f.record.source_port is not None and self._reporter.is_own(f.record.source)]
        chosen = mine[: limits.PROCESS_FLOWS_PER_TURN_MAX]
        self._processes.skipped += len(mine) - len(chosen)
        wanted: dict[Endpoint, Flow] = {}
        for flow in chosen:
            assert flow.record.source_port is not None
            wanted[flow.record.protocol, flow.record.source, flow.record.source_port] = flow
        any_address = {}
        for (protocol, address, port), flow in wanted.items():
            any_address[protocol, b"\x00" * len(address), port] = flow
        for endpoint, owner in self._processes.owners({*wanted, *any_address}, time.monotonic()).items():
            flow = wanted.get(endpoint) or any_address[endpoint]
            if flow.owner is None or endpoint in wanted:
                flow.owner = owner

    def _report(self, flows: list[Flow], now: int) -> None:
        kept = [flow for flow in flows if not self._ignored(flow.record)]
        self.left_out += len(flows) - len(kept)
        if kept:
            self.uplink.put([self._reporter.line(flow, now) for flow in kept])

    def _ignored(self, record: Record) -> bool:
        if self._config.ignore_loopback and record.source == record.destination:
            return True
        if not self._config.ignore:
            return False
        ends = (ipaddress.ip_address(record.source), ipaddress.ip_address(record.destination))
        return any(end in network for network in self._config.ignore for end in ends if end.version == network.version)

    def _overrun(self, conntrack: Conntrack, overruns: list[Overrun], now: int) -> None:
        """The kernel dropped events: say so in the data, and look at the whole table soon."""
        self._overruns += len(overruns)
        if any(each.socket == "new" for each in overruns):
            drops = conntrack.drops()
            lost, self._lost_seen = drops - self._lost_seen, drops
            self.uplink.put([self._reporter.gap(str(uuid.uuid4()), self._heard_us, now, "buffer_overrun", lost)])
            _LOG.warning("the kernel dropped %d events; looking at the whole table", lost)
        self._due["resync"] = min(self._due["resync"], time.monotonic() + 1.0)

    def _queue_gap(self, since_us: int, until_us: int, lost: int) -> bytes:
        return self._reporter.gap(str(uuid.uuid4()), since_us, until_us, "spool_full", lost)

    def _housekeeping(self, conntrack: Conntrack, now_s: float) -> None:
        if now_s >= self._due["watch"]:
            self._due["watch"] = now_s + limits.WATCH_INTERVAL_S
            self._watch(conntrack)
        if now_s >= self._due["facts"]:
            self._due["facts"] = now_s + limits.FACTS_INTERVAL_S
            self._put_facts()
        if now_s >= self._due["resync"]:
            self._due["resync"] = now_s + limits.RESYNC_INTERVAL_S
            self._resync(conntrack)
        if now_s >= self._due["summary"]:
            self._due["summary"] = now_s + limits.SUMMARY_INTERVAL_S
            _LOG.info("counters %s", self.counters())

    def _watch(self, conntrack: Conntrack) -> None:
        """A table that fills because we read too slowly would stop the network: then lose, and say so."""
        count, most = (int(sysctls.read(f"nf_conntrack_{name}") or 0) for name in ("count", "max"))
        if conntrack.reliable and most and count > most * limits.TABLE_FILL_MAX:
            conntrack.give_up_reliability()
            now = wall_us()
            self.uplink.put([self._reporter.gap(str(uuid.uuid4()), self._heard_us, now, "buffer_overrun", None)])
            _LOG.error("conntrack's table is %d of %d: ends may be lost from now on", count, most)

    def _resync(self, conntrack: Conntrack) -> None:
        entries = conntrack.dump()
        now = wall_us()
        flows = [flow for record in entries if (flow := self._table.entry(record, now)) is not None]
        flows += self._table.missing({record.id for record in entries}, now)
        self._report(flows, now)
        if self._table.has_suspects:
            self._due["resync"] = time.monotonic() + 1.0

    def _put_facts(self) -> None:
        own = facts.own_addresses()
        self._reporter.own = frozenset(own)
        self.uplink.put_facts(facts.gather(self._config.reporter_id, self._config.reporter_name, own))

    def counters(self) -> dict[str, int]:
        """Everything that was counted."""
        table, uplink = self._table.counters, self.uplink.counters
        decoder = self._conntrack.decoder if self._conntrack else None
        return {
            "flows": len(self._table), "opened": table.opened, "closed": table.closed, "lost": table.lost,
            "adopted": table.adopted, "not_followed": table.not_followed, "unmatched_ends": table.unmatched_ends,
            "overruns": self._overruns, "kernel_dropped": self._lost_seen, "left_out": self.left_out,
            "malformed": decoder.malformed if decoder else 0, "walked": decoder.walked if decoder else 0,
            "process_lookups_skipped": self._processes.skipped, "queued": uplink.queued,
            "acknowledged": uplink.acknowledged, "refused": uplink.refused, "dropped": uplink.dropped,
            "attempts_failed": uplink.attempts_failed, "waiting": self.uplink.waiting,
        }  # fmt: skip

    def stop(self) -> None:
        """Send what is left, put the kernel back as it was, close."""
        unsent = self.uplink.stop()
        if unsent:
            _LOG.error("%d reports could not be sent before the end", unsent)
        self._tracking.remove()
        self._sysctls.restore()
        if self._conntrack is not None:
            self._conntrack.close()
        _LOG.info("counters %s", self.counters())
