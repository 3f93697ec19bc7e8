"""A flow as a line of the ingest protocol (NDJSON, the wire columns of the traffic family).

What never changes of a connection is written once, as the *facts* of its flow: the later reports carry them again and
cost little. Values that come from elsewhere (names of programs and users) are encoded; the rest is ours and plain.
"""

import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import msgspec

from meshtrail.agent.decision import Decision
from meshtrail.agent.flow import Flow
from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink.decode import Record


class Remembered(Protocol):
    """A connection that the server holds open."""

    flow_id: str
    started_at: str
    protocol: int | None
    source_address: str | None
    destination_address: str | None
    source_port: int | None
    destination_port: int | None


@lru_cache(maxsize=65_536)
def address_text(packed: bytes) -> str:
    """A packed address as people write it."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def time_text(microseconds: int) -> str:
    """RFC 3339 with microseconds; the second's text is remembered because most events share it."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{fraction:06d}Z"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def is_loopback(address: bytes) -> bool:
    """127.0.0.0/8 or ::1."""
    return address[0] == 127 if len(address) == 4 else address == b"\x00" * 15 + b"\x01"


def is_group(address: bytes) -> bool:
    """Multicast, or the limited broadcast address: meant for this machine too, though not its own."""
    if len(address) == 4:
        return 224 <= address[0] < 240 or address == b"\xff\xff\xff\xff"
    return address[0] == 0xFF


Decide = Callable[[int, int], Decision | None]
"""From a connection's mark and its start (microseconds) to the rule that let it pass; None: it is not known."""


def undecided(_mark: int, _at_us: int) -> Decision | None:
    """Knows no rules."""
    return None


def _nowhere(_address: bytes) -> bool:
    return False


class Reporter:
    """Writes reports of one machine."""

    def __init__(self, reporter_id: str, reporter_name: str, own: frozenset[bytes], decide: Decide = undecided) -> None:
        self.own = own
        """Packed addresses of this machine, with those it is broadcast to."""
        self.is_overlay: Callable[[bytes], bool] = _nowhere
        """Whether a packed address belongs to the private network: says which way a forwarded connection goes."""
        self._decide = decide
        self._head = {"reporter_id": reporter_id, "reporter_name": reporter_name}
        self._who = f'"reporter_id":{_quoted(reporter_id)},"reporter_name":{_quoted(reporter_name)}'

    def is_own(self, address: bytes) -> bool:
        """Whether the address is this machine's."""
        return address in self.own or is_loopback(address)

    def line(self, flow: Flow) -> bytes:
        """The flow as it stands, as JSON without a newline."""
        if flow.record is not None:
            self.describe(flow, flow.record)
        flow.told = flow.counted
        verdict = f'"verdict":"{flow.verdict}",'
        if flow.ended_us is None:
            seen = f'"last_seen_at":"{time_text(flow.seen_us)}",' if flow.again else ""
            flow.again = True
            return f'{{"state":"open","occurred_at":"{time_text(flow.seen_us)}",{seen}{verdict}{flow.facts}{_volume(flow)}}}'.encode()
        ended = time_text(flow.ended_us)
        return (
            f'{{"state":"{flow.state}","close_reason":"{flow.close_reason}","occurred_at":"{ended}","ended_at":"{ended}",'
            f'"ends":1,{verdict}{flow.facts}{_volume(flow)}}}'
        ).encode()

    def describe(self, flow: Flow, record: Record) -> None:
        """Write the facts of a flow, seen from this machine. The flow lets go of its record."""
        source_port, destination_port = record.source_port, record.destination_port
        connection_type, direction = self._shape(flow, record)
        text = (
            f'{self._who},"flow_id":"{flow.flow_id}","started_at":"{time_text(flow.started_us)}",'
            f'"starts":{int(flow.start_known)},"protocol":{record.protocol},'
            f'"connection_type":"{connection_type}","direction":"{direction}",'
            f'"source_address":"{address_text(record.source)}","destination_address":"{address_text(record.destination)}"'
        )
        if source_port is not None and destination_port is not None:
            text += f',"source_port":{source_port},"destination_port":{destination_port}'
        if record.icmp_type is not None:
            text += f',"icmp_type":{record.icmp_type},"icmp_code":{record.icmp_code or 0}'
        if record.status & a.STATUS_NAT:
            text += _translation(record)
        if record.mark:
            decision = self._decide(record.mark, flow.started_us)
            if decision is not None:
                text += decision_text(decision)
        flow.facts = text + _person(flow)
        flow.record = None

    def _shape(self, flow: Flow, record: Record) -> tuple[str, str]:
        """Connection type and direction. What was forwarded came in when it came from the private network, and went out when
        it went there."""
        if self.is_own(record.source):
            answered = record.status & a.STATUS_SEEN_REPLY or (flow.counted and flow.counted[2])
            if not answered and flow.state != "closed" and not self.is_own(record.reply_source):
                flow.verdict = "unknown"
            return "p2p", "egress"
        if self.is_own(record.reply_source) or is_group(record.destination):
            flow.inbound = True
            return "p2p", "ingress"
        if self.is_overlay(record.source):
            flow.inbound = True
            return "routed", "ingress"
        return "routed", "egress" if self.is_overlay(record.destination) else "unknown"

    def add_owner(self, flow: Flow) -> None:
        """Add the program and user that were found after the facts had been written."""
        flow.facts += _person(flow)

    def lost(self, known: Remembered, now_us: int) -> bytes:
        """A connection from before a restart that ended while nobody looked."""
        now = time_text(now_us)
        row: dict[str, object] = {
            "state": "lost", "close_reason": "lost", "occurred_at": now, "ended_at": now, **self._head,
            "flow_id": known.flow_id, "started_at": known.started_at, "protocol": known.protocol,
            "source_address": known.source_address, "source_port": known.source_port,
            "destination_address": known.destination_address, "destination_port": known.destination_port,
        }  # fmt: skip
        return msgspec.json.encode(row)

    def gap(self, flow_id: str, since_us: int, until_us: int, cause: str, lost: int | None) -> bytes:
        """A row that says that reports are missing."""
        row: dict[str, object] = {
            "state": "gap", "occurred_at": time_text(until_us), "started_at": time_text(since_us),
            "ended_at": time_text(max(since_us, until_us)), **self._head, "flow_id": flow_id,
            "gap_cause": cause, "gap_lost": lost,
        }  # fmt: skip
        return msgspec.json.encode(row)


