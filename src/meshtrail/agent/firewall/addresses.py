"""Networks of rules, apart by address family and without overlaps. Pure."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Resolved = Mapping[str, Iterable[Address]]
"""The addresses of domain names; a name that is not in it has none."""


class Networks(NamedTuple):
    """Networks of both families, sorted, none within another."""

    v4: tuple[IPv4Network, ...] = ()
    v6: tuple[IPv6Network, ...] = ()

    def holds(self, address: Address) -> bool:
        """Whether an address lies in one of them."""
        if isinstance(address, IPv4Address):
            return any(address in each for each in self.v4)
        return any(address in each for each in self.v6)


def parse(text: str) -> IPv4Network | IPv6Network:
    """A network in CIDR notation, or an address; bits below the prefix are ignored. `ValueError` for anything else."""
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, which no rule can match")
    return ip_network(text, strict=False)


def networks(texts: Iterable[str], addresses: Iterable[Address] = ()) -> Networks:
    """All networks and addresses together. `ValueError` names the text that is no network."""
    v4: list[IPv4Network] = []
    v6: list[IPv6Network] = []
    for each in (*map(parse, texts), *map(ip_network, addresses)):
        (v4 if isinstance(each, IPv4Network) else v6).append(each)  # type: ignore[arg-type]
    return Networks(tuple(collapse_addresses(v4)), tuple(collapse_addresses(v6)))


class Places:
    """Turns the addresses of many rules into networks, each collection once."""

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], Networks] = {}

    def sources(self, texts: tuple[str, ...]) -> Networks:
        """Where connections come from; none: from nowhere."""
        return self._networks(texts, ())

    def destinations(self, texts: tuple[str, ...], domains: tuple[str, ...]) -> Networks | None:
        """Where they go; None: anywhere, because nothing is said. Names without addresses are nowhere."""
        if not texts and not domains:
            return None
        return self._networks(texts, domains)

    def _networks(self, texts: tuple[str, ...], domains: tuple[str, ...]) -> Networks:
        key = (texts, domains)
        if key not in self._known:
            self._known[key] = networks(texts, (address for name in domains for address in self._resolved.get(name, ())))
        return self._known[key]
