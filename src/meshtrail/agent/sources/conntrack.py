"""Conntrack's sockets: new connections, closing updates, ends; and requests for entries.

Ends are read before starts, and handed on after them: the kernel announces a start before its end, so every end finds its
start. The DESTROY socket asks the kernel to keep what it cannot deliver (NETLINK_BROADCAST_ERROR), the others may lose,
which the kernel says once (ENOBUFS). What arrives during a dump waits in the sockets' buffers, and so comes after it.

One thread reads and decodes. A thread for reading alone was considered: it would have to win the interpreter back for
every datagram, some 200 times a second while the other one computes; the kernel's buffers are the better ring.
"""

import ctypes
import errno
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink import requests, statistics
from meshtrail.agent.netlink.decode import Decoder, Record, error_number
from meshtrail.agent.netlink.statistics import Statistics

DATAGRAM_BYTES = 65_536
"""Largest datagram: the kernel packs a dump into 32 KiB."""
SO_ATTACH_FILTER = 26
_INSTRUCTION_BYTES = 8


class NotPermittedError(PermissionError):
    """The process lacks CAP_NET_ADMIN in this network namespace."""


class Overrun(NamedTuple):
    """The kernel could not deliver events to one socket."""

    socket: str
    dropped: int
    """Events dropped since the last overrun; those of a reliable socket come again."""


class Events(NamedTuple):
    """What one read brought, each in the kernel's order."""

    starts: list[Record]
    updates: list[Record]
    ends: list[Record]
    overruns: list[Overrun]


