"""The path of one batch of events: records, flows, owners, lines."""

from collections.abc import Callable
from itertools import chain

from meshtrail.agent import limits
from meshtrail.agent.flow import Flow
from meshtrail.agent.flowtable import FlowTable, key_of
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.processes import PROTOCOLS, TCP, Endpoint, Owner, Processes
from meshtrail.agent.report import Reporter
from meshtrail.agent.selection import Selection

Ask = Callable[[list[Record]], dict[int, Record]]
"""Asks the kernel for entries by their addresses; see `sources/conntrack.py`."""


class Follower:
    """Turns batches of records into lines to send."""

    def __init__(
        self,
        selection: Selection,
        table: FlowTable,
        reporter: Reporter,
        processes: Processes,
        uplink_ports: Callable[[], frozenset[int]] = frozenset,
    ) -> None:
        self._selection = selection
        self._table, self._reporter, self._processes = table, reporter, processes
        self._waiting: dict[Endpoint, list[Flow]] = {}
        self.held: list[Flow] | None = []
        """Flows that are not reported before the server has said what it remembers; None afterwards."""
        self._uplink_ports = uplink_ports
        self.left_out = 0
        self.urgent = False
        """Whether the lines made last tell of more than the agent's own connection to the server. Its end is no reason to
        open it again, or the two would go on for ever."""

    def follow(self, starts: list[Record], updates: list[Record], ends: list[Record], ask: Ask, now_us: int) -> list[bytes]:
        """Lines for one read of the sockets; a flow comes once, as it stands after all of these events."""
        table = self._table
        opened = [flow for record in starts if (flow := table.start(record, now_us)) is not None]
        late = self._find_owners(opened, now_us)
        changed = {id(flow): flow for flow in chain(opened, late)}
        for flow in chain(self._closings(updates, ends, ask, now_us), self._ends(ends, now_us), table.settle(now_us)):
            changed[id(flow)] = flow
        return self.lines(list(changed.values()))

    def _ends(self, ends: list[Record], now_us: int) -> list[Flow]:
        return [flow for record in ends if (flow := self._table.end(record, now_us)) is not None]

    def _closings(self, updates: list[Record], ends: list[Record], ask: Ask, now_us: int) -> list[Flow]:
        """TCP connections that both sides have closed, with the counters that the kernel's entry has now."""
        if not updates:
            return []
        ended = {key_of(record) for record in ends}
        closing = {key: record for record in updates if (key := key_of(record)) not in ended and self._table.closing(record)}
        if len(closing) > limits.CLOSINGS_PER_S_MAX:
            return []
        entries = ask(list(closing.values())) if closing else {}
        closed = (self._table.closed(record, entries.get(record.id), now_us) for record in closing.values())
        return [flow for flow in closed if flow is not None]

    def tick(self, now_us: int) -> list[bytes]:
        """Look for the owners that are still unknown."""
        return self.lines(self._find_owners([], now_us))

    @property
    def waits_for_owners(self) -> bool:
        """Whether another look for owners is due when it is allowed."""
        return bool(self._waiting)

    def _find_owners(self, opened: list[Flow], now_us: int) -> list[Flow]:
        """Find the program and user behind connections that this machine opened; returns those found late."""
        fresh = {id(flow) for flow in opened}
        for flow in opened:
            record = flow.record
            if record is None or record.protocol not in PROTOCOLS or not self._reporter.is_own(record.source):
                continue
            if len(self._waiting) >= limits.PROCESS_WAITING_MAX:
                self._processes.skipped += 1
            elif record.source_port is not None:
                self._waiting.setdefault((record.protocol, record.source, record.source_port), []).append(flow)
        if not self._waiting or not self._processes.may_look:
            return []
        waiting, self._waiting = self._waiting, {}
        owners = self._processes.owners(set(waiting))
        pairs = ((flow, owners[endpoint]) for endpoint in owners for flow in waiting[endpoint])
        return [flow for flow, owner in pairs if self._own(flow, owner, now_us, late=id(flow) not in fresh)]

    def _own(self, flow: Flow, owner: Owner, now_us: int, *, late: bool) -> bool:
        """Note an owner; whether that is news about a flow that was reported before."""
        if now_us - flow.started_us > limits.SETTLED_US:
            return False
        flow.owner = owner
        if not late or not flow.facts:
            return False
        self._reporter.add_owner(flow)
        flow.seen_us = max(now_us, flow.seen_us)
        return flow.ended_us is None

    def lines(self, flows: list[Flow]) -> list[bytes]:
        """The lines of these flows, without those that are left out or held back."""
        if self.held is not None:
            flows = [flow for flow in flows if not flow.held]
        if not self._selection.all:
            kept = [flow for flow in flows if self._selected(flow)]
            self.left_out += len(flows) - len(kept)
            flows = kept
        ports = self._uplink_ports()
        self.urgent = any(flow.port not in ports for flow in flows)
        line = self._reporter.line
        return [line(flow) for flow in flows]

    def _selected(self, flow: Flow) -> bool:
        """Whether to report the flow. One that was reported before is reported to its end; one that is left out has neither
        record nor facts from then on, unless collection is off as a whole, which may change while the flow lives."""
        record = flow.record
        if record is None:
            return bool(flow.facts)
        if self._selection.wants(record):
            return True
        if self._selection.collects:
            flow.record = None
        return False

    def hold(self, flows: list[Flow]) -> None:
        """Hold these flows back until `release`; what is too many is reported at once, under a name of its own."""
        assert self.held is not None
        self._own_old(flows)
        for flow in flows[: limits.HELD_FLOWS_MAX - len(self.held)]:
            flow.held = True
            self.held.append(flow)

    def _own_old(self, flows: list[Flow]) -> None:
        """Owners of connections from before the start. Only TCP: its socket belongs to this connection alone, however old."""
        wanted: dict[Endpoint, Flow] = {}
        for flow in flows[: limits.PROCESS_SOCKETS_MAX]:
            record = flow.record
            if record is not None and record.protocol == TCP and record.source_port and self._reporter.is_own(record.source):
                wanted[record.protocol, record.source, record.source_port] = flow
        for endpoint, owner in self._processes.owners(set(wanted)).items() if wanted else ():
            wanted[endpoint].owner = owner

    def release(self, continued: list[Flow]) -> list[bytes]:
        """Report what was held back; flows that continue a known row only if they have ended meanwhile."""
        held, self.held = self.held or [], None
        known = {id(flow) for flow in continued}
        for flow in held:
            flow.held = False
        return self.lines([flow for flow in held if id(flow) not in known or flow.ended_us is not None])
