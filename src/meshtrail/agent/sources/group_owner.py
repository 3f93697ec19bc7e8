"""Who owns an NFLOG group of this network namespace, as far as /proc tells."""

import os
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from meshtrail.agent.netlink import attributes as a

GROUPS_FILE = "/proc/thread-self/net/netfilter/nfnetlink_log"
SOCKETS_FILE = "/proc/thread-self/net/netlink"


class Owner(NamedTuple):
    """A process that has a group."""

    pid: int
    name: str
    certain: bool
    """Whether it was seen to hold the group's socket. Else it is the process after whose number the socket is named: the first
    netlink socket of a process is, and the others are not."""

    def __str__(self) -> str:
        return f"{'' if self.certain else 'probably '}{self.name} (process {self.pid})"


def owner_of(group: int) -> Owner | None:
    """The owner of a group; None: it has none, or nobody says who it is."""
    port = _field(GROUPS_FILE, lambda fields: fields[0] == str(group), 1)
    if port is None:
        return None
    inode = _field(SOCKETS_FILE, lambda fields: fields[1:3] == [str(a.NETLINK_NETFILTER), port], -1)
    pid = _holder(f"socket:[{inode}]") if inode is not None else None
    certain = pid is not None
    number = str(pid) if certain else port
    try:
        with open(f"/proc/{int(number)}/comm", encoding="utf-8", errors="replace") as file:
            return Owner(int(number), file.read().strip(), certain)
    except (OSError, ValueError):
        return None


def holds(pid: int, path: str) -> bool:
    """Whether a process has this file open."""
    return any(target == path for target in _targets(str(pid)))


def _field(path: str, wanted: Callable[[list[str]], bool], number: int) -> str | None:
    """A field of the first wanted line of a table in /proc."""
    try:
        with open(path, encoding="ascii") as file:
            return next((fields[number] for line in file if len(fields := line.split()) > 2 and wanted(fields)), None)
    except OSError:
        return None


@lru_cache(maxsize=1)
def _holder(target: str) -> int | None:
    """A process that has this open, the youngest first. Remembered: on a machine with thousands of processes a look at all of them takes
    long, and a socket's number is not used again."""
    for pid in sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True):
        if target in _targets(str(pid)):
            return pid
    return None


def _targets(pid: str) -> set[str]:
    """What a process has open; nothing when it may not be looked at, or is gone."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return {_target(entry.path) for entry in entries}
    except OSError:
        return set()


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
