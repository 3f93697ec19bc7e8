"""A flow as a line of the ingest protocol (NDJSON, the wire columns of the traffic family)."""

import ipaddress
import time
from functools import lru_cache
from typing import Protocol

import msgspec

from meshtrail.agent.flowtable import Flow
from meshtrail.agent.netlink import attributes as a


class Remembered(Protocol):
    """A connection that the server holds open."""

    flow_id: str
    started_at: str
    protocol: int
    source_address: str
    destination_address: str
    source_port: int | None
    destination_port: int | None


class Report(msgspec.Struct, omit_defaults=True):
    """The wire columns that the agent fills; names are the column table's."""

    occurred_at: str
    reporter_id: str
    reporter_name: str
    flow_id: str
    state: str
    started_at: str
    ended_at: str | None = None
    close_reason: str | None = None
    starts: int | None = None
    ends: int | None = None
    verdict: str | None = None
    connection_type: str | None = None
    direction: str | None = None
    protocol: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    nat_source_address: str | None = None
    nat_source_port: int | None = None
    nat_destination_address: str | None = None
    nat_destination_port: int | None = None
    source_address: str | None = None
    source_port: int | None = None
    destination_address: str | None = None
    destination_port: int | None = None
    user_id: str | None = None
    user_name: str | None = None
    process_name: str | None = None
    process_id: int | None = None
    rx_bytes: int | None = None
    tx_bytes: int | None = None
    rx_packets: int | None = None
    tx_packets: int | None = None
    gap_cause: str | None = None
    gap_lost: int | None = None


@lru_cache(maxsize=65_536)
def address_text(packed: bytes) -> str:
    """A packed address as people write it."""
    return str(ipaddress.ip_address(packed))


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def time_text(microseconds: int) -> str:
    """RFC 3339 with microseconds; the second's text is remembered because most events share it."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{fraction:06d}Z"


class Reporter:
    """Writes reports of one machine."""

    def __init__(self, reporter_id: str, reporter_name: str, own: frozenset[bytes]) -> None:
        self.reporter_id = reporter_id
        self.reporter_name = reporter_name
        self.own = own
        """Packed addresses of this machine."""
        self._encode = msgspec.json.Encoder().encode

    def is_own(self, address: bytes) -> bool:
        """Whether the address is this machine's; all of 127.0.0.0/8 is."""
        return address in self.own or (len(address) == 4 and address[0] == 127)

    def line(self, flow: Flow, now_us: int) -> bytes:
        """The flow as it stands, as JSON without a newline."""
        record = flow.record
        report = Report(
            occurred_at=time_text(flow.ended_us or flow.started_us or now_us),
            reporter_id=self.reporter_id,
            reporter_name=self.reporter_name,
            flow_id=flow.flow_id,
            state=flow.state,
            started_at=time_text(flow.started_us),
            starts=1 if flow.start_seen else 0,
            verdict="allowed",
            protocol=record.protocol,
            source_address=address_text(record.source),
            source_port=record.source_port,
            destination_address=address_text(record.destination),
            destination_port=record.destination_port,
            icmp_type=record.icmp_type,
            icmp_code=record.icmp_code,
        )
        if flow.ended_us is not None:
            report.ended_at, report.ends, report.close_reason = time_text(flow.ended_us), 1, flow.close_reason
        self._add_perspective(report, flow)
        _add_translation(report, flow)
        if flow.owner is not None:
            report.user_id, report.user_name = f"uid:{flow.owner.uid}", flow.owner.user
            report.process_id, report.process_name = flow.owner.pid, flow.owner.program
        return self._encode(report)

    def _add_perspective(self, report: Report, flow: Flow) -> None:
        """Direction and volume as this machine sees them: sent is what left it, received what came."""
        if self.is_own(flow.record.source):
            report.connection_type, report.direction = "p2p", "egress"
        elif self.is_own(flow.record.destination) or self.is_own(flow.record.reply_source):
            report.connection_type, report.direction = "p2p", "ingress"
        else:
            report.connection_type, report.direction = "routed", "unknown"
        if flow.counted is not None:
            packets, size, reply_packets, reply_size = flow.counted
            if report.direction == "ingress":
                packets, size, reply_packets, reply_size = reply_packets, reply_size, packets, size
            report.tx_packets, report.tx_bytes = packets, size
            report.rx_packets, report.rx_bytes = reply_packets, reply_size

    def lost(self, known: Remembered, now_us: int) -> bytes:
        """A connection from before a restart that ended while nobody looked."""
        return self._encode(
            Report(
                occurred_at=time_text(now_us), reporter_id=self.reporter_id, reporter_name=self.reporter_name,
                flow_id=known.flow_id, state="lost", started_at=known.started_at, ended_at=time_text(now_us),
                close_reason="lost", protocol=known.protocol, source_address=known.source_address,
                source_port=known.source_port, destination_address=known.destination_address,
                destination_port=known.destination_port,
            )
        )  # fmt: skip

    def gap(self, flow_id: str, since_us: int, until_us: int, cause: str, lost: int | None) -> bytes:
        """A row that says that reports are missing."""
        return self._encode(
            Report(
                occurred_at=time_text(until_us), reporter_id=self.reporter_id, reporter_name=self.reporter_name,
                flow_id=flow_id, state="gap", started_at=time_text(since_us), ended_at=time_text(until_us),
                gap_cause=cause, gap_lost=lost,
            )
        )  # fmt: skip


def _add_translation(report: Report, flow: Flow) -> None:
    """Where the reply's tuple is not the mirror of the original one, addresses were translated."""
    record = flow.record
    ported = record.protocol not in {a.IPPROTO_ICMP, a.IPPROTO_ICMPV6}
    if record.reply_destination != record.source or (ported and record.reply_destination_port != record.source_port):
        report.nat_source_address = address_text(record.reply_destination)
        report.nat_source_port = record.reply_destination_port
    if record.reply_source != record.destination or (ported and record.reply_source_port != record.destination_port):
        report.nat_destination_address = address_text(record.reply_source)
        report.nat_destination_port = record.reply_source_port
