"""The headers of a packet's beginning: addresses, protocol, ports. Pure; never raises, whatever the bytes are.

A packet may be cut anywhere, and what is missing is None. Sources: RFC 791, 8200, 4302 (AH counts its length in words), and
IANA's list of IPv6 extension headers.
"""

import struct
from typing import NamedTuple

from meshtrail.agent.netlink.attributes import IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS, _MOBILITY, _HIP, _SHIM6 = 0, 43, 44, 51, 60, 135, 139, 140
_EXTENSIONS = frozenset({_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS, _MOBILITY, _HIP, _SHIM6})
_DCCP, _SCTP, _UDP_LITE = 33, 132, 136
_WITH_PORTS = frozenset({IPPROTO_TCP, IPPROTO_UDP, _DCCP, _SCTP, _UDP_LITE})
_WITH_TYPE = frozenset({IPPROTO_ICMP, IPPROTO_ICMPV6})
_V4_BYTES, _V6_BYTES = 20, 40
_FRAGMENT_OFFSET = 0x1FFF
_PORTS = struct.Struct(">HH")
_U16 = struct.Struct(">H")


class Headers(NamedTuple):
    """What the headers of a packet say. Addresses are packed."""

    protocol: int
    """IANA number; of an extension header, when the packet is cut inside it."""
    source: bytes
    destination: bytes
    source_port: int | None = None
    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


def parse(packet: bytes) -> Headers | None:
    """The headers of an IPv4 or IPv6 packet; None when it is neither, or is cut before its addresses."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= _V4_BYTES:
        return _parse_v4(packet)
    if version == 6 and len(packet) >= _V6_BYTES:
        return _parse_v6(packet)
    return None


def _parse_v4(packet: bytes) -> Headers | None:
    length = (packet[0] & 0xF) * 4
    if length < _V4_BYTES:
        return None
    is_first = not _U16.unpack_from(packet, 6)[0] & _FRAGMENT_OFFSET
    return _transport(packet, length if is_first else None, packet[9], packet[12:16], packet[16:20])


def _parse_v6(packet: bytes) -> Headers:
    """Each extension header takes at least eight bytes, so that the walk ends with the packet."""
    start: int | None = _V6_BYTES
    protocol = packet[6]
    while start is not None and protocol in _EXTENSIONS and start + 8 <= len(packet):
        here, protocol = protocol, packet[start]
        if here == _FRAGMENT:
            is_first = not _U16.unpack_from(packet, start + 2)[0] >> 3
            start = start + 8 if is_first else None
        elif here == _AUTHENTICATION:
            start += (packet[start + 1] + 2) * 4
        else:
            start += (packet[start + 1] + 1) * 8
    return _transport(packet, start, protocol, packet[8:24], packet[24:40])


def _transport(packet: bytes, start: int | None, protocol: int, source: bytes, destination: bytes) -> Headers:
    """With ports or ICMP type, where they are. A later fragment has none (start is None)."""
    if start is not None and protocol in _WITH_PORTS and start + 4 <= len(packet):
        return Headers(protocol, source, destination, *_PORTS.unpack_from(packet, start))
    if start is not None and protocol in _WITH_TYPE and start + 2 <= len(packet):
        return Headers(protocol, source, destination, None, None, packet[start], packet[start + 1])
    return Headers(protocol, source, destination)
