"""Addresses to resources: what stands in the networks behind routing peers."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

_MAPPED_BITS = 96
"""IPv4 addresses are mapped into IPv6 ones (RFC 4291, 2.5.5.2), behind so many bits."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A host or subnet by name. It has what a peer has at one end of a connection."""

    id: str
    name: str
    groups: tuple[str, ...] = ()
    """Names of the groups it is in."""
    os: str | None = None
    dns_label: str | None = None


class Resources:
    """Resources by address; the longest prefix wins, and of two with the same the first. Immutable."""

    def __init__(self, found: Iterable[tuple[str, Resource]] = ()) -> None:
        by_length: dict[int, dict[int, Resource]] = {}
        for cidr, resource in found:
            network = ipaddress.ip_network(cidr)
            length, first = network.prefixlen, int(network.network_address)
            if network.version == 4:
                length, first = length + _MAPPED_BITS, first | 0xFFFF << 32
            by_length.setdefault(length, {}).setdefault(first >> 128 - length, resource)
        self._tables = [(128 - length, by_length[length]) for length in sorted(by_length, reverse=True)]

    def __bool__(self) -> bool:
        return bool(self._tables)

    def at(self, address: bytes) -> Resource | None:
        """The resource that has this address (16 bytes, IPv4 mapped)."""
        whole = int.from_bytes(address, "big")
        for shift, table in self._tables:
            found = table.get(whole >> shift)
            if found is not None:
                return found
        return None


NO_RESOURCES = Resources()
"""Of an organisation without networks."""
