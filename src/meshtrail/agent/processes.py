"""Which program and user own a local socket, as /proc tells.

A look costs milliseconds, so looks are bounded in number and in their share of a core; who comes too early waits for the
next one, in a bounded queue. A socket without an inode (TIME_WAIT) has lost its owner: it is left unknown, not called root.
"""

import os
import pwd
import struct
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
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

_FILES = (("tcp", 6, 4), ("tcp6", 6, 16), ("udp", 17, 4), ("udp6", 17, 16))
_UDP = 17
_MAPPED = b"\x00" * 10 + b"\xff\xff"
PROTOCOLS = frozenset({6, 17})
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
    if protocol == _UDP:
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
        self._next_scan = 0.0
        self._programs: dict[int, tuple[int, str]] = {}
        self.scans = 0
        self.found = 0
        self.unknown = 0
        """Connections whose socket was gone, or whose owner this process may not see."""
        self.skipped = 0
        """Connections not looked up because too many waited."""

    @property
    def may_look(self) -> bool:
        """Whether the next look is allowed now."""
        return self._clock() >= self._next_scan

    def owners(self, wanted: set[Endpoint]) -> dict[Endpoint, Owner]:
        """Owners of these local endpoints, as far as /proc tells now."""
        before = self._clock()
        sockets = self._sockets(wanted)
        if any(inode not in self._programs for _, inode in sockets.values()):
            self._programs = _programs(self._proc)
        owners = {
            endpoint: Owner(uid, user_name(uid), *self._programs.get(inode, (None, None)))
            for endpoint, (uid, inode) in sockets.items()
        }
        after = self._clock()
        pause = max(1 / limits.PROCESS_SCANS_PER_S_MAX, (after - before) / limits.PROCESS_TIME_SHARE_MAX)
        self._next_scan = after + pause
        self.scans += 1
        self.found += len(owners)
        self.unknown += len(wanted) - len(owners)
        return owners

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


def _programs(proc: str) -> dict[int, tuple[int, str]]:
    """Process number and program name by socket inode, for the processes this one may look at."""
    found: dict[int, tuple[int, str]] = {}
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        try:
            inodes = [_inode(f"{proc}/{entry}/fd/{number}") for number in os.listdir(f"{proc}/{entry}/fd")]
            if not any(inodes):
                continue
            with open(f"{proc}/{entry}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
        except OSError:
            continue
        for inode in inodes:
            if inode:
                found.setdefault(inode, (int(entry), name))
    return found


def _inode(path: str) -> int:
    try:
        target = os.readlink(path)
    except OSError:
        return 0
    return int(target[8:-1]) if target.startswith("socket:[") else 0
