"""Conntrack messages to records, without IO. Nothing here raises on bytes that make no sense: it counts them.

Messages of one *shape* (the same attributes with the same lengths in the same places) are read by one compiled `struct`.
The first message of a shape is walked attribute by attribute, which yields the layout for all that follow. A message of
the same length that is laid out differently is noticed, because the attribute headers are compared too: all at once, as
one masked integer.
"""

import struct
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from meshtrail.agent.netlink import attributes as a

LENGTHS_MAX = 256
"""Message lengths remembered; a kernel makes a few dozen."""

SHAPES_PER_LENGTH_MAX = 8
"""Layouts remembered for one length; they are tried in turn."""


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
    timeout_s: int | None
    """Seconds that were left; None in an end that came by itself."""
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
_ADDRESS = 0
"""Stands for the length of an address: 4 or 16 bytes."""
_PLACES: dict[Path, tuple[str, int]] = {
    (a.ID,): ("id", 4), (a.STATUS,): ("status", 4), (a.TIMEOUT,): ("timeout_s", 4), (a.MARK,): ("mark", 4),
    (a.ZONE,): ("zone", 2), (a.PROTOINFO, 1, 1): ("tcp_state", 1),
    (a.TUPLE_ORIG, 2, 1): ("protocol", 1),
    (a.TUPLE_ORIG, 1, 1): ("source", _ADDRESS), (a.TUPLE_ORIG, 1, 3): ("source", _ADDRESS),
    (a.TUPLE_ORIG, 1, 2): ("destination", _ADDRESS), (a.TUPLE_ORIG, 1, 4): ("destination", _ADDRESS),
    (a.TUPLE_ORIG, 2, 2): ("source_port", 2), (a.TUPLE_ORIG, 2, 3): ("destination_port", 2),
    (a.TUPLE_REPLY, 1, 1): ("reply_source", _ADDRESS), (a.TUPLE_REPLY, 1, 3): ("reply_source", _ADDRESS),
    (a.TUPLE_REPLY, 1, 2): ("reply_destination", _ADDRESS), (a.TUPLE_REPLY, 1, 4): ("reply_destination", _ADDRESS),
    (a.TUPLE_REPLY, 2, 2): ("reply_source_port", 2), (a.TUPLE_REPLY, 2, 3): ("reply_destination_port", 2),
    (a.TUPLE_ORIG, 2, 4): ("icmp_id", 2), (a.TUPLE_ORIG, 2, 5): ("icmp_type", 1), (a.TUPLE_ORIG, 2, 6): ("icmp_code", 1),
    (a.TUPLE_ORIG, 2, 7): ("icmp_id", 2), (a.TUPLE_ORIG, 2, 8): ("icmp_type", 1), (a.TUPLE_ORIG, 2, 9): ("icmp_code", 1),
    (a.COUNTERS_ORIG, 1): ("packets_orig", 8), (a.COUNTERS_ORIG, 2): ("bytes_orig", 8),
    (a.COUNTERS_REPLY, 1): ("packets_reply", 8), (a.COUNTERS_REPLY, 2): ("bytes_reply", 8),
    (a.TIMESTAMP, 1): ("started_ns", 8), (a.TIMESTAMP, 2): ("stopped_ns", 8), (a.TIMESTAMP_EVENT,): ("event_ns", 8),
}  # fmt: skip
_NESTED = {
    (a.TUPLE_ORIG,), (a.TUPLE_REPLY,), (a.TUPLE_ORIG, 1), (a.TUPLE_ORIG, 2), (a.TUPLE_REPLY, 1), (a.TUPLE_REPLY, 2),
    (a.PROTOINFO,), (a.PROTOINFO, 1), (a.COUNTERS_ORIG,), (a.COUNTERS_REPLY,), (a.TIMESTAMP,),
}  # fmt: skip
_REQUIRED = ("id", "protocol", "source", "destination", "reply_source", "reply_destination", "status")
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_ADDRESS_BYTES = {4, 16}
_BODY = a.HEADER_BYTES + a.GENERIC_BYTES
_HEADER = struct.Struct("=IHHII")
_NLA = struct.Struct("=HH")
_ERRNO = struct.Struct("=i")


UNREADABLE = -1
"""Length of what is no attribute."""


class Attribute(NamedTuple):
    """An attribute found by the walk: where its header and its payload stand in the message."""

    path: Path
    header: int
    payload: int
    length: int


