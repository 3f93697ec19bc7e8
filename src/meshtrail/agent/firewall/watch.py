"""Hears that rules changed, whoever changed them: each transaction of nf_tables begins a new *generation* of the ruleset.

The kernel tells of every rule that changed; a filter in the kernel leaves only the word of a new generation, with the number
of the generation and the program that made it (linux/netfilter/nf_tables.h).
"""

import errno
import select
import socket
import struct
import sys
from typing import NamedTuple

from meshtrail.agent.firewall import limits
from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.sources.conntrack import DATAGRAM_BYTES, open_socket

GROUP_NFTABLES = 7
SUBSYSTEM_NFTABLES = 10
MSG_NEWGEN, MSG_GETGEN = 15, 16
_GEN_ID, _GEN_PROC_PID, _GEN_PROC_NAME = 1, 2, 3
_NEWGEN = SUBSYSTEM_NFTABLES << 8 | MSG_NEWGEN
_GENERATIONS = 2**32
_ANSWER_S = 5.0
_TYPE_OFFSET = 4
_LD_H_ABS, _JEQ, _RET = 0x28, 0x15, 0x06


class Generation(NamedTuple):
    """One state of all rules of a network namespace."""

    number: int
    """Grows by one with each transaction, and begins again at 2³²."""
    program: str = ""
    """Name of the program that made it, where the kernel says it."""


def later(number: int, than: int) -> bool:
    """Whether a generation came after another one."""
    return 0 < (number - than) % _GENERATIONS < _GENERATIONS // 2


def following(number: int) -> int:
    """The generation after this one."""
    return (number + 1) % _GENERATIONS


def newgen_filter() -> bytes:
    """Classic BPF program that passes only the word of a new generation. It loads in network order, the type is in ours."""
    kind = _NEWGEN if sys.byteorder == "big" else int.from_bytes(_NEWGEN.to_bytes(2, "little"), "big")
    program = [(_LD_H_ABS, 0, 0, _TYPE_OFFSET), (_JEQ, 0, 1, kind), (_RET, 0, 0, 0xFFFFFFFF), (_RET, 0, 0, 0)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def decode(datagram: bytes) -> list[Generation]:
    """The generations that a datagram tells of; what cannot be read is passed over."""
    found = []
    start = 0
    while start + a.HEADER_BYTES <= len(datagram):
        length, kind = struct.unpack_from("=IH", datagram, start)
        if length < a.HEADER_BYTES or start + length > len(datagram):
            break
        if kind == _NEWGEN:
            generation = _generation(datagram[start + a.HEADER_BYTES + a.GENERIC_BYTES : start + length])
            found += [generation] if generation is not None else []
        start += (length + 3) & ~3
    return found


def _generation(content: bytes) -> Generation | None:
    seen: dict[int, bytes] = {}
    start = 0
    while start + a.ATTRIBUTE_BYTES <= len(content):
        length, kind = struct.unpack_from("=HH", content, start)
        if length < a.ATTRIBUTE_BYTES or start + length > len(content):
            break
        seen[kind & a.TYPE_MASK] = content[start + a.ATTRIBUTE_BYTES : start + length]
        start += (length + 3) & ~3
    number = seen.get(_GEN_ID, b"")
    if len(number) != 4:
        return None
    return Generation(int.from_bytes(number, "big"), seen.get(_GEN_PROC_NAME, b"").split(b"\x00")[0].decode("utf-8", "replace"))


def generation() -> int:
    """The generation that is in force. `OSError` when the kernel does not say."""
    request = struct.pack("=IHHIIBBH", a.HEADER_BYTES + a.GENERIC_BYTES, SUBSYSTEM_NFTABLES << 8 | MSG_GETGEN, a.F_REQUEST, 1, 0, 0, 0, 0)
    with open_socket(0, 0) as opened:
        opened.settimeout(_ANSWER_S)
        opened.send(request)
        found = decode(opened.recv(DATAGRAM_BYTES))
    if not found:
        raise OSError(errno.EPROTO, "the kernel does not say which generation of rules is in force")
    return found[0].number


class Watch:
    """A socket that hears of new generations."""

    def __init__(self) -> None:
        self._socket: socket.socket = open_socket(GROUP_NFTABLES, limits.WATCH_BYTES, program=newgen_filter())
        self.overruns = 0
        """Times that the kernel could not deliver; that something changed is known all the same."""

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Whether there is word, within the time."""
        return bool(select.select([self._socket], [], [], max(timeout_s, 0.0))[0])

    def read(self) -> tuple[list[Generation], bool]:
        """The generations since the last call, and whether some are missing."""
        found: list[Generation] = []
        missing = False
        while True:
            try:
                found += decode(self._socket.recv(DATAGRAM_BYTES))
            except BlockingIOError:
                return found, missing
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
                missing = True

    def close(self) -> None:
        """Stop hearing."""
        self._socket.close()
