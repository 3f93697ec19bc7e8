"""Requests to conntrack, and the socket filter that keeps unwanted updates in the kernel."""

import struct

from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink.decode import Record

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
_NESTED = 0x8000


def _message(kind: int, flags: int, sequence: int, family: int, body: bytes = b"") -> bytes:
    length = a.HEADER_BYTES + a.GENERIC_BYTES + len(body)
    header = struct.pack("=IHHII", length, a.SUBSYSTEM_CONNTRACK << 8 | kind, flags, sequence, 0)
    return header + struct.pack(">BBH", family, 0, 0) + body


def dump(sequence: int) -> bytes:
    """All entries of both address families."""
    return _message(a.MSG_GET, a.F_REQUEST | a.F_DUMP, sequence, AF_UNSPEC)


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", len(payload) + 4, kind) + payload + b"\x00" * (-len(payload) % 4)


def get(sequence: int, record: Record) -> bytes:
    """The entry with the record's original tuple."""
    family = AF_INET if len(record.source) == 4 else AF_INET6
    first = 1 if family == AF_INET else 3
    addresses = _attribute(first, record.source) + _attribute(first + 1, record.destination)
    protocol = _attribute(1, struct.pack(">B", record.protocol))
    if record.source_port is not None and record.destination_port is not None:
        protocol += _attribute(2, struct.pack(">H", record.source_port)) + _attribute(3, struct.pack(">H", record.destination_port))
    body = _attribute(a.TUPLE_ORIG | _NESTED, _attribute(1 | _NESTED, addresses) + _attribute(2 | _NESTED, protocol))
    if record.zone:
        body += _attribute(a.ZONE, struct.pack(">H", record.zone))
    return _message(a.MSG_GET, a.F_REQUEST, sequence, family, body)


_LD_W_ABS, _LD_B_IND, _LD_IMM, _LDX_IMM, _TAX = 0x20, 0x50, 0x00, 0x01, 0x07
_JEQ, _RET = 0x15, 0x06
_SKF_AD = 0xFFFFF000
_NLATTR, _NLATTR_NEST = _SKF_AD + 12, _SKF_AD + 16


def closing_filter() -> bytes:
    """Classic BPF program that passes only messages of TCP entries in TIME_WAIT or CLOSE.

    The kernel's netlink extensions find an attribute (A: offset to start at, X: its type; linux/filter.h). Updates of
    other states are five in a connection's life, and are not worth a copy to user space.
    """
    program = [
        (_LD_IMM, 0, 0, a.HEADER_BYTES + a.GENERIC_BYTES),
        (_LDX_IMM, 0, 0, a.PROTOINFO),
        (_LD_W_ABS, 0, 0, _NLATTR),
        (_JEQ, 9, 0, 0),
        (_LDX_IMM, 0, 0, 1),
        (_LD_W_ABS, 0, 0, _NLATTR_NEST),
        (_JEQ, 6, 0, 0),
        (_LDX_IMM, 0, 0, 1),
        (_LD_W_ABS, 0, 0, _NLATTR_NEST),
        (_JEQ, 3, 0, 0),
        (_TAX, 0, 0, 0),
        (_LD_B_IND, 0, 0, 4),
        (_JEQ, 1, 2, a.TCP_TIME_WAIT),
        (_RET, 0, 0, 0),
        (_RET, 0, 0, 0xFFFFFFFF),
        (_JEQ, 0, 1, a.TCP_CLOSE),
        (_RET, 0, 0, 0xFFFFFFFF),
        (_RET, 0, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