def walk(message: bytes, start: int, end: int, path: Path = ()) -> Iterator[Attribute]:
    """All attributes between two offsets, nests before their content. Where one does not fit, the rest is one attribute of
    the length `UNREADABLE`."""
    while start < end:
        length, kind = _NLA.unpack_from(message, start) if start + a.ATTRIBUTE_BYTES <= end else (0, 0)
        if length < a.ATTRIBUTE_BYTES or start + length > end:
            yield Attribute(path, start, start, UNREADABLE)
            return
        here = (*path, kind & a.TYPE_MASK)
        yield Attribute(here, start, start + a.ATTRIBUTE_BYTES, length - a.ATTRIBUTE_BYTES)
        if here in _NESTED:
            yield from walk(message, start + a.ATTRIBUTE_BYTES, start + length, here)
        start += (length + 3) & ~3


def _code(attribute: Attribute) -> tuple[str, str] | None:
    """Field and struct code of an attribute that is known and has the length it must have."""
    if attribute.path not in _PLACES:
        return None
    name, size = _PLACES[attribute.path]
    if size == _ADDRESS and attribute.length in _ADDRESS_BYTES:
        return name, f"{attribute.length}s"
    return (name, _CODES[size]) if size == attribute.length and size != _ADDRESS else None


class _Layout:
    """How to read messages of one shape."""

    def __init__(self, message: bytes) -> None:
        codes, at, mask = ">", 0, bytearray(len(message))
        names: dict[str, int] = {}
        count = 0
        readable = True
        for each in walk(message, _BODY, len(message)):
            readable &= each.length != UNREADABLE
            mask[each.header : each.payload] = b"\xff" * a.ATTRIBUTE_BYTES
            known = _code(each)
            if known is None:
                continue
            name, code = known
            codes += f"{each.payload - at}x{code}"
            at = each.payload + each.length
            names[name] = count
            count += 1
        self._unpack = struct.Struct(codes).unpack_from
        self._mask = int.from_bytes(mask, "little")
        self._headers = int.from_bytes(message, "little") & self._mask
        self._fields: Callable[[tuple[Any, ...]], tuple[Any, ...]] = itemgetter(*(names.get(name, -1) for name in Record._fields[1:]))
        self.complete = readable and all(name in names for name in _REQUIRED)
        """Whether it may be used: a layout of half a message would fit whole ones too, and read half of them."""

    def read(self, kind: str, message: bytes) -> Record | None:
        """The record, or None when the message has another shape."""
        if int.from_bytes(message, "little") & self._mask != self._headers:
            return None
        return Record._make((kind, *self._fields((*self._unpack(message), None))))


class Decoder:
    """Reads datagrams. Counts what it cannot read instead of raising."""

    def __init__(self) -> None:
        self._layouts: dict[int, list[_Layout]] = {}
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

    def decode(self, datagram: bytes) -> list[Record]:
        """Records of a datagram of events."""
        records = []
        for kind, flags, message in self.messages(datagram):
            if kind >> 8 != a.SUBSYSTEM_CONNTRACK:
                continue
            record = self.record(_event(kind & 0xFF, flags), message)
            if record is not None:
                records.append(record)
        return records

    def record(self, kind: str, message: bytes) -> Record | None:
        """One conntrack message as a record of this kind, or None, counted, when it cannot be read."""
        layouts = self._layouts.get(len(message))
        if layouts is not None:
            for layout in layouts:
                record = layout.read(kind, message)
                if record is not None:
                    return record
        return self._walked(kind, message)

    def _walked(self, kind: str, message: bytes) -> Record | None:
        self.walked += 1
        layout = _Layout(message)
        if not layout.complete:
            self.malformed += 1
            return None
        if len(self._layouts) < LENGTHS_MAX or len(message) in self._layouts:
            layouts = self._layouts.setdefault(len(message), [])
            if len(layouts) < SHAPES_PER_LENGTH_MAX:
                layouts.append(layout)
        return layout.read(kind, message)


def _event(number: int, flags: int) -> str:
    if number == a.MSG_DELETE:
        return "destroy"
    return "new" if flags & a.F_NEW == a.F_NEW else "update"


def error_number(message: bytes) -> int:
    """The errno of an NLMSG_ERROR message, positive; 0 is an acknowledgement."""
    if len(message) < a.HEADER_BYTES + _ERRNO.size:
        return 0
    return -int(_ERRNO.unpack_from(message, a.HEADER_BYTES)[0])
