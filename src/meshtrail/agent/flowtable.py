"""The flow table: conntrack's records in, what is to be reported out. Pure: no IO, time comes with the calls.

A flow is reported when it opens, when it is closed (a TCP connection as soon as both sides have said so, long before the
kernel forgets it), and once more if the kernel's last word changes its counters. Its name and its start never change after
the first report, because the server joins the reports by them.

An entry is known by its id together with its tuple. The id alone is a hash of 32 bits, which two entries have at the same time
in a table of a hundred thousand; and the tuple alone is used again. An id and tuple that come again with a later start are
another connection, for which the kernel used the same memory.
"""

from dataclasses import dataclass

from meshtrail.agent import limits
from meshtrail.agent.flow import CLOSING, Flow, count, ending
from meshtrail.agent.flowid import Maker, tuple_bits
from meshtrail.agent.netlink.decode import Record


@dataclass(slots=True)
class Counters:
    """What the table did."""

    opened: int = 0
    closed: int = 0
    lost: int = 0
    adopted: int = 0
    not_followed: int = 0
    unmatched_ends: int = 0
    reborn: int = 0
    found: int = 0


def key_of(record: Record) -> int:
    """Which entry a record is about: a hash of id, protocol, addresses and ports, for this process. In a table of a million two
    entries have the same one with a chance of one in four million."""
    return hash(record[1:7])


def _began_us(start: Record, now_us: int) -> int:
    """When a connection began, from its first record."""
    return (start.event_ns or start.started_ns or now_us * 1_000) // 1_000


assert Record._fields[1:7] == ("id", "protocol", "source", "destination", "source_port", "destination_port")


