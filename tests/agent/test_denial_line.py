"""Lines of denials, against the table of columns."""

import socket
import struct
from typing import Any

import pytest

from meshtrail.agent.decision import Decision, Resolve, unresolved
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denials, Fold
from meshtrail.agent.netlink.nflog import Logged
from meshtrail.agent.report import Reporter, time_text
from tests.agent.netlink.test_packet import v4, v6
from tests.agent.records import FAR, NEAR, at
from tests.agent.test_denials import packet
from tests.agent.test_report import _row

PORTS = struct.pack(">HH", 4_000, 443)


def _writer(*own: bytes, resolve: Resolve = unresolved) -> DenialWriter:
    return DenialWriter("r1", 'host "one"', Reporter("r1", 'host "one"', frozenset(own)), resolve)


def _fold(logged: Logged) -> Fold:
    (fold,) = Denials(b"abcdef").add([logged], at(9), 0.0)
    return fold


def _line(logged: Logged, *own: bytes, resolve: Resolve = unresolved) -> dict[str, Any]:
    return _row(_writer(*own, resolve=resolve).line(_fold(logged)))


def test_first_and_update() -> None:
    """Both reports of a row have its name, start and facts; count and last time grow."""
    denials, writer = Denials(b"abcdef"), _writer(NEAR)
    (fold,) = denials.add([packet(seconds=0.25)], at(0.3), 0.0)
    first = _row(writer.line(fold))
    denials.add([packet(seconds=2.0), packet(seconds=4.5)], at(5), 5.0)
    (fold,) = denials.tick(60.0)
    second = _row(writer.line(fold))
    assert (first["state"], first["verdict"], first["drops"]) == ("denied", "denied", 1)
    assert (second["drops"], second["ended_at"], second["last_seen_at"]) == (3, time_text(at(4.5)), time_text(at(4.5)))
    grown = {"drops", "occurred_at", "ended_at", "last_seen_at"}
    assert {name for name in first if first[name] != second[name]} == grown
    assert (first["started_at"], first["reporter_name"]) == (time_text(at(0.25)), 'host "one"')
    assert (first["source_port"], first["destination_port"], first["protocol"]) == (40_000, 443, 6)
    assert not {"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "starts", "ends", "user_id"} & first.keys()


@pytest.mark.parametrize(("hook", "own", "reply", "shape"), [
    (1, NEAR, False, ("p2p", "ingress")), (3, FAR, False, ("p2p", "egress")), (2, b"\x01\x01\x01\x01", False, ("routed", "unknown")),
    (1, NEAR, True, ("p2p", "egress")), (3, FAR, True, ("p2p", "ingress")), (1, FAR, False, ("p2p", "egress")),
    (0, FAR, False, ("p2p", "egress")), (0, NEAR, False, ("p2p", "ingress")), (4, b"\x01\x01\x01\x01", False, ("routed", "unknown")),
])  # fmt: skip
def test_perspective(hook: int, own: bytes, reply: bool, shape: tuple[str, str]) -> None:
    """Direction is seen from the reporter, by the place of the denial; by the addresses where the place says nothing."""
    row = _line(packet(hook=hook, is_reply=reply), own)
    assert (row["connection_type"], row["direction"]) == shape


def test_group() -> None:
    """What is denied before it is routed, and was sent to all, came to us."""
    payload = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 17, 0) + FAR + socket.inet_aton("224.0.0.251") + PORTS
    assert _line(packet(hook=0, payload=payload), NEAR)["direction"] == "ingress"


@pytest.mark.parametrize(("overlay", "direction"), [(FAR, "ingress"), (NEAR, "egress")])
def test_routed_direction(overlay: bytes, direction: str) -> None:
    """What was to be forwarded came in when it came from the private network, and went out when it went there."""
    reporter = Reporter("r1", "host", frozenset())
    reporter.is_overlay = lambda address: address == overlay
    row = _row(DenialWriter("r1", "host", reporter).line(_fold(packet(hook=2))))
    assert (row["connection_type"], row["direction"]) == ("routed", direction)


def test_icmp_and_ipv6() -> None:
    """ICMP has type and code and no ports; IPv6 addresses are written short."""
    row = _line(packet(payload=v6(58, b"\x80\x00\x00\x00")))
    assert (row["source_address"], row["destination_address"], row["icmp_type"], row["icmp_code"]) == ("fd77::2", "fd77::1", 128, 0)
    assert "source_port" not in row
    assert "icmp_type" not in _line(packet(payload=v4(47, b"")))


def test_user() -> None:
    """The user of a denied packet of this machine is told; that of an answer is not the initiator's."""
    row = _line(packet(hook=3, uid=0), FAR)
    assert (row["user_id"], row["user_name"]) == ("uid:0", "root")
    assert "user_name" not in _line(packet(hook=3, uid=4_000_000_000), FAR)
    assert "user_id" not in _line(packet(hook=3, uid=0, is_reply=True), FAR)


def test_resolved() -> None:
    """The table of rules says what decided at the time of the first denial."""
    asked: list[tuple[str, int]] = []

    def resolve(prefix: str, at_us: int) -> Decision:
        asked.append((prefix, at_us))
        return Decision("p1", 'the "one"', "r1", 3, "reported", "res1", "database")

    row = _line(packet(), resolve=resolve)
    assert asked == [("meshtrail:p1:r1@3:D", at(0))]
    assert [row[name] for name in ("policy_id", "policy_name", "rule_id", "policy_version", "attribution")] == [
        "p1", 'the "one"', "r1", 3, "reported",
    ]  # fmt: skip
    assert (row["destination_resource_id"], row["destination_resource_name"]) == ("res1", "database")


@pytest.mark.parametrize(("prefix", "wanted"), [
    (b"meshtrail:p1:r1@3:D", {"policy_id": "p1", "rule_id": "r1", "policy_version": 3, "attribution": "reported"}),
    (b"meshtrail::@0:D", {"attribution": "default_deny"}),
    (b"meshtrail::net1@0:D", {"rule_id": "net1", "attribution": "default_deny"}),
    (b"meshtrail:p~0123456789abcdef:r1@3:D", {"attribution": "none"}),
    (b'FW "drop" \xff: ', {"attribution": "none"}), (b"", {"attribution": "none"}),
])  # fmt: skip
def test_unresolved(prefix: bytes, wanted: dict[str, object]) -> None:
    """Where the table does not know, a prefix of ours speaks for itself, and a foreign one says nothing."""
    row = _line(packet(prefix=prefix))
    said = {name: row[name] for name in ("policy_id", "policy_name", "rule_id", "policy_version", "attribution") if name in row}
    assert said == wanted
