"""Conntrack messages to records.

Messages of one *shape* (the same attributes with the same lengths in the same places) are read by one compiled `struct`.
The first message of a shape is walked attribute by attribute, which yields the layout for all that follow; a message
that looks alike by length but is laid out differently is noticed, because the layout reads the attribute headers too.
"""

import struct
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from meshtrail.agent.netlink import attributes as a

SHAPES_MAX = 256
"""Shapes remembered; a kernel makes a few dozen."""


class Record(NamedTuple):
    """One conntrack entry at one moment. Addresses are packed, times nanoseconds since the epoch, None is absent."""

    kind: str
    """new, update, destroy; entry in answers to requests."""
    id: int
    protocol: int
    source: bytes
    destination: bytes
    source_port: int | None
    destination_port: int | None
    reply_source: bytes
    reply_destination: bytes
    reply_source_port: int | None
    reply_destination_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    icmp_id: int | None
    status: int
    tcp_state: int | None
    mark: int | None
    zone: int | None
    packets_orig: int | None
    bytes_orig: int | None
    packets_reply: int | None
    bytes_reply: int | None
    started_ns: int | None
    stopped_ns: int | None
    event_ns: int | None


Path = tuple[int, ...]
_PLACES: dict[Path, str] = {
    (a.ID,): "id",
    (a.TUPLE_ORIG, 2, 1): "protocol",
    (a.TUPLE_ORIG, 1, 1): "source", (a.TUPLE_ORIG, 1, 3): "source",
    (a.TUPLE_ORIG, 1, 2): "destination", (a.TUPLE_ORIG, 1, 4): "destination",
    (a.TUPLE_ORIG, 2, 2): "source_port", (a.TUPLE_ORIG, 2, 3): "destination_port",
    (a.TUPLE_REPLY, 1, 1): "reply_source", (a.TUPLE_REPLY, 1, 3): "reply_source",
    (a.TUPLE_REPLY, 1, 2): "reply_destination", (a.TUPLE_REPLY, 1, 4): "reply_destination",
    (a.TUPLE_REPLY, 2, 2): "reply_source_port", (a.TUPLE_REPLY, 2, 3): "reply_destination_port",
    (a.TUPLE_ORIG, 2, 4): "icmp_id", (a.TUPLE_ORIG, 2, 5): "icmp_type", (a.TUPLE_ORIG, 2, 6): "icmp_code",
    (a.TUPLE_ORIG, 2, 7): "icmp_id", (a.TUPLE_ORIG, 2, 8): "icmp_type", (a.TUPLE_ORIG, 2, 9): "icmp_code",
    (a.STATUS,): "status", (a.PROTOINFO, 1, 1): "tcp_state", (a.MARK,): "mark", (a.ZONE,): "zone",
    (a.COUNTERS_ORIG, 1): "packets_orig", (a.COUNTERS_ORIG, 2): "bytes_orig",
    (a.COUNTERS_REPLY, 1): "packets_reply", (a.COUNTERS_REPLY, 2): "bytes_reply",
    (a.TIMESTAMP, 1): "started_ns", (a.TIMESTAMP, 2): "stopped_ns", (a.TIMESTAMP_EVENT,): "event_ns",
}  # fmt: skip
_NESTED = {(a.TUPLE_ORIG,), (a.TUPLE_REPLY,), (a.TUPLE_ORIG, 1), (a.TUPLE_ORIG, 2), (a.TUPLE_REPLY, 1),
           (a.TUPLE_REPLY, 2), (a.PROTOINFO,), (a.PROTOINFO, 1), (a.COUNTERS_ORIG,), (a.COUNTERS_REPLY,),
           (a.TIMESTAMP,)}  # fmt: skip
_REQUIRED = ("id", "protocol", "source", "destination", "reply_source", "reply_destination", "status")
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_ADDRESSES = {"source", "destination", "reply_source", "reply_destination"}
_HEADER = struct.Struct("=IHHII")
_NLA = struct.Struct("=HH")


class Attribute(NamedTuple):
    """An attribute found by the walk: where its header and its payload stand in the message."""

    path: Path
    header: int
    payload: int
    length: int


