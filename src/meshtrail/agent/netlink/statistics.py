"""What the kernel counts of connection tracking in a network namespace, from its answers per processor (nfnetlink_conntrack.h)."""

import struct
from typing import NamedTuple

from meshtrail.agent.netlink import attributes as a

_DROP, _EARLY_DROP = 10, 11
_MSG_GET_STATISTICS = 4
_KIND = a.SUBSYSTEM_CONNTRACK << 8 | _MSG_GET_STATISTICS


class Statistics(NamedTuple):
    """Counts since the namespace was made."""

    dropped: int = 0
    """Packets of new connections that were thrown away: there was no room in the table, and nothing in it could go."""
    evicted: int = 0
    """Unanswered connections that were forgotten before their time, to make room."""

    def __add__(self, other: object) -> "Statistics":
        if not isinstance(other, Statistics):
            return NotImplemented
        return Statistics(self.dropped + other.dropped, self.evicted + other.evicted)


def request(sequence: int) -> bytes:
    """Asks for the counts of all processors."""
    length = a.HEADER_BYTES + a.GENERIC_BYTES
    return struct.pack("=IHHIIBBH", length, _KIND, a.F_REQUEST | a.F_DUMP, sequence, 0, 0, 0, 0)


def decode(kind: int, message: bytes) -> Statistics:
    """The counts in one message; none in a message of another kind, or a damaged one."""
    if kind != _KIND:
        return Statistics()
    seen = {_DROP: 0, _EARLY_DROP: 0}
    start = a.HEADER_BYTES + a.GENERIC_BYTES
    while start + a.ATTRIBUTE_BYTES <= len(message):
        length, name = struct.unpack_from("=HH", message, start)
        if length < a.ATTRIBUTE_BYTES or start + length > len(message):
            break
        if name & a.TYPE_MASK in seen and length == a.ATTRIBUTE_BYTES + 4:
            (seen[name & a.TYPE_MASK],) = struct.unpack_from(">I", message, start + a.ATTRIBUTE_BYTES)
        start += (length + 3) & ~3
    return Statistics(seen[_DROP], seen[_EARLY_DROP])
