"""Addresses to peers, from what agents say of themselves. Snapshots are immutable: a batch sees one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meshtrail.enrich.resolver.books import NO_BOOKS, Books
from meshtrail.enrich.resources import NO_RESOURCES, Resources
from meshtrail.ingest.validate import packed


@dataclass(frozen=True, slots=True)
class Peer:
    """A machine that reports."""

    id: str
    name: str
    os: str | None = None
    dns_label: str | None = None
    addresses: tuple[str, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    """Local user names by number."""
    groups: tuple[str, ...] = ()
    """Names of the groups it is in; an agent does not say them."""


@dataclass(frozen=True)
class Directory:
    """The peers of one organisation at one moment."""

    peers: Mapping[str, Peer]
    by_address: Mapping[bytes, Peer]
    resources: Resources = NO_RESOURCES
    """What stands in the networks behind routing peers."""
    books: Books = NO_BOOKS
    """The rules that were in force at any moment."""

    @staticmethod
    def of(peers: Iterable[Peer], resources: Resources = NO_RESOURCES) -> "Directory":
        """A directory of these peers; of two that claim one address the later one has it."""
        known = {peer.id: peer for peer in peers}
        by_address = {
            address: peer
            for peer in known.values()
            for text in peer.addresses
            if (address := packed(text)) is not None and not is_loopback(address)
        }
        return Directory(known, by_address, resources)


_LOOPBACK_V6 = b"\x00" * 15 + b"\x01"
_LOOPBACK_V4 = b"\x00" * 10 + b"\xff\xff\x7f"


def is_loopback(address: bytes) -> bool:
    """127.0.0.0/8 or ::1: the reporter itself, whoever it is."""
    return address == _LOOPBACK_V6 or address.startswith(_LOOPBACK_V4)


EMPTY = Directory({}, {})
"""The directory of an organisation without agents."""
