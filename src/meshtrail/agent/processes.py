"""Which program and user own a local socket, as /proc tells.

A look costs up to milliseconds, so looks are bounded in their share of a core, with some credit for bursts; who comes too
early waits for the next one, in a bounded queue. A socket without an inode (TIME_WAIT) has lost its owner: it is left
unknown, not called root.
"""

import os
import pwd
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from meshtrail.agent import limits


class Owner(NamedTuple):
    """Who opened a socket."""

    uid: int
    user: str | None
    pid: int | None
    program: str | None


Endpoint = tuple[int, bytes, int]
"""Protocol, packed local address, local port."""

TCP, UDP = 6, 17
_FILES = (("tcp", TCP, 4), ("tcp6", TCP, 16), ("udp", UDP, 4), ("udp6", UDP, 16))
_MAPPED = b"\x00" * 10 + b"\xff\xff"
PROTOCOLS = frozenset({TCP, UDP})
"""Protocols whose sockets /proc lists with their ports."""


@lru_cache(maxsize=4_096)
def user_name(uid: int) -> str | None:
    """Name of a local user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def written(address: bytes, port: int) -> str:
    """An endpoint as /proc/net/tcp writes it: words of 32 bits in the machine's order."""
    words = struct.unpack(f"={len(address) // 4}I", address)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _spellings(endpoint: Endpoint, width: int) -> list[str]:
    """How a socket of this endpoint may be written in a file of this address width. Only UDP sends from a socket that has no
    address of its own; a TCP socket without one listens, and is not the initiator.
    """
    protocol, address, port = endpoint
    if len(address) > width:
        return []
    exact = address if len(address) == width else _MAPPED + address
    spellings = [written(exact, port)]
    if protocol == UDP:
        spellings.append(written(b"\x00" * width, port))
    return spellings


def find(lines: Iterable[str], spellings: dict[str, list[Endpoint]]) -> dict[Endpoint, tuple[str, int, int]]:
    """Spelling, uid and inode of the wanted endpoints, from the lines of a file such as /proc/net/tcp."""
    found: dict[Endpoint, tuple[str, int, int]] = {}
    for line in lines:
        fields = line.split(None, 10)
        if len(fields) < 10 or fields[1] not in spellings:
            continue
        if not (fields[7].isdigit() and fields[9].isdigit()) or fields[9] == "0":
            continue
        for endpoint in spellings[fields[1]]:  # a socket with an address knows better than one without
            if endpoint not in found or not _unbound(fields[1]):
                found[endpoint] = (fields[1], int(fields[7]), int(fields[9]))
    return found


def _unbound(spelling: str) -> bool:
    return not spelling.partition(":")[0].strip("0")


class Processes:
    """Looks sockets up. `clock` is a monotonic time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, proc: str = "/proc") -> None:
        self._clock = clock
        self._proc = proc
        self._credit_s = limits.PROCESS_CREDIT_S_MAX
        self._credit_at = clock()
        self._programs: OrderedDict[int, tuple[int, str]] = OrderedDict()
        self.scans = 0
        self.found = 0
        self.unknown = 0
        """Connections whose socket was gone, or whose owner this process may not see."""
        self.skipped = 0
        """Connections not looked up because too many waited."""

    @property
    def may_look(self) -> bool:
        """Whether the next look is allowed now."""
        now = self._clock()
        earned = (now - self._credit_at) * limits.PROCESS_TIME_SHARE_MAX
        self._credit_s = min(limits.PROCESS_CREDIT_S_MAX, self._credit_s + earned)
        self._credit_at = now
        return self._credit_s > 0

    def owners(self, wanted: set[Endpoint]) -> dict[Endpoint, Owner]:
        """Owners of these local endpoints, as far as /proc tells now."""
        before = self._clock()
        sockets = self._sockets(wanted)
        self._find_programs({inode for _, inode in sockets.values()} - self._programs.keys())
        owners = {
            endpoint: Owner(uid, user_name(uid), *self._programs.get(inode, (None, None))) for endpoint, (uid, inode) in sockets.items()
        }
        self._credit_s -= self._clock() - before
        self.scans += 1
        self.found += len(owners)
        self.unknown += len(wanted) - len(owners)
        return owners

    def _find_programs(self, inodes: set[int]) -> None:
        """Look for the processes that hold these sockets: first those that held one before, then the youngest first."""
        if not inodes:
            return
        recent = dict.fromkeys(pid for pid, _ in reversed(self._programs.values()))
        others = sorted((int(entry) for entry in os.listdir(self._proc) if entry.isdigit()), reverse=True)
        for pid in chain(recent, (pid for pid in others if pid not in recent)):
            for inode in _inodes(f"{self._proc}/{pid}/fd") & inodes:
                self._programs[inode] = (pid, _name(f"{self._proc}/{pid}/comm"))
                inodes.discard(inode)
            if not inodes:
                break
        while len(self._programs) > limits.PROCESS_SOCKETS_MAX:
            self._programs.popitem(last=False)

    def _sockets(self, wanted: set[Endpoint]) -> dict[Endpoint, tuple[int, int]]:
        found: dict[Endpoint, tuple[int, int]] = {}
        for name, protocol, width in _FILES:
            spellings: dict[str, list[Endpoint]] = {}
            for endpoint in wanted:
                if endpoint[0] == protocol and endpoint not in found:
                    for spelling in _spellings(endpoint, width):
                        spellings.setdefault(spelling, []).append(endpoint)
            if not spellings:
                continue
            try:
                with open(f"{self._proc}/self/net/{name}", encoding="ascii") as file:
                    found |= {endpoint: each[1:] for endpoint, each in find(file, spellings).items()}
            except OSError:
                continue
        return found


def _inodes(folder: str) -> set[int]:
    """Sockets that a process holds; none when it may not be looked at, or is gone."""
    try:
        with os.scandir(folder) as entries:
            return {_inode(entry.path) for entry in entries} - {0}
    except OSError:
        return set()


def _inode(path: str) -> int:
    try:
        target = os.readlink(path)
    except OSError:
        return 0
    return int(target[8:-1]) if target.startswith("socket:[") else 0


def _name(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
