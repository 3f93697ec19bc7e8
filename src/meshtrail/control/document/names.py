"""Names and ids of an organisation, each to the other."""

import difflib
from collections.abc import Iterable, Mapping

from meshtrail.control.document.places import unusable
from meshtrail.control.inventory import Resource, Snapshot


class Names:
    """One kind of thing: which name means which id, and how an id is written in the document. A name that several have means
    none of them: their ids are written instead."""

    def __init__(self, what: str, names: Iterable[tuple[str, str]]) -> None:
        """`what` they are, for people; ids with their names."""
        self._what = what
        self._names: dict[str, str] = {}
        self._ids: dict[str, list[str]] = {}
        for identifier, name in names:
            self.add(identifier, name)

    def add(self, identifier: str, name: str) -> None:
        """There is one more, or it has another name from now on."""
        old = self._names.get(identifier)
        if old is not None:
            self._ids[old].remove(identifier)
        self._names[identifier] = name
        self._ids.setdefault(name, []).append(identifier)

    def shown(self, identifier: str) -> str:
        """How the thing is written."""
        name = self._names.get(identifier, identifier)
        return name if len(self._ids.get(name, ())) == 1 and name not in self._names else identifier

    def unique(self, name: str) -> bool:
        """Whether the name alone says which."""
        return len(self._ids.get(name, ())) == 1

    def id_of(self, written: str, place: str) -> str:
        """The id of what is written at a place; `UnusableError` when nothing or more than one thing is."""
        if written in self._names:
            return written
        found = self._ids.get(written, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise unusable(place, f"there are {len(found)} {self._what}s {written[:60]!r}.", f"Write the id: {' or '.join(found[:3])}.")
        close = difflib.get_close_matches(written, [name for name, ids in self._ids.items() if ids], 1)
        raise unusable(place, f"there is no {self._what} {written[:60]!r}.", f"Did you mean {close[0]!r}?" if close else "")

    def ids_of(self, written: Iterable[str], place: str) -> tuple[str, ...]:
        """The ids of a list, once each."""
        return tuple(dict.fromkeys(self.id_of(each, f"{place}[{position}]") for position, each in enumerate(written)))

    def all_shown(self, ids: Iterable[str]) -> tuple[str, ...]:
        """How a list of which the order means nothing is written."""
        return tuple(sorted({self.shown(each) for each in ids}))


class Everything:
    """The names of an organisation."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.groups = Names("group", ((group.id, group.name) for group in snapshot.groups.values()))
        self.peers = Names("peer", ((peer.id, peer.name) for peer in snapshot.peers.values()))
        self.networks = Names("network", ((network.id, network.name) for network in snapshot.networks.values()))
        self.policies = Names("policy", ((policy.id, policy.name) for policy in snapshot.policies.values()))
        self.resources = Resources({network.id: network.name for network in snapshot.networks.values()}, snapshot.resources.values())


class Resources:
    """Resources are known by their name, or by `network/name`."""

    def __init__(self, networks: Mapping[str, str], resources: Iterable[Resource]) -> None:
        """Names of networks by id, and what is in them."""
        self._short = Names("resource", ())
        self._full = Names("resource", ())
        self.types: dict[str, str] = {}
        """`host`, `subnet` or `domain`, by id."""
        for each in resources:
            self.add(each.id, networks.get(each.network_id, each.network_id), each.name, each.type.value)

    def add(self, identifier: str, network: str, name: str, kind: str) -> None:
        """There is one more, or it has another name or type from now on."""
        self._short.add(identifier, name)
        self._full.add(identifier, f"{network}/{name}")
        self.types[identifier] = kind

    def shown(self, identifier: str) -> str:
        """How the resource is written: with its network, since others may get its name."""
        return self._full.shown(identifier)

    def id_of(self, written: str, place: str) -> str:
        """See `Names.id_of`."""
        return (self._short if self._short.unique(written) else self._full).id_of(written, place)
