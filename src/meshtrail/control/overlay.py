"""Which peer has which address of the overlay.

An address counts as a peer's when the peer says it has it, it lies in the organisation's ranges, and no other peer said so
before: a machine cannot take another's rights by naming its address.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Addresses = tuple[str, ...]
"""Networks of one address each (CIDR)."""


class Claim(NamedTuple):
    """Who says that an address is its own, and since when (microseconds)."""

    since: int
    peer_id: str


def overlay_addresses(claims: Mapping[str, Mapping[str, int]], ranges: Sequence[str]) -> dict[str, Addresses]:
    """Each peer's addresses, IPv4 first. `claims`: since when each peer says it has which address."""
    networks = [ipaddress.ip_network(each) for each in ranges]
    holders: dict[str, Claim] = {}
    for peer_id, addresses in claims.items():
        for text, since in addresses.items():
            address = ipaddress.ip_address(text)
            if any(address.version == network.version and address in network for network in networks):
                claim, place = Claim(since, peer_id), f"{address}/{address.max_prefixlen}"
                holders[place] = min(holders.get(place, claim), claim)
    found: dict[str, list[str]] = {peer_id: [] for peer_id in claims}
    for place, claim in holders.items():
        found[claim.peer_id].append(place)
    return {peer_id: tuple(in_order(places)) for peer_id, places in found.items()}


def in_order(networks: Iterable[str]) -> list[str]:
    """IPv4 before IPv6, and by number."""

    def key(text: str) -> tuple[int, int]:
        address = ipaddress.ip_address(text.partition("/")[0])
        return address.version, int(address)

    return sorted(networks, key=key)
