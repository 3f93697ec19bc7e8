"""What lies behind routing peers: which resources an address is in, and what each routing peer lets through to it."""

import ipaddress
from collections.abc import Sequence

import numpy as np

from meshtrail.enrich.resolver import bits
from meshtrail.enrich.resolver.limits import PLACE_WORDS_MAX
from meshtrail.enrich.resolver.material import Material, Place

NOT_FORWARDED, NOWHERE = 0, 1
"""Places of addresses in no resource: where nobody is known to have forwarded to them, and where somebody has."""

EVERYBODY, NOTHING = 0, 1
"""The view of who knows of no routing peer in particular: what any of them may have done; and that of a peer that routes nothing."""

_MAPPED_BITS = 96
_BITS = 128


class Places:
    """The places, and how each routing peer sees them: its *view*. Places come first view by view in `rows`."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._tables, chains = _prefixes(material.places)
        domains = [number for number, place in enumerate(material.places) if place.prefix is None]
        self.domains = {material.places[number].id: NOWHERE + 1 + len(chains) + at for at, number in enumerate(domains)}
        """The place of each resource that is a domain, by the resource's id."""
        tables = {_BITS - shift: table for shift, table in self._tables}
        found = {place.id: mapped(place.prefix) for place in material.places if place.prefix is not None}
        self.resources = {**self.domains, **{name: tables[length][first] for name, (length, first) in found.items()}}
        """The place of each resource, by its id."""
        self._chains: list[tuple[int, ...]] = [(), (), *chains, *((number,) for number in domains)]
        self._all_domains = tuple(domains)
        self.count = len(self._chains)
        """Places of one view."""
        self._reached = bits.pack((_flags(rule.resources, len(material.places)) for rule in material.rules), len(material.places))
        views = [frozenset(), *sorted(set(material.routers.values()) - {frozenset()}, key=sorted)]
        if (len(views) + 1) * self.count * self._reached.shape[1] > PLACE_WORDS_MAX:
            views = views[:1]
        numbers = {networks: number for number, networks in enumerate(views, NOTHING)}
        self.views = {peer: numbers.get(networks, EVERYBODY) for peer, networks in material.routers.items()}
        """The view of each routing peer, by its id."""
        seen = [self._everybodys(place) for place in range(self.count)]
        seen += [self._one(networks, place) for networks in views for place in range(self.count)]
        self.rows = np.stack([each[0] for each in seen])
        """Rules that may end at each place."""
        self.defaults, self.ordered, self.doubtful = (np.array([each[at] for each in seen]) for at in (1, 2, 3))
        """Whether what no rule names is let in (1), is not (2), or either (3), or nothing is known (0); whether the first rule decides;
        whether an address there may be another one."""

    def of(self, address: bytes) -> int:
        """The place of an address (16 bytes, IPv4 mapped): that of the longest prefix."""
        whole = int.from_bytes(address, "big")
        for shift, table in self._tables:
            found = table.get(whole >> shift)
            if found is not None:
                return found
        return NOWHERE

    def _one(self, networks: frozenset[int], place: int) -> tuple[np.ndarray, int, bool, bool]:
        """As the routing peer of these networks sees it."""
        visible = [number for number in self._inside(place) if self._material.places[number].network in networks]
        concerned = sorted({self._material.places[number].network for number in visible if place > NOWHERE})
        accepts = self._material.network_accepts[concerned[0]] if concerned else self._material.accepts
        default = 0 if place == NOT_FORWARDED else 1 if accepts else 2
        return self._rows_of(visible), default, self._material.ordered, place <= NOWHERE

    def _everybodys(self, place: int) -> tuple[np.ndarray, int, bool, bool]:
        """As one of the routing peers that know it may see it; where they differ, nothing is certain."""
        inside = self._inside(place)
        networks = {self._material.places[number].network for number in inside}
        views = {routed for routed in self._material.routers.values() if routed & networks}
        if place <= NOWHERE or not views:
            return self._one(frozenset(networks), place)
        seen = [self._one(view, place) for view in views]
        row = np.bitwise_or.reduce([each[0] for each in seen])
        default = int(np.bitwise_or.reduce([each[1] for each in seen]))
        alike = all(np.array_equal(each[0], row) for each in seen)
        return row, default, self._material.ordered and alike, False

    def _inside(self, place: int) -> tuple[int, ...]:
        """Resources at a place. An address in no other resource may be one of any domain."""
        return self._all_domains if place <= NOWHERE else self._chains[place]

    def _rows_of(self, resources: Sequence[int]) -> np.ndarray:
        return np.bitwise_or.reduce(self._reached[list(resources)], axis=0, initial=np.uint64(0))


def _flags(numbers: Sequence[int], size: int) -> np.ndarray:
    flags = np.zeros(size, dtype=bool)
    flags[list(numbers)] = True
    return flags


def _prefixes(places: Sequence[Place]) -> tuple[list[tuple[int, dict[int, int]]], list[tuple[int, ...]]]:
    """Tables from prefixes to places, longest first, and the resources that each place is in: its own and those around it."""
    by_prefix: dict[tuple[int, int], list[int]] = {}
    for number, place in enumerate(places):
        if place.prefix is not None:
            by_prefix.setdefault(mapped(place.prefix), []).append(number)
    tables: dict[int, dict[int, int]] = {}
    chains: list[tuple[int, ...]] = []
    for length, first in sorted(by_prefix):
        around = next(
            (found for shorter in sorted(tables, reverse=True) if (found := tables[shorter].get(first >> length - shorter)) is not None),
            None,
        )
        outer = () if around is None else chains[around - NOWHERE - 1]
        tables.setdefault(length, {})[first] = NOWHERE + 1 + len(chains)
        chains.append((*by_prefix[length, first], *outer))
    return [(_BITS - length, tables[length]) for length in sorted(tables, reverse=True)], chains


def mapped(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int]:
    """Length and value of a prefix in the mapped form of addresses."""
    length, first = network.prefixlen, int(network.network_address)
    if network.version == 4:
        length, first = length + _MAPPED_BITS, first | 0xFFFF << 32
    return length, first >> _BITS - length