@lru_cache(maxsize=4_096)
def decision_text(decision: Decision) -> str:
    """The fields that say which rule decided, with a comma in front."""
    fields = {
        "policy_id": decision.policy_id, "policy_name": decision.policy_name, "rule_id": decision.rule_id,
        "policy_version": decision.policy_version, "attribution": decision.attribution,
        "destination_resource_id": decision.resource_id, "destination_resource_name": decision.resource_name,
    }  # fmt: skip
    return "".join(f',"{name}":{msgspec.json.encode(value).decode()}' for name, value in fields.items() if value is not None)


def _person(flow: Flow) -> str:
    owner = flow.owner
    if owner is None:
        return ""
    text = f',"user_id":"uid:{owner.uid}"'
    if owner.user is not None:
        text += f',"user_name":{_quoted(owner.user)}'
    if owner.pid is not None:
        text += f',"process_id":{owner.pid}'
    if owner.program is not None:
        text += f',"process_name":{_quoted(owner.program)}'
    return text


def _volume(flow: Flow) -> str:
    """Sent is what left this machine, received what came; for others' traffic, sent is what the initiator sent."""
    if flow.counted is None:
        return ""
    packets, size, reply_packets, reply_size = flow.counted
    if flow.inbound:
        packets, size, reply_packets, reply_size = reply_packets, reply_size, packets, size
    return f',"tx_packets":{packets},"tx_bytes":{size},"rx_packets":{reply_packets},"rx_bytes":{reply_size}'


def _translation(record: Record) -> str:
    """Where the reply's tuple is not the mirror of the original one, addresses were translated."""
    text = ""
    if (record.reply_destination, record.reply_destination_port) != (record.source, record.source_port):
        text += f',"nat_source_address":"{address_text(record.reply_destination)}"'
        if record.reply_destination_port is not None:
            text += f',"nat_source_port":{record.reply_destination_port}'
    if (record.reply_source, record.reply_source_port) != (record.destination, record.destination_port):
        text += f',"nat_destination_address":"{address_text(record.reply_source)}"'
        if record.reply_source_port is not None:
            text += f',"nat_destination_port":{record.reply_source_port}'
    return text
