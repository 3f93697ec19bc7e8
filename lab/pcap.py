"""Connections of a capture file (pcap, as tcpdump writes it): Ethernet, IPv4, IPv6, TCP, UDP, ICMP. Pure.

Left out: ARP and other non-IP frames, multicast and broadcast, neighbour discovery and other link-local talk, and ICMP
errors, which belong to the connection that they quote. Fragments after the first have no ports and are refused: the lab
makes none.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_ETHERNET = 1
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP, _ICMP, _ICMP6 = 6, 17, 1, 58
_ICMP_ECHO = {(_ICMP, 8), (_ICMP, 0), (_ICMP6, 128), (_ICMP6, 129)}
"""Requests and answers: the ICMP messages that make a connection."""
FRAME_BYTES_MAX = 1 << 18
"""A captured frame; more means that the file is broken."""

_SYN, _ACK, _RST = 0x02, 0x10, 0x04


class PcapError(ValueError):
    """The file is no capture that can be read here."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One IP packet."""

    at: float
    """Seconds since the epoch."""
    protocol: int
    source: bytes
    destination: bytes
    source_port: int
    """For ICMP its identifier, at both ends."""
    destination_port: int
    size: int
    """Bytes from the IP header on, as conntrack counts."""
    opens: bool
    """A TCP packet that begins a connection: SYN without ACK."""


@dataclass(slots=True)
class Connection:
    """Packets between two ends, from the first of a connection to the last before another one with the same ends."""

    protocol: int
    source: str
    destination: str
    source_port: int | None
    """None for ICMP."""
    destination_port: int | None
    began: float
    ended: float
    packets: int = 0
    """From source to destination, the first packet's way."""
    size: int = 0
    repeated: int = 0
    """SYNs that repeat the first one before anything was answered. They are not among `packets`, because connection tracking
    neither counts them nor waits longer for their sake."""
    reply_packets: int = 0
    reply_size: int = 0

    @property
    def ends(self) -> tuple[int, str, int | None, str, int | None]:
        """Protocol, source and destination."""
        return self.protocol, self.source, self.source_port, self.destination, self.destination_port


def packets(content: bytes) -> Iterator[Packet]:
    """The unicast IP packets of a capture file. A last frame that was cut off is left out."""
    order, scale = _MAGIC.get(content[:4], ("", 0))
    if not order or len(content) < 24:
        raise PcapError("this is no pcap file")
    (link,) = struct.unpack_from(f"{order}I", content, 20)
    if link & 0xFFFF != _ETHERNET:
        raise PcapError(f"the capture's link type is {link & 0xFFFF}, not Ethernet")
    start = 24
    while start + 16 <= len(content):
        seconds, fraction, length, whole = struct.unpack_from(f"{order}4I", content, start)
        if length > FRAME_BYTES_MAX:
            raise PcapError(f"a frame of {length} bytes at {start}")
        frame = content[start + 16 : start + 16 + length]
        start += 16 + length
        if len(frame) == length and (packet := _packet(frame, whole, seconds + fraction * scale / 1e9)) is not None:
            yield packet


def _packet(frame: bytes, whole: int, at: float) -> Packet | None:
    """The packet of a frame of which `whole` bytes were on the wire."""
    if len(frame) < 34 or frame[0] & 1:
        return None
    (kind,) = struct.unpack_from("!H", frame, 12)
    body = frame[14:]
    if kind == _IPV4:
        return _version_4(body, whole - 14, at)
    return _version_6(body, whole - 14, at) if kind == _IPV6 and len(body) >= 40 else None


def _version_4(body: bytes, whole: int, at: float) -> Packet | None:
    head = (body[0] & 15) * 4
    (told, fragment) = struct.unpack_from("!H2xH", body, 2)
    if fragment & 0x1FFF:
        raise PcapError("the capture has fragments")
    if body[16] >= 224:
        return None
    return _transport(body[9], body[12:16], body[16:20], body[head:], told or whole, at)


def _version_6(body: bytes, whole: int, at: float) -> Packet | None:
    (told,) = struct.unpack_from("!H", body, 4)
    if body[24] == 0xFF or body[8:10] == b"\xfe\x80" or body[24:26] == b"\xfe\x80":
        return None
    return _transport(body[6], body[8:24], body[24:40], body[40:], told + 40 if told else whole, at)


def _transport(protocol: int, source: bytes, destination: bytes, body: bytes, size: int, at: float) -> Packet | None:
    if protocol in {_TCP, _UDP}:
        near, far = struct.unpack_from("!HH", body)
        opens = protocol == _TCP and body[13] & (_SYN | _ACK | _RST) == _SYN
        return Packet(at, protocol, source, destination, near, far, size, opens)
    if protocol not in {_ICMP, _ICMP6}:
        return Packet(at, protocol, source, destination, 0, 0, size, opens=False)
    if (protocol, body[0]) not in _ICMP_ECHO:
        return None
    (identifier,) = struct.unpack_from("!H", body, 4)
    return Packet(at, protocol, source, destination, identifier, identifier, size, opens=False)


def connections(content: bytes) -> list[Connection]:
    """The connections of a capture file, in order of their first packet."""
    found: list[Connection] = []
    current: dict[tuple[int, bytes, int, bytes, int], Connection] = {}
    for packet in packets(content):
        there = packet.protocol, packet.source, packet.source_port, packet.destination, packet.destination_port
        back = packet.protocol, packet.destination, packet.destination_port, packet.source, packet.source_port
        known = current.get(there)
        if known is not None and not _begins_anew(packet, known):
            _add(known, packet)
        elif known is None and back in current:
            _answer(current[back], packet)
        else:
            made = _open(packet)
            current[there] = made
            found.append(made)
    return found


def _begins_anew(packet: Packet, known: Connection) -> bool:
    """A SYN after answers begins another connection; before them it is a repetition."""
    return packet.opens and known.reply_packets > 0


def _open(packet: Packet) -> Connection:
    ported = packet.protocol in {_TCP, _UDP}
    made = Connection(
        packet.protocol, _text(packet.source), _text(packet.destination),
        packet.source_port if ported else None, packet.destination_port if ported else None, packet.at, packet.at,
    )  # fmt: skip
    _add(made, packet)
    return made


def _add(connection: Connection, packet: Packet) -> None:
    if packet.opens and connection.packets:
        connection.repeated += 1
        return
    connection.packets += 1
    connection.size += packet.size
    connection.ended = packet.at


def _answer(connection: Connection, packet: Packet) -> None:
    connection.reply_packets += 1
    connection.reply_size += packet.size
    connection.ended = packet.at


def _text(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
