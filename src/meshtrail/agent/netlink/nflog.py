"""Messages of nfnetlink_log: requests for a group of logged packets, and the packets. Nothing here does IO.

What makes no sense is counted and left out; nothing raises. Source: linux/netfilter/nfnetlink_log.h.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.netlink import attributes as a

SUBSYSTEM_LOG = 4
MSG_PACKET, MSG_CONFIG = 0, 1
FLAG_SEQUENCE, FLAG_CONNTRACK = 0x1, 0x4
HOOK_IN, HOOK_FORWARD, HOOK_OUT = 1, 2, 3
"""Netfilter's hooks for packets to, through and from this machine (NF_INET_LOCAL_IN and so on)."""

_F_ACK = 0x4
_COMMAND, _MODE, _BUFFER, _TIMEOUT, _QUEUE, _FLAGS = 1, 2, 3, 4, 5, 6
_COMMAND_BIND, _COMMAND_UNBIND = 1, 2
_COPY_PACKET = 2
_HEADER, _MARK, _TIMESTAMP, _PAYLOAD, _PREFIX, _UID, _SEQUENCE, _CT_INFO = 1, 2, 3, 9, 10, 11, 12, 19
_FIRST_REPLY_INFO = 3
"""Conntrack's IP_CT_IS_REPLY: this and larger values mean a packet that answers."""

_BODY = a.HEADER_BYTES + a.GENERIC_BYTES
_MESSAGE = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct(">I")
_TIME = struct.Struct(">QQ")
_SECONDS_MAX = 2**40
"""A timestamp beyond this is no time."""
_WRAP = 2**32


def _request(sequence: int, group: int, *attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(_ATTRIBUTE.pack(len(content) + 4, kind) + content + b"\x00" * (-len(content) % 4) for kind, content in attributes)
    length = _BODY + len(body)
    header = _MESSAGE.pack(length, SUBSYSTEM_LOG << 8 | MSG_CONFIG, a.F_REQUEST | _F_ACK, sequence, 0)
    return header + struct.pack(">BBH", 0, 0, group) + body


def bind(sequence: int, group: int) -> bytes:
    """The request to own a group, whose packets are to come cut, and several in one datagram. One socket of a network namespace
    can own it; the others are refused with EPERM."""
    return _request(
        sequence, group, (_COMMAND, bytes([_COMMAND_BIND])),
        (_MODE, struct.pack(">IBx", limits.NFLOG_COPY_BYTES, _COPY_PACKET)), (_BUFFER, _U32.pack(limits.NFLOG_BUFFER_BYTES)),
        (_TIMEOUT, _U32.pack(limits.NFLOG_TIMEOUT_CS)), (_QUEUE, _U32.pack(limits.NFLOG_QUEUE_PACKETS)),
    )  # fmt: skip


def unbind(sequence: int, group: int) -> bytes:
    """The request to give a group back; the kernel sends what it was still gathering for a datagram, and then its answer."""
    return _request(sequence, group, (_COMMAND, bytes([_COMMAND_UNBIND])))


def set_flags(sequence: int, group: int, flags: int) -> bytes:
    """What is to come with each packet; refused with EOPNOTSUPP for a flag that this kernel was not built for."""
    return _request(sequence, group, (_FLAGS, struct.pack(">H", flags)))


class Logged(NamedTuple):
    """One logged packet."""

    hook: int
    prefix: bytes
    """The log statement's text."""
    payload: bytes
    """The packet's beginning, from the IP header."""
    at_us: int | None
    """Microseconds since the epoch; None when the kernel does not say, which it does not for packets that leave."""
    uid: int | None
    """User of the socket that sent it, for packets of this machine."""
    mark: int
    sequence: int | None
    """Number of the packet in its group; a hole means that packets were lost."""
    is_reply: bool
    """Whether it answers, so that the connection's initiator is the packet's destination; only some kernels say so."""


@dataclass(slots=True)
class LogCounters:
    """What was read."""

    packets: int = 0
    malformed: int = 0
    """Messages that are cut short, or have no hook or payload."""
    lost: int = 0
    """Packets that the kernel logged and could not deliver."""


class LogDecoder:
    """Reads datagrams of one group, and counts the holes in its numbers."""

    def __init__(self) -> None:
        self.counters = LogCounters()
        self._next: int | None = 0

    def decode(self, datagram: bytes) -> list[Logged]:
        """The packets of a datagram, in the kernel's order."""
        packets: list[Logged] = []
        start, end = 0, len(datagram)
        while start + a.HEADER_BYTES <= end:
            length, kind, _, _, _ = _MESSAGE.unpack_from(datagram, start)
            if length < a.HEADER_BYTES or start + length > end:
                break
            if kind == SUBSYSTEM_LOG << 8 | MSG_PACKET:
                self._take(packet(datagram, start + _BODY, start + length), packets)
            start += (length + 3) & ~3
        if start < end:
            self.counters.malformed += 1
        return packets

    def _take(self, found: Logged | None, packets: list[Logged]) -> None:
        if found is None:
            self.counters.malformed += 1
            return
        if found.sequence is not None:
            self._follow(found.sequence)
        self.counters.packets += 1
        packets.append(found)

    def _follow(self, sequence: int) -> None:
        """A number ahead of the expected one means loss; one behind it means that the kernel counts anew."""
        if self._next is not None:
            missing = (sequence - self._next) % _WRAP
            if missing < _WRAP // 2:
                self.counters.lost += missing
        self._next = (sequence + 1) % _WRAP


def packet(message: bytes, start: int, end: int) -> Logged | None:
    """The packet whose attributes stand between two offsets, or None when it cannot be read."""
    found: dict[int, bytes] = {}
    unpack = _ATTRIBUTE.unpack_from
    while start + a.ATTRIBUTE_BYTES <= end:
        length, kind = unpack(message, start)
        if length < a.ATTRIBUTE_BYTES or start + length > end:
            return None
        found[kind & a.TYPE_MASK] = message[start + a.ATTRIBUTE_BYTES : start + length]
        start += (length + 3) & ~3
    header, payload = found.get(_HEADER), found.get(_PAYLOAD)
    if header is None or payload is None or len(header) < 3:
        return None
    return Logged(
        header[2], found.get(_PREFIX, b"").rstrip(b"\x00"), payload, _microseconds(found.get(_TIMESTAMP)), _number(found.get(_UID)),
        _number(found.get(_MARK)) or 0, _number(found.get(_SEQUENCE)), (_number(found.get(_CT_INFO)) or 0) >= _FIRST_REPLY_INFO,
    )  # fmt: skip


def _number(content: bytes | None) -> int | None:
    return int(_U32.unpack(content)[0]) if content is not None and len(content) == _U32.size else None


def _microseconds(content: bytes | None) -> int | None:
    if content is None or len(content) != _TIME.size:
        return None
    seconds, fraction = _TIME.unpack(content)
    return seconds * 1_000_000 + fraction if seconds < _SECONDS_MAX and fraction < 1_000_000 else None


def answer(datagram: bytes, sequence: int) -> int | None:
    """The errno of the kernel's answer to a request (0: done), or None when the datagram holds no answer to it."""
    start = 0
    while start + a.HEADER_BYTES <= len(datagram):
        length, kind, _, number, _ = _MESSAGE.unpack_from(datagram, start)
        if length < a.HEADER_BYTES:
            return None
        if kind == a.NLMSG_ERROR and number == sequence and start + a.HEADER_BYTES + 4 <= len(datagram):
            return -int(struct.unpack_from("=i", datagram, start + a.HEADER_BYTES)[0])
        start += (length + 3) & ~3
    return None