class FlowTable:
    """Connections by `key_of`."""

    def __init__(self, instance: bytes) -> None:
        self.instance = instance
        self._make = Maker(instance).make
        self._flows: dict[int, Flow] = {}
        self._suspects: dict[int, tuple[Flow, int]] = {}
        self._gone_by: dict[int, Flow] = {}
        self._overdue: list[tuple[Flow, int]] = []
        self._reborn: dict[int, Record] = {}
        self._silent: set[int] = set()
        self.counters = Counters()
        self.linger_us: dict[int, int] = {}
        """How long the kernel keeps an entry after its connection is over, by TCP state."""

    def __len__(self) -> int:
        return len(self._flows)

    def watch_silent(self, flows: list[Flow]) -> None:
        """Note flows whose entries were made while nobody listened: the kernel will never tell of their end."""
        self._silent.update(flow.key for flow in flows)

    @property
    def has_silent(self) -> bool:
        """Whether dumps are the only way to see some flows end."""
        return bool(self._silent)

    def start(self, record: Record, now_us: int) -> Flow | None:
        """A NEW event; the flow to report, or None when it is known already."""
        began = _began_us(record, now_us)
        key = key_of(record)
        known = self._flows.get(key)
        if known is not None:
            if began - known.started_us > limits.SAME_START_US:
                self._reborn[key] = record
            return None
        return self._add(key, record, began, began)

    def entry(self, record: Record, now_us: int) -> Flow | None:
        """An entry of a dump; the flow to report when it was not known, or is seen to have ended."""
        key = key_of(record)
        known = self._flows.get(key)
        if known is not None and self._same(known, record):
            count(known, record)
            if known.ended_us is not None or record.tcp_state not in CLOSING:
                return None
            self._close(known, record, now_us)
            return known
        if known is not None:
            self._reborn[key] = record
            return None
        flow = self._add(key, record, (record.started_ns or now_us * 1_000) // 1_000, now_us)
        if flow is not None:
            flow.start_known = record.started_ns is not None
            count(flow, record)
            if record.tcp_state in CLOSING:
                self._close(flow, record, now_us)
        return flow

    def _same(self, flow: Flow, record: Record) -> bool:
        return record.started_ns is None or abs(record.started_ns // 1_000 - flow.started_us) <= limits.SAME_START_US

    def _add(self, key: int, record: Record, began_us: int, seen_us: int) -> Flow | None:
        if len(self._flows) >= limits.FLOWS_MAX:
            self.counters.not_followed += 1
            return None
        flow = self._flows[key] = self._made(key, record, began_us, seen_us)
        self.counters.opened += 1
        return flow

    def _made(self, key: int, record: Record, began_us: int, seen_us: int) -> Flow:
        ports = (record.source_port or 0) << 16 | (record.destination_port or 0)
        name = self._make(record.id, began_us, tuple_bits(record.source + record.destination, ports))
        return Flow(record.id, name, began_us, seen_us, record, record.source_port, key)

    def closing(self, record: Record) -> bool:
        """Whether this closing update is news: then the entry's counters are worth asking for."""
        flow = self._flows.get(key_of(record))
        return flow is not None and flow.ended_us is None

    def closed(self, update: Record, entry: Record | None, now_us: int) -> Flow | None:
        """A closing update and the entry's counters; the flow to report."""
        flow = self._flows.get(key_of(update))
        if flow is None or flow.ended_us is not None:
            return None
        if entry is not None and key_of(entry) == flow.key:
            count(flow, entry)
        self._close(flow, update, now_us)
        return flow

    def end(self, record: Record, now_us: int) -> Flow | None:
        """A DESTROY event; the flow to report, or None when everything was said before."""
        key = key_of(record)
        flow = self._flows.get(key)
        if flow is not None and self._same(flow, record):
            del self._flows[key]
            self._silent.discard(key)
        else:
            flow = self._unsettled(key, record, now_us) or self._found(key, record)
        if flow is None:
            self.counters.unmatched_ends += 1
            began = (record.started_ns or record.event_ns or now_us * 1_000) // 1_000
            flow = self._made(key, record, began, now_us)
            flow.start_known = record.started_ns is not None
        ended, counted = flow.ended_us, flow.counted
        count(flow, record)
        if ended is None:
            self._close(flow, record, now_us)
            return flow
        return flow if counted != flow.counted else None

    def _unsettled(self, key: int, record: Record, now_us: int) -> Flow | None:
        """A connection under a used id and tuple that ended in the batch in which it began."""
        start = self._reborn.get(key)
        if start is None:
            return None
        began = _began_us(start, now_us)
        if record.started_ns is not None and abs(record.started_ns // 1_000 - began) > limits.SAME_START_US:
            return None
        del self._reborn[key]
        self.counters.reborn += 1
        self.counters.opened += 1
        return self._made(key, start, began, began)

    def _found(self, key: int, record: Record) -> Flow | None:
        """A flow that was set aside, and whose end has come: it keeps its name."""
        flow = self._gone_by.get(key)
        if flow is None or not self._same(flow, record):
            return None
        del self._gone_by[key]
        if flow.state == "lost":
            flow.ended_us = None
            self.counters.found += 1
        return flow

    def _close(self, flow: Flow, record: Record, now_us: int) -> None:
        stopped_ns = record.stopped_ns or record.event_ns
        ended_us = stopped_ns // 1_000 if stopped_ns else now_us
        if record.stopped_ns and not record.timeout_s and record.tcp_state is not None:
            ended_us -= self.linger_us.get(record.tcp_state, 0)  # it expired, that long after the last packet
        flow.ended_us = flow.seen_us = max(ended_us, flow.started_us)
        flow.state, flow.close_reason = ending(record, flow)
        if flow.state == "closed":
            flow.verdict = "allowed"
        self.counters.closed += 1

    def settle(self, now_us: int) -> list[Flow]:
        """Connections that began under the id and tuple of another one. Call it after a batch. The other has ended, and the kernel
        is about to say so, or said it in vain: it is set aside under its name until then."""
        changed = []
        for key, record in self._reborn.items():
            old = self._flows.pop(key, None)
            if old is not None:
                self._set_aside(old)
                if old.ended_us is None:
                    self._overdue.append((old, now_us))
            began = _began_us(record, now_us)
            flow = self._add(key, record, began, began)
            self.counters.reborn += 1
            if flow is not None:
                changed.append(flow)
        self._reborn.clear()
        return changed

    def _lose(self, flow: Flow, now_us: int) -> Flow:
        flow.ended_us = flow.seen_us = max(now_us, flow.started_us)
        flow.state, flow.close_reason = "lost", "lost"
        self.counters.lost += 1
        self._set_aside(flow)
        return flow

    def _set_aside(self, flow: Flow) -> None:
        """Remember a flow that is no longer in the table, in case that the kernel's last word comes after all."""
        if len(self._gone_by) >= limits.LOST_REMEMBERED_MAX:
            del self._gone_by[next(iter(self._gone_by))]
        self._gone_by[flow.key] = flow

    def missing(self, present: set[int], now_us: int) -> list[Flow]:
        """Flows whose end was missed, to be reported. Absent from one dump is a suspicion, because a dump can miss an entry.
        Absent from a later one is certain for silent flows; for the others only when nothing came for a while, because
        the kernel takes an entry out of the table first, and tells of its end when there is room. `present` are the
        keys (`key_of`) of the entries of a dump."""
        suspects: dict[int, tuple[Flow, int]] = {}
        confirmed: list[Flow] = []
        for key, flow in self._flows.items():
            if key in present:
                continue
            suspected, since_us = self._suspects.get(key, (None, now_us))
            if suspected is not flow:
                suspects[key] = (flow, now_us)
            elif key in self._silent or now_us - since_us >= limits.LOST_AFTER_US:
                confirmed.append(flow)
            else:
                suspects[key] = (flow, min(since_us, now_us))
        for flow in confirmed:
            del self._flows[flow.key]
        self._suspects = suspects
        gone = [self._gone(flow, now_us) for flow in confirmed if flow.ended_us is None]
        self._silent &= self._flows.keys()
        return gone + self._overdue_since(now_us)

    def _overdue_since(self, now_us: int) -> list[Flow]:
        """Flows that were set aside long ago, and whose end has not come."""
        waiting = [(flow, since_us) for flow, since_us in self._overdue if flow.ended_us is None]
        self._overdue = [(flow, min(since_us, now_us)) for flow, since_us in waiting if now_us - since_us < limits.LOST_AFTER_US]
        return [self._lose(flow, now_us) for flow, since_us in waiting if now_us - since_us >= limits.LOST_AFTER_US]

    def progress(self, now_us: int) -> list[Flow]:
        """Open flows whose counters have grown since they were last reported. Call it after the entries of a dump."""
        grown = [flow for flow in self._flows.values() if flow.ended_us is None and flow.counted != flow.told]
        for flow in grown:
            flow.seen_us = max(now_us, flow.seen_us)
        return grown

    def doubt(self, now_us: int) -> None:
        """The kernel holds ends back: who is suspected may only be waiting for it."""
        self._suspects = {key: (flow, now_us) for key, (flow, _) in self._suspects.items()}

    def _gone(self, flow: Flow, now_us: int) -> Flow:
        """A silent flow was watched, so its end is known, if not why it ended; any other end was missed."""
        if flow.key not in self._silent:
            return self._lose(flow, now_us)
        flow.ended_us = flow.seen_us = max(now_us, flow.started_us)
        flow.state, flow.close_reason = "closed", "unknown"
        self.counters.closed += 1
        return flow

    @property
    def has_suspects(self) -> bool:
        """Whether another dump is needed to confirm an absence."""
        return self.has_overdue or any(self._flows.get(key) is flow for key, (flow, _) in self._suspects.items())

    @property
    def has_overdue(self) -> bool:
        """Whether ends are overdue of connections whose id another one has now."""
        return bool(self._overdue)

    @property
    def has_silent_suspects(self) -> bool:
        """Whether another dump confirms an absence at once."""
        return any(key in self._silent for key in self._suspects)

    def flows(self) -> list[Flow]:
        """All flows in the table, at this moment."""
        return list(self._flows.values())
