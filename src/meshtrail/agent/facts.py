"""What the agent says of its machine: name, system, addresses, users."""

import hashlib
import pwd
import socket
import struct
from pathlib import Path
from typing import NamedTuple

import msgspec

from meshtrail.agent.limits import USERS_MAX

ANSWER_S_MAX = 5.0
"""The kernel answers at once."""

_RTM_GETADDR, _RTM_NEWADDR, _NLMSG_ERROR, _NLMSG_DONE = 22, 20, 2, 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4


class Facts(msgspec.Struct):
    """The body of /api/v1/ingest/facts."""

    id: str
    name: str
    os: str | None
    addresses: list[str]
    users: dict[str, str]
    metrics: dict[str, int | float] = {}


def reporter_id() -> str:
    """A name of this machine that survives restarts and says nothing about it: a hash of its machine id."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text:
            return hashlib.blake2b(b"meshtrail/" + text.encode(), digest_size=10).hexdigest()
    return hashlib.blake2b(b"meshtrail/host/" + socket.gethostname().encode(), digest_size=10).hexdigest()


class Addresses(NamedTuple):
    """Packed addresses of all interfaces of a network namespace."""

    own: frozenset[bytes]
    broadcast: frozenset[bytes]
    """Those by which the machine is meant together with its neighbours."""


def addresses() -> Addresses:
    """The addresses of this moment, from the kernel (rtnetlink, RTM_GETADDR)."""
    own: set[bytes] = set()
    broadcast: set[bytes] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as opened:
        opened.settimeout(ANSWER_S_MAX)
        opened.bind((0, 0))
        opened.send(struct.pack("=IHHIIBBBBI", 24, _RTM_GETADDR, 0x301, 1, 0, 0, 0, 0, 0, 0))
        while True:
            datagram = opened.recv(65_536)
            start = 0
            while start + 16 <= len(datagram):
                length, kind = struct.unpack_from("=IH", datagram, start)
                if kind in {_NLMSG_DONE, _NLMSG_ERROR} or length < 16:
                    return Addresses(frozenset(own), frozenset(broadcast))
                if kind == _RTM_NEWADDR:
                    found = _addresses(datagram[start + 24 : start + length])
                    own |= {found[each] for each in (_IFA_LOCAL, _IFA_ADDRESS) if each in found and _is_local(each, found)}
                    broadcast |= {found[_IFA_BROADCAST]} if _IFA_BROADCAST in found else set()
                start += (length + 3) & ~3


def _is_local(kind: int, found: dict[int, bytes]) -> bool:
    """On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL ours."""
    return kind == _IFA_LOCAL or _IFA_LOCAL not in found


def _addresses(content: bytes) -> dict[int, bytes]:
    """The attributes that are addresses, by their length."""
    return {kind: value for kind, value in _attributes(content).items() if len(value) in {4, 16}}


def _attributes(content: bytes) -> dict[int, bytes]:
    seen: dict[int, bytes] = {}
    start = 0
    while start + 4 <= len(content):
        length, kind = struct.unpack_from("=HH", content, start)
        if length < 4:
            break
        if start + length <= len(content):
            seen[kind] = content[start + 4 : start + length]
        start += (length + 3) & ~3
    return seen


def _system() -> str | None:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("PRETTY_NAME", "").strip('"') or None


def gather(identifier: str, name: str, own: frozenset[bytes]) -> Facts:
    """The facts of this moment, without counters."""
    texts = sorted(socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw) for raw in own)
    users = {str(user.pw_uid): user.pw_name for user in pwd.getpwall()[:USERS_MAX]}
    return Facts(identifier, name, _system(), texts, users)