def walk(message: bytes, start: int, end: int, path: Path = ()) -> Iterator[Attribute]:
    """All leaf attributes and nests between two offsets; stops at the first one that does not fit."""
    while start + 4 <= end:
        length, kind = _NLA.unpack_from(message, start)
        if length < 4 or start + length > end:
            return
        here = (*path, kind & a.TYPE_MASK)
        yield Attribute(here, start, start + 4, length - 4)
        if here in _NESTED:
            yield from walk(message, start + 4, start + length, here)
        start += (length + 3) & ~3


class _Layout:
    """How to read messages of one shape."""

    def __init__(self, message: bytes, found: list[Attribute]) -> None:
        places: list[tuple[int, str, str]] = [(each.header, "I", f"#{each.header}") for each in found]
        for each in found:
            name = _PLACES.get(each.path)
            if name is not None:
                code = f"{each.length}s" if name in _ADDRESSES else _CODES.get(each.length)
                if code is not None:
                    places.append((each.payload, code, name))
        places.sort()
        codes, at, names = ">", 0, []
        for offset, code, name in places:
            codes += f"{offset - at}x{code}" if offset > at else code
            at = offset + struct.calcsize(">" + code)
            names.append(name)
        self._struct = struct.Struct(codes)
        checks = [index for index, name in enumerate(names) if name.startswith("#")]
        self._headers = itemgetter(*checks)
        self._expected = self._headers(self._struct.unpack_from(message))
        index = {name: position for position, name in enumerate(names)}
        self._fields = itemgetter(*(index.get(name, -1) for name in Record._fields[1:]))
        self.complete = all(name in index for name in _REQUIRED)

    def read(self, kind: str, message: bytes) -> Record | None:
        """The record, or None when the message has another shape."""
        values = self._struct.unpack_from(message)
        if self._headers(values) != self._expected:
            return None
        return Record(kind, *self._fields((*values, None)))


class Decoder:
    """Reads datagrams. Counts what it cannot read instead of raising."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, int], _Layout] = {}
        self.malformed = 0
        """Messages that are truncated or lack what identifies a connection."""
        self.walked = 0
        """Messages that no remembered shape fitted."""

    def messages(self, datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Type, flags and bytes of each netlink message in a datagram."""
        start, end = 0, len(datagram)
        while start + a.HEADER_BYTES <= end:
            length, kind, flags, _, _ = _HEADER.unpack_from(datagram, start)
            if length < a.HEADER_BYTES or start + length > end:
                self.malformed += 1
                return
            yield kind, flags, datagram[start : start + length] if length != end else datagram
            start += (length + 3) & ~3
        if start < end:
            self.malformed += 1

    def decode(self, datagram: bytes, *, answer: bool = False) -> list[Record]:
        """Records of a datagram; in an `answer` they are of kind entry."""
        records = []
        for kind, flags, message in self.messages(datagram):
            if kind >> 8 != a.SUBSYSTEM_CONNTRACK:
                continue
            what = "entry" if answer else _kind(kind & 0xFF, flags)
            record = self.record(what, kind, message)
            if record is not None:
                records.append(record)
        return records

    def record(self, what: str, kind: int, message: bytes) -> Record | None:
        """One conntrack message as a record, or None, counted, when it cannot be read."""
        shape = (len(message), kind)
        layout = self._layouts.get(shape)
        if layout is not None:
            record = layout.read(what, message)
            if record is not None:
                return record
        self.walked += 1
        found = list(walk(message, a.HEADER_BYTES + a.GENERIC_BYTES, len(message)))
        layout = _Layout(message, found) if len(found) > 1 else None
        if layout is None or not layout.complete:
            self.malformed += 1
            return None
        if len(self._layouts) < SHAPES_MAX:
            self._layouts[shape] = layout
        return layout.read(what, message)


def _kind(number: int, flags: int) -> str:
    if number == a.MSG_DELETE:
        return "destroy"
    return "new" if flags & a.F_NEW == a.F_NEW else "update"


def error_number(message: bytes) -> int:
    """The errno of an NLMSG_ERROR message, positive; 0 is an acknowledgement."""
    value: Any = struct.unpack_from("=i", message, a.HEADER_BYTES)[0] if len(message) >= a.HEADER_BYTES + 4 else 0
    return -int(value)
