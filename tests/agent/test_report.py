"""Lines of reports, against the table of columns."""

import json
import socket
from typing import Any

import pytest

from meshtrail.agent.decision import Decision
from meshtrail.agent.flowtable import FlowTable
from meshtrail.agent.processes import Owner
from meshtrail.agent.report import Reporter, is_group, is_loopback, time_text
from meshtrail.agent.uplink import OpenFlow
from meshtrail.model.columns import TRAFFIC, Kind
from tests.agent.records import FAR, NEAR, at, destroy, entry, new

WIRE = {column.name: column for column in TRAFFIC.wire}
KINDS: dict[Kind, type | tuple[type, ...]] = {Kind.u8: int, Kind.u32: int, Kind.u64: int, Kind.port: int}


def _reporter(*own: bytes) -> Reporter:
    return Reporter("r1", 'host "one"', frozenset(own or (NEAR,)))


def _row(line: bytes) -> dict[str, Any]:
    """The row of a line, after a look at each of its fields."""
    row: dict[str, Any] = json.loads(line)
    assert b"\n" not in line
    for name, value in row.items():
        column = WIRE[name]
        if value is None:
            assert column.nullable
        elif column.choices is not None:
            assert value in column.choices.__members__
        else:
            assert isinstance(value, KINDS.get(column.kind, str)), name
    assert {name for name, column in WIRE.items() if not column.nullable} <= row.keys()
    return row


def _open(record: Any, *own: bytes) -> dict[str, Any]:
    flow = FlowTable(b"abcdef").start(record, at(0))
    assert flow is not None
    return _row(_reporter(*own).line(flow))


def test_open_and_closed() -> None:
    """Both reports of a connection have its name, start and facts; the second has end and volume besides."""
    table, reporter = FlowTable(b"abcdef"), _reporter()
    flow = table.start(new(seconds=0.25), at(0.3))
    assert flow is not None
    flow.owner = Owner(1000, 'a"na', 77, "cu\\rl")
    opened = _row(reporter.line(flow))
    closed_flow = table.end(destroy(started=0.25, stopped=2.0), at(2))
    assert closed_flow is not None
    closed = _row(reporter.line(closed_flow))
    assert opened["started_at"] == "2026-11-21T04:18:18.250000Z"
    told = {"state", "occurred_at", "verdict"}
    assert {name: closed[name] for name in opened if name not in told} == {
        name: value for name, value in opened.items() if name not in told
    }
    assert (opened["user_id"], opened["user_name"], opened["process_id"], opened["process_name"]) == ("uid:1000", 'a"na', 77, "cu\\rl")
    assert opened["reporter_name"] == 'host "one"'
    assert (closed["ended_at"], closed["ends"], closed["close_reason"]) == ("2026-11-21T04:18:20.000000Z", 1, "fin")
    assert (closed["tx_packets"], closed["tx_bytes"], closed["rx_packets"], closed["rx_bytes"]) == (4, 400, 3, 300)
    assert flow.record is None, "the record's memory is given back"


@pytest.mark.parametrize(("own", "shape"), [
    (NEAR, ("p2p", "egress")), (FAR, ("p2p", "ingress")), (b"\x01\x01\x01\x01", ("routed", "unknown")),
])  # fmt: skip
def test_perspective(own: bytes, shape: tuple[str, str]) -> None:
    """Direction is seen from the reporter."""
    row = _open(new(), own)
    assert (row["connection_type"], row["direction"]) == shape


def test_volume_of_ingress() -> None:
    """What came to the responding side is received there, and its answer sent."""
    flow = FlowTable(b"abcdef").end(destroy(), at(2))
    assert flow is not None
    row = _row(_reporter(FAR).line(flow))
    assert (row["rx_packets"], row["rx_bytes"], row["tx_packets"], row["tx_bytes"]) == (4, 400, 3, 300)


def test_loopback_and_groups() -> None:
    """Loopback is our own opening, what is sent to a group came to us."""
    loop = socket.inet_aton("127.0.0.9")
    assert _open(new(source=loop, destination=loop, reply_source=loop, reply_destination=loop), FAR)["direction"] == "egress"
    group = socket.inet_aton("224.0.0.251")
    assert _open(new(destination=group, reply_source=group), b"\x01\x01\x01\x01")["direction"] == "ingress"
    assert is_loopback(socket.inet_pton(socket.AF_INET6, "::1"))
    assert not is_loopback(socket.inet_pton(socket.AF_INET6, "::2"))
    assert is_group(socket.inet_pton(socket.AF_INET6, "ff02::fb"))
    assert is_group(b"\xff\xff\xff\xff")


def test_translation() -> None:
    """Translated ends are reported when the kernel says that it translated."""
    row = _open(new(reply_source=b"\x0a\x00\x00\x09", reply_source_port=8443, status=0x1A8))
    assert (row["nat_destination_address"], row["nat_destination_port"]) == ("10.0.0.9", 8443)
    assert "nat_source_address" not in row
    both = _open(new(reply_source=b"\x0a\x00\x00\x09", reply_destination=b"\x01\x02\x03\x04", reply_destination_port=9, status=0x1B8))
    assert (both["nat_source_address"], both["nat_source_port"]) == ("1.2.3.4", 9)
    assert "nat_destination_address" not in _open(new())