def open_socket(group: int, receive_bytes: int, *, reliable: bool = False, program: bytes = b"") -> socket.socket:
    """A socket that hears one group. Bound before it joins: an unbound one joins and hears nothing."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, a.NETLINK_NETFILTER)
    try:
        opened.bind((0, 0))
        if receive_bytes:
            opened.setsockopt(socket.SOL_SOCKET, a.SO_RCVBUFFORCE, receive_bytes)
        if program:
            _attach(opened, program)
        if reliable:
            opened.setsockopt(a.SOL_NETLINK, a.BROADCAST_ERROR, 1)
        if group:
            opened.setsockopt(a.SOL_NETLINK, a.ADD_MEMBERSHIP, group)
    except PermissionError as error:
        opened.close()
        raise NotPermittedError(
            "Capturing connections needs the capability CAP_NET_ADMIN.\n"
            "Run the agent as root, or give it the capability (setpriv, systemd AmbientCapabilities)."
        ) from error
    opened.setblocking(False)
    return opened


def _attach(opened: socket.socket, program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program)
    value = struct.pack("HxxxxxxP", len(program) // _INSTRUCTION_BYTES, ctypes.addressof(buffer))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, value)


def _asking() -> socket.socket:
    """A socket for questions and their answers."""
    opened = open_socket(0, limits.RECEIVE_BYTES_ASK)
    opened.settimeout(limits.ASK_TIMEOUT_S)
    return opened


class Conntrack:
    """The sockets of one network namespace."""

    def __init__(
        self,
        receive_bytes_new: int = limits.RECEIVE_BYTES_NEW,
        receive_bytes_destroy: int = limits.RECEIVE_BYTES_DESTROY,
        *,
        prompt_ends: bool = True,
    ) -> None:
        self.decoder = Decoder()
        self.reliable = True
        """Whether the kernel keeps ends that it cannot deliver."""
        self._hears_updates = False
        self._drops: dict[str, int] = {}
        self._sequence = 0
        self._new = open_socket(a.GROUP_NEW, receive_bytes_new)
        self._update = open_socket(0, limits.RECEIVE_BYTES_UPDATE, program=requests.closing_filter())
        self._destroy = open_socket(a.GROUP_DESTROY, receive_bytes_destroy, reliable=True)
        self._ask = _asking()
        self.poll = select.poll()
        """What is waited for; other sources of events join it."""
        for each in (self._new, self._update, self._destroy):
            self.poll.register(each, select.POLLIN)
        self.hear_updates(prompt_ends)

    def wait(self, timeout_s: float) -> bool:
        """Wait for events, at most for the time; whether there are any."""
        return bool(self.poll.poll(timeout_s * 1_000))

    def read(self) -> Events:
        """What is there now."""
        overruns: list[Overrun] = []
        ends = self._drain(self._destroy, "destroy", limits.EVENTS_PER_TURN_MAX, overruns)
        updates = self._drain(self._update, "update", limits.EVENTS_PER_TURN_MAX, overruns)
        starts = self._drain(self._new, "new", limits.STARTS_PER_TURN_MAX, overruns)
        return Events(starts, updates, ends, overruns)

    def _drain(self, opened: socket.socket, name: str, most: int, overruns: list[Overrun]) -> list[Record]:
        """Waiting events until the socket is empty, or as many as wanted."""
        records: list[Record] = []
        decode, receive = self.decoder.decode, opened.recv
        for _ in range(most):
            try:
                records += decode(receive(DATAGRAM_BYTES))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                overruns.append(Overrun(name, self._newly_dropped(opened, name)))
        return records

    def _newly_dropped(self, opened: socket.socket, name: str) -> int:
        total = drops(opened)
        before = self._drops.get(name, 0)
        self._drops[name] = max(total, before)
        return max(0, total - before)

    def dump(self) -> list[Record]:
        """All entries, asked again when the kernel says that the dump was interrupted."""
        with self._answers():
            for _ in range(limits.DUMPS_MAX):
                records, interrupted = self._dump_once()
                if not interrupted:
                    break
            return records

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """After a failure the rest of the answer is left with its socket, so that no later question reads it."""
        try:
            yield
        except OSError:
            self._ask.close()
            self._ask = _asking()
            raise

    def _dump_once(self) -> tuple[list[Record], bool]:
        self._sequence += 1
        self._ask.send(requests.dump(self._sequence))
        records: list[Record] = []
        interrupted = False
        while True:
            datagram = self._ask.recv(DATAGRAM_BYTES)
            for kind, flags, message in self.decoder.messages(datagram):
                interrupted |= bool(flags & a.F_DUMP_INTR)
                if kind == a.NLMSG_DONE:
                    return records, interrupted
                if kind == a.NLMSG_ERROR:
                    raise OSError(error_number(message), "conntrack refused the dump")
                record = self.decoder.record("entry", message)
                if record is not None:
                    records.append(record)

    def ask(self, wanted: list[Record]) -> dict[int, Record]:
        """The entries of these connections by id, with their counters; those that are gone are left out."""
        found: dict[int, Record] = {}
        with self._answers():
            for start in range(0, len(wanted), limits.ASK_BATCH):
                self._ask_some(wanted[start : start + limits.ASK_BATCH], found)
        return found

    def _ask_some(self, wanted: list[Record], found: dict[int, Record]) -> None:
        self._sequence += 1
        self._ask.send(b"".join(requests.get(self._sequence, record) for record in wanted))
        answers = 0
        while answers < len(wanted):
            for kind, _, message in self.decoder.messages(self._ask.recv(DATAGRAM_BYTES)):
                answers += 1
                record = None if kind == a.NLMSG_ERROR else self.decoder.record("entry", message)
                if record is not None:
                    found[record.id] = record

    def statistics(self) -> Statistics:
        """What the kernel has counted so far."""
        found = Statistics()
        with self._answers():
            self._sequence += 1
            self._ask.send(statistics.request(self._sequence))
            while True:
                for kind, _, message in self.decoder.messages(self._ask.recv(DATAGRAM_BYTES)):
                    if kind == a.NLMSG_DONE:
                        return found
                    if kind == a.NLMSG_ERROR:
                        raise OSError(error_number(message), "conntrack refused to tell its statistics")
                    found += statistics.decode(kind, message)

    def hear_updates(self, wanted: bool) -> None:
        """Join or leave the group of updates. Left, the kernel does not even write them."""
        if wanted != self._hears_updates:
            option = a.ADD_MEMBERSHIP if wanted else a.DROP_MEMBERSHIP
            self._update.setsockopt(a.SOL_NETLINK, option, a.GROUP_UPDATE)
            self._hears_updates = wanted

    def rely(self, wanted: bool) -> None:
        """Whether the kernel keeps ends that it cannot deliver. Set on the open socket: what waits in it is not lost."""
        self._destroy.setsockopt(a.SOL_NETLINK, a.BROADCAST_ERROR, int(wanted))
        self.reliable = wanted

    def close(self) -> None:
        """Close all sockets."""
        for each in (self._new, self._update, self._destroy, self._ask):
            each.close()


def drops(opened: socket.socket) -> int:
    """Events the kernel dropped on a socket so far (the Drops column of /proc/net/netlink)."""
    port = str(opened.getsockname()[0])
    with open("/proc/thread-self/net/netlink", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[1] == str(a.NETLINK_NETFILTER) and fields[2] == port:
                return int(fields[8])
    return 0
