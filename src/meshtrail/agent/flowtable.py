"""The flow table: conntrack's records in, what is to be reported out. Pure: no IO, time comes with the calls.

A flow is reported when it opens, when it is closed (a TCP connection as soon as both sides have said so, long before the
kernel forgets it), and once more if the kernel's last word changes its counters.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meshtrail.agent import flowid
from meshtrail.agent.limits import FLOWS_MAX
from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.processes import Owner

ADOPT_US_MAX = 1_000_000
"""How far the start that the server remembers may be from the one in the kernel's table: two clocks readings of one packet."""


@dataclass(slots=True)
class Flow:
    """One connection that this machine sees. Times are microseconds since the epoch."""

    flow_id: str
    record: Record
    started_us: int
    ended_us: int | None = None
    state: str = "open"
    close_reason: str | None = None
    counted: tuple[int, int, int, int] | None = None
    """Packets and bytes of the original direction, packets and bytes of the reply."""
    owner: Owner | None = None
    start_seen: bool = True


@dataclass(slots=True)
class Counters:
    """What the table did."""

    opened: int = 0
    closed: int = 0
    lost: int = 0
    adopted: int = 0
    not_followed: int = 0
    unmatched_ends: int = 0


class FlowTable:
    """Connections by conntrack id."""

    def __init__(self, instance: bytes) -> None:
        self._instance = instance
        self._flows: dict[int, Flow] = {}
        self._suspects: set[int] = set()
        self.counters = Counters()

    def __len__(self) -> int:
        return len(self._flows)

    def start(self, record: Record, now_us: int) -> Flow | None:
        """A NEW event; the flow to report, or None when it is known already."""
        if record.id in self._flows:
            return None
        began = (record.event_ns or record.started_ns or now_us * 1_000) // 1_000
        return self._add(record, began)

    def entry(self, record: Record, now_us: int) -> Flow | None:
        """An entry of a dump; the flow to report when it was not known."""
        known = self._flows.get(record.id)
        if known is not None:
            self._count(known, record)
            return None
        flow = self._add(record, (record.started_ns or now_us * 1_000) // 1_000)
        if flow is not None:
            flow.start_seen = record.started_ns is not None
            self._count(flow, record)
            if record.tcp_state in {a.TCP_TIME_WAIT, a.TCP_CLOSE}:
                self._close(flow, record, now_us)
        return flow

    def _add(self, record: Record, began_us: int) -> Flow | None:
        if len(self._flows) >= FLOWS_MAX:
            self.counters.not_followed += 1
            return None
        flow = Flow(flowid.make(self._instance, record.id, began_us), record, began_us)
        self._flows[record.id] = flow
        self.counters.opened += 1
        return flow

    def closing(self, record: Record) -> bool:
        """Whether this closing update is news: then the entry's counters are worth asking for."""
        flow = self._flows.get(record.id)
        return flow is not None and flow.ended_us is None

    def closed(self, update: Record, entry: Record | None, now_us: int) -> Flow | None:
        """A closing update and the entry's counters; the flow to report."""
        flow = self._flows.get(update.id)
        if flow is None or flow.ended_us is not None:
            return None
        if entry is not None:
            self._count(flow, entry)
        self._close(flow, update, now_us)
        return flow

    def end(self, record: Record, now_us: int) -> Flow | None:
        """A DESTROY event; the flow to report, or None when everything was said before."""
        flow = self._flows.pop(record.id, None)
        self._suspects.discard(record.id)
        if flow is None:
            self.counters.unmatched_ends += 1
            began = (record.started_ns or record.event_ns or now_us * 1_000) // 1_000
            flow = Flow(flowid.make(self._instance, record.id, began), record, began, start_seen=record.started_ns is not None)
        before = (flow.ended_us, flow.counted)
        self._count(flow, record)
        if flow.ended_us is None:
            self._close(flow, record, now_us)
        return flow if before != (flow.ended_us, flow.counted) else None

    def _count(self, flow: Flow, record: Record) -> None:
        if record.packets_orig is None or record.bytes_orig is None:
            return
        flow.counted = (record.packets_orig, record.bytes_orig, record.packets_reply or 0, record.bytes_reply or 0)

    def _close(self, flow: Flow, record: Record, now_us: int) -> None:
        stopped = record.stopped_ns or record.event_ns
        flow.ended_us = max(stopped // 1_000 if stopped else now_us, flow.started_us)
        flow.state, flow.close_reason = _ending(record, flow)
        self.counters.closed += 1

    def missing(self, present: set[int], now_us: int) -> list[Flow]:
        """Flows absent from this dump and from the one before: their end was missed. They are to be reported as lost."""
        absent = {number for number in self._flows if number not in present}
        confirmed = absent & self._suspects
        self._suspects = absent - confirmed
        gone = []
        for number in confirmed:
            flow = self._flows.pop(number)
            if flow.ended_us is None:
                flow.ended_us, flow.state, flow.close_reason = now_us, "lost", "lost"
                self.counters.lost += 1
                gone.append(flow)
        return gone

    @property
    def has_suspects(self) -> bool:
        """Whether another dump is needed to confirm an absence."""
        return bool(self._suspects)

    def adopt(self, conntrack_id: int, flow_id: str, started_us: int) -> bool:
        """Continue a flow that the server holds open from before a restart; False when it is not in the table."""
        flow = self._flows.get(conntrack_id)
        if flow is None or abs(flow.started_us - started_us) > ADOPT_US_MAX:
            return False
        flow.flow_id, flow.started_us = flow_id, started_us
        self.counters.adopted += 1
        return True

    def flows(self) -> Iterable[Flow]:
        """All flows in the table."""
        return self._flows.values()


def _ending(record: Record, flow: Flow) -> tuple[str, str]:
    """State and reason of an end, from the protocol's last state and from what was answered."""
    replied = bool(record.status & a.STATUS_SEEN_REPLY) or bool(flow.counted and flow.counted[2])
    if record.protocol == a.IPPROTO_TCP and record.tcp_state == a.TCP_CLOSE:
        if record.status & a.STATUS_SEEN_REPLY:
            return "closed", "reset"
        return ("closed", "refused") if replied or flow.counted is None else ("attempted", "no_reply")
    if not replied:
        return "attempted", "no_reply"
    if record.protocol == a.IPPROTO_TCP and record.tcp_state in {a.TCP_TIME_WAIT, a.TCP_LAST_ACK}:
        return "closed", "fin"
    return "closed", "timeout"
