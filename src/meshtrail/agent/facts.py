"""What the agent says of its machine: name, system, addresses, users."""

import hashlib
import pwd
import socket
import struct
from pathlib import Path

import msgspec

USERS_MAX = 10_000
"""Local users told to the server."""

_RTM_GETADDR, _RTM_NEWADDR, _NLMSG_DONE = 22, 20, 3
_IFA_ADDRESS, _IFA_LOCAL = 1, 2


class Facts(msgspec.Struct):
    """The body of /api/v1/ingest/facts."""

    id: str
    name: str
    os: str | None
    addresses: list[str]
    users: dict[str, str]


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


def own_addresses() -> list[bytes]:
    """Packed addresses of all interfaces in this network namespace (rtnetlink, RTM_GETADDR)."""
    found: list[bytes] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as opened:
        opened.bind((0, 0))
        opened.send(struct.pack("=IHHIIBBBBI", 24, _RTM_GETADDR, 0x301, 1, 0, 0, 0, 0, 0, 0))
        while True:
            datagram = opened.recv(65_536)
            start = 0
            while start + 16 <= len(datagram):
                length, kind = struct.unpack_from("=IH", datagram, start)
                if kind == _NLMSG_DONE or length < 16:
                    return found
                if kind == _RTM_NEWADDR:
                    found += _addresses(datagram[start + 24 : start + length])
                start += (length + 3) & ~3


def _addresses(attributes: bytes) -> list[bytes]:
    seen: dict[int, bytes] = {}
    start = 0
    while start + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, start)
        if length < 4:
            break
        seen[kind] = attributes[start + 4 : start + length]
        start += (length + 3) & ~3
    return [seen.get(_IFA_LOCAL, seen[_IFA_ADDRESS])] if _IFA_ADDRESS in seen else []


def _system() -> str | None:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("PRETTY_NAME", "").strip('"') or None


def gather(identifier: str, name: str, addresses: list[bytes]) -> Facts:
    """The facts of this moment."""
    texts = sorted(socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw) for raw in addresses)
    users = {str(user.pw_uid): user.pw_name for user in pwd.getpwall()[:USERS_MAX]}
    return Facts(identifier, name, _system(), texts, users)