def test_icmp_and_ipv6() -> None:
    """ICMP has type and code and no ports; IPv6 addresses are written short."""
    near, far = (socket.inet_pton(socket.AF_INET6, text) for text in ("fd77::1", "fd77::2"))
    row = _open(new(
        protocol=58, source=near, destination=far, reply_source=far, reply_destination=near, source_port=None,
        destination_port=None, reply_source_port=None, reply_destination_port=None, icmp_type=128, icmp_code=0,
    ), near)  # fmt: skip
    assert (row["source_address"], row["destination_address"], row["icmp_type"], row["icmp_code"]) == ("fd77::1", "fd77::2", 128, 0)
    assert "source_port" not in row


def test_news_about_an_open_flow() -> None:
    """An owner found late makes another report of the open flow, with the time at which it was seen."""
    flow = FlowTable(b"abcdef").entry(entry(started=None), at(1))
    assert flow is not None
    reporter = _reporter()
    first = _row(reporter.line(flow))
    assert (first["starts"], first.get("last_seen_at")) == (0, None)
    flow.owner = Owner(0, "root", None, None)
    reporter.add_owner(flow)
    flow.seen_us = at(3)
    second = _row(reporter.line(flow))
    assert (second["last_seen_at"], second["user_id"], second.get("process_id")) == (time_text(at(3)), "uid:0", None)


def test_lost_and_gap() -> None:
    """A lost connection keeps name and start that the server knows; a gap says from when to when, and how many."""
    known = OpenFlow("0190a000-0000-8000-8000-000000000000", "2026-11-21T00:00:00Z", 6, "10.0.0.1", "10.0.0.2", 1, 2)
    lost = _row(_reporter().lost(known, at(5)))
    assert (lost["flow_id"], lost["started_at"], lost["state"], lost["close_reason"]) == (known.flow_id, known.started_at, "lost", "lost")
    gap = _row(_reporter().gap("0190a000-0000-4000-8000-000000000000", at(1), at(2), "buffer_overrun", 7))
    assert (gap["state"], gap["started_at"], gap["ended_at"], gap["gap_lost"]) == ("gap", time_text(at(1)), time_text(at(2)), 7)


def test_verdict_of_what_this_machine_opened() -> None:
    """Whether the other side lets a connection in is known from its answer only; what came in was let in here."""
    assert _open(new())["verdict"] == "unknown"
    assert _open(new(), FAR)["verdict"] == "allowed"
    assert _open(new(), NEAR, FAR)["verdict"] == "allowed"
    table = FlowTable(b"abcdef")
    flow = table.start(new(tcp_state=2), at(0))
    assert flow is not None
    assert table.end(destroy(counts=(3, 180, 0, 0), tcp_state=2, status=0x388), at(9)) is flow
    row = _row(_reporter().line(flow))
    assert (row["state"], row["verdict"]) == ("attempted", "unknown")


def test_rule_of_the_mark() -> None:
    """The mark of a connection leads to the rule that let it pass, at the time of its start."""
    asked: list[tuple[int, int]] = []

    def decide(mark: int, at_us: int) -> Decision | None:
        asked.append((mark, at_us))
        return Decision("p1", 'Staff "to" DB', "r1", 3, "reported", "res1", "db") if mark == 5 << 24 else None

    reporter = Reporter("r1", "host", frozenset({FAR}), decide)
    flow = FlowTable(b"abcdef").start(new(mark=5 << 24), at(0))
    assert flow is not None
    row = _row(reporter.line(flow))
    assert (row["policy_id"], row["policy_name"], row["rule_id"], row["policy_version"]) == ("p1", 'Staff "to" DB', "r1", 3)
    assert (row["attribution"], row["destination_resource_id"], row["destination_resource_name"]) == ("reported", "res1", "db")
    assert asked == [(5 << 24, at(0))]
    for mark in (None, 6 << 24):
        flow = FlowTable(b"abcdef").start(new(mark=mark), at(0))
        assert flow is not None
        assert "policy_id" not in _row(reporter.line(flow))


def test_direction_of_what_is_forwarded() -> None:
    """From the private network is ingress, and received is what the initiator sent; to it is egress."""
    for overlay, direction, received in ((NEAR, "ingress", 400), (FAR, "egress", 300), (b"\x01\x01\x01\x01", "unknown", 300)):
        reporter = Reporter("r1", "router", frozenset({b"\x0a\x00\x00\x01"}))
        reporter.is_overlay = overlay.__eq__
        table = FlowTable(b"abcdef")
        table.start(new(), at(0))
        flow = table.end(destroy(), at(2))
        assert flow is not None
        row = _row(reporter.line(flow))
        assert (row["connection_type"], row["direction"], row["rx_bytes"]) == ("routed", direction, received)
