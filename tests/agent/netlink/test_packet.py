"""Packet headers: of packets that a real kernel logged, of rare ones made by hand, and of damaged ones."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent.netlink.nflog import LogDecoder
from meshtrail.agent.netlink.packet import Headers, parse
from tests.agent.netlink.test_nflog import DATAGRAMS

NEAR, FAR = socket.inet_aton("10.77.0.1"), socket.inet_aton("10.77.0.2")
NEAR6, FAR6 = (socket.inet_pton(socket.AF_INET6, text) for text in ("fd77::1", "fd77::2"))
PORTS = struct.pack(">HH", 4_000, 443)
PACKETS = [packet.payload for datagram in DATAGRAMS.values() for packet in LogDecoder().decode(datagram)]


def v4(protocol: int, content: bytes, *, options: bytes = b"", fragment: int = 0) -> bytes:
    """An IPv4 packet from far to near."""
    words = 5 + len(options) // 4
    return struct.pack(">BBHHHBBH", 0x40 | words, 0, 20, 1, fragment, 64, protocol, 0) + FAR + NEAR + options + content


def v6(protocol: int, content: bytes) -> bytes:
    """An IPv6 packet from far to near."""
    return struct.pack(">IHBB", 0x60000000, len(content), protocol, 64) + FAR6 + NEAR6 + content


def _logged(name: str) -> Headers:
    headers = parse(LogDecoder().decode(DATAGRAMS[name])[0].payload)
    assert headers is not None
    return headers


@pytest.mark.parametrize(("name", "protocol", "port"), [
    ("udp_in", 17, 9), ("udp6_in", 17, 9), ("tcp_in", 6, 9), ("tcp6_in", 6, 9), ("udp_out", 17, 10), ("udp_forward", 17, 53),
    ("tcp6_forward", 6, 443), ("udp_large", 17, 9), ("udp6_options", 17, 9), ("sctp_in", 132, 9),
])  # fmt: skip
def test_logged_ports(name: str, protocol: int, port: int) -> None:
    """Protocol and ports of logged packets, IPv6 options and all."""
    headers = _logged(name)
    assert (headers.protocol, headers.destination_port) == (protocol, port)
    assert headers.source_port
    assert headers.icmp_type is None


def test_logged_addresses() -> None:
    """Addresses stand as in the packet."""
    assert _logged("udp_in")[1:3] == (FAR, NEAR)
    assert _logged("tcp6_in")[1:3] == (FAR6, NEAR6)


@pytest.mark.parametrize(("name", "protocol", "kind"), [("icmp_in", 1, 8), ("icmp6_in", 58, 128)])
def test_logged_icmp(name: str, protocol: int, kind: int) -> None:
    """ICMP has type and code instead of ports."""
    headers = _logged(name)
    assert headers[0] == protocol
    assert headers[3:] == (None, None, kind, 0)


@pytest.mark.parametrize("packet", [
    v4(6, PORTS), v4(6, PORTS, options=b"\x01" * 8), v4(6, PORTS, fragment=0x2000), v4(33, PORTS), v4(136, PORTS),
])  # fmt: skip
def test_v4_ports(packet: bytes) -> None:
    """Ports stand behind the options, and a first fragment has them."""
    headers = parse(packet)
    assert headers is not None
    assert headers[1:5] == (FAR, NEAR, 4_000, 443)


@pytest.mark.parametrize("packet", [v4(6, PORTS, fragment=0x2001), v4(47, PORTS), v4(6, b""), v4(6, b"\x01\x02\x03"), v4(1, b"\x08")])
def test_v4_without_ports(packet: bytes) -> None:
    """Later fragments, protocols without ports, and packets cut before them have addresses only."""
    assert parse(packet) == Headers(packet[9], FAR, NEAR)


def _extension(following: int, words: int = 0) -> bytes:
    return bytes([following, words]) + b"\x00" * (6 + 8 * words)


@pytest.mark.parametrize(("first", "content"), [
    (0, _extension(6)), (43, _extension(6, 2)), (60, _extension(6, 1)), (0, _extension(60) + _extension(6)),
    (44, struct.pack(">BBHI", 6, 0, 1, 7)), (51, bytes([6, 4]) + b"\x00" * 22), (135, _extension(6)),
    (0, _extension(139) + _extension(6, 1)),
])  # fmt: skip
def test_v6_extensions(first: int, content: bytes) -> None:
    """Ports are found behind extension headers; a first fragment has them."""
    assert parse(v6(first, content + PORTS)) == Headers(6, FAR6, NEAR6, 4_000, 443)


@pytest.mark.parametrize(("first", "content", "protocol"), [
    (44, struct.pack(">BBHI", 17, 0, 8, 7) + PORTS, 17), (44, struct.pack(">BBHI", 60, 0, 8, 7) + PORTS, 60), (0, b"\x06\x00", 0),
    (0, _extension(43)[:8], 43), (60, bytes([6, 255]) + b"\x00" * 30, 6), (50, b"\x00" * 20, 50), (59, b"", 59), (6, b"\x01", 6),
])  # fmt: skip
def test_v6_without_ports(first: int, content: bytes, protocol: int) -> None:
    """Later fragments, ESP, and packets that are cut have addresses and the last protocol that they name."""
    assert parse(v6(first, content)) == Headers(protocol, FAR6, NEAR6)


@pytest.mark.parametrize(
    "packet", [b"", b"E", v4(6, PORTS)[:19], v6(6, PORTS)[:39], b"\x44" + v4(6, PORTS)[1:], b"\x00" * 60, b"\xf5" * 60]
)
def test_no_packet(packet: bytes) -> None:
    """What has no addresses is no packet."""
    assert parse(packet) is None


@given(packet=some.sampled_from(PACKETS), cut=some.integers(0, 96))
def test_truncated(packet: bytes, cut: int) -> None:
    """A packet cut anywhere never raises, and says nothing else than the whole one."""
    headers, whole = parse(packet[:cut]), parse(packet)
    assert whole is not None
    assert headers is None or headers[1:3] == whole[1:3]
    if headers is not None and headers.source_port is not None:
        assert headers == whole


@given(packet=some.sampled_from(PACKETS), changes=some.lists(some.tuples(some.integers(0, 95), some.integers(0, 255)), max_size=8))
def test_mutated(packet: bytes, changes: list[tuple[int, int]]) -> None:
    """Damaged packets never raise, and give addresses of a possible length."""
    damaged = bytearray(packet)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    headers = parse(bytes(damaged))
    assert headers is None or {len(headers.source), len(headers.destination)} in ({4}, {16})


@given(some.binary(max_size=128), some.sampled_from([b"", b"E", b"F", b"`"]))
def test_noise(content: bytes, first: bytes) -> None:
    """Noise never raises."""
    parse(first + content)
