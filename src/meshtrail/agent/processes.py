"""Which program and user own a local socket, as /proc tells. Bounded: a look costs milliseconds and is not made too often."""

import os
import pwd
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from meshtrail.agent.limits import PROCESS_SCANS_PER_S_MAX


class Owner(NamedTuple):
    """Who opened a socket."""

    uid: int
    user: str | None
    pid: int | None
    program: str | None


Endpoint = tuple[int, bytes, int]
"""Protocol, packed local address, local port."""

_FILES = (("tcp", 6), ("tcp6", 6), ("udp", 17), ("udp6", 17))
_MAPPED = b"\x00" * 10 + b"\xff\xff"


@lru_cache(maxsize=4_096)
def user_name(uid: int) -> str | None:
    """Name of a local user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def packed(text: str) -> bytes:
    """The address of a line of /proc/net/tcp: words of 32 bits in the machine's order."""
    words = struct.unpack(f">{len(text) // 8}I", bytes.fromhex(text))
    raw = struct.pack(f"={len(words)}I", *words)
    return raw[12:] if raw.startswith(_MAPPED) else raw


def parse(content: str, protocol: int) -> Iterable[tuple[Endpoint, int, int]]:
    """Local endpoint, uid and inode of each socket in a file such as /proc/net/tcp."""
    for line in content.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or ":" not in fields[1]:
            continue
        address, _, port = fields[1].partition(":")
        yield (protocol, packed(address), int(port, 16)), int(fields[7]), int(fields[9])


class Processes:
    """Looks sockets up, a few times a second at the most."""

    def __init__(self) -> None:
        self._next_scan = 0.0
        self._pids: dict[int, tuple[int, str]] = {}
        self.skipped = 0
        """Connections not looked up because the last look was too near."""

    def owners(self, wanted: set[Endpoint], now_s: float) -> dict[Endpoint, Owner]:
        """Owners of these local endpoints, as far as /proc tells now. `now_s` is a monotonic time."""
        if not wanted:
            return {}
        if now_s < self._next_scan:
            self.skipped += len(wanted)
            return {}
        self._next_scan = now_s + 1 / PROCESS_SCANS_PER_S_MAX
        found = self._sockets(wanted)
        inodes = {inode for _, inode in found.values() if inode and inode not in self._pids}
        if inodes:
            self._pids = _programs()
        return {
            endpoint: Owner(uid, user_name(uid), *self._pids.get(inode, (None, None)))
            for endpoint, (uid, inode) in found.items()
        }

    def _sockets(self, wanted: set[Endpoint]) -> dict[Endpoint, tuple[int, int]]:
        protocols = {endpoint[0] for endpoint in wanted}
        found: dict[Endpoint, tuple[int, int]] = {}
        for name, protocol in _FILES:
            if protocol not in protocols:
                continue
            try:
                with open(f"/proc/self/net/{name}", encoding="ascii") as file:
                    content = file.read()
            except OSError:
                continue
            for endpoint, uid, inode in parse(content, protocol):
                if endpoint in wanted and (inode or endpoint not in found):
                    found[endpoint] = (uid, inode)
        return found


def _programs() -> dict[int, tuple[int, str]]:
    """Process number and program name by socket inode, for the processes this one may look at."""
    found: dict[int, tuple[int, str]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            inodes = [_inode(f"/proc/{entry}/fd/{number}") for number in os.listdir(f"/proc/{entry}/fd")]
            if not any(inodes):
                continue
            with open(f"/proc/{entry}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
        except OSError:
            continue
        found.update({inode: (int(entry), name) for inode in inodes if inode})
    return found


def _inode(path: str) -> int:
    try:
        target = os.readlink(path)
    except OSError:
        return 0
    return int(target[8:-1]) if target.startswith("socket:[") else 0
