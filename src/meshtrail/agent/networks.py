"""Sets of networks that packed addresses are looked up in. Pure."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

REMEMBERED = 65_536
"""Addresses whose answer is remembered: a machine talks to fewer at a time."""

Network = IPv4Network | IPv6Network


class Networks:
    """Some networks, IPv4 and IPv6."""

    def __init__(self, networks: Iterable[Network | str] = ()) -> None:
        """ValueError for a text that is no network."""
        self._networks = tuple(ipaddress.ip_network(each, strict=False) if isinstance(each, str) else each for each in networks)
        self.covers = lru_cache(REMEMBERED)(self._covers)
        """Whether a packed address lies in one of them."""

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _covers(self, packed: bytes) -> bool:
        address = ipaddress.ip_address(packed)
        return any(address in each for each in self._networks if each.version == address.version)


@lru_cache(REMEMBERED)
def is_public(packed: bytes) -> bool:
    """Whether a packed address can be reached from anywhere (IANA special-purpose registries)."""
    return ipaddress.ip_address(packed).is_global
