"""The two ends of a question about policies: what somebody calls a peer, an address or a resource, found in an inventory. Pure."""

import ipaddress
from dataclasses import dataclass

from meshtrail.common.errors import UnusableError
from meshtrail.control.inventory import PeerRecord, Resource, Snapshot

_SHOWN_CHARACTERS = 60
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class End:
    """A peer, a resource, or an address that is neither's."""

    peer: PeerRecord | None = None
    resource: Resource | None = None
    address: Address | None = None
    """The address that was asked about, or the peer's first one of the family."""


def source(snapshot: Snapshot, text: str) -> End:
    """The end that opens the connection: a peer's id, address or name, or any address."""
    return _peer_or_address(snapshot, text, "source") or _unknown("source", text, "peer")


def destination(snapshot: Snapshot, text: str) -> End:
    """The other end: the same, or a resource's id, name, address or domain."""
    found = _peer_or_address(snapshot, text, "destination")
    return found or _resource(snapshot, text) or _unknown("destination", text, "peer or resource")


def peer(snapshot: Snapshot, text: str, field: str) -> PeerRecord | None:
    """A peer by id or name; `UnusableError` when several have the name."""
    if text in snapshot.peers:
        return snapshot.peers[text]
    named = [each for each in snapshot.peers.values() if each.name == text]
    if len(named) > 1:
        raise UnusableError(
            f"{field}: {len(named)} peers were named {_short(text)}.", f"Choose by id: {_some([each.id for each in named])}."
        )
    return named[0] if named else None


def of_family(snapshot: Snapshot, record: PeerRecord, version: int | None) -> Address | None:
    """A peer's first address in the overlay, of a family (4 or 6) or of any."""
    addresses = (ipaddress.ip_address(network.partition("/")[0]) for network in snapshot.overlay[record.id])
    return next((address for address in addresses if version in {None, address.version}), None)


def _peer_or_address(snapshot: Snapshot, text: str, field: str) -> End | None:
    found = peer(snapshot, text, field)
    if found is not None:
        return End(peer=found)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise UnusableError(f"{field}: {_short(text)} has a zone, which means nothing here.", "Leave out % and what follows.")
        address = address.ipv4_mapped or address
    holder = next((peer_id for peer_id, networks in snapshot.overlay.items() if f"{address}/{address.max_prefixlen}" in networks), None)
    return End(snapshot.peers[holder] if holder is not None else None, None, address)


def _resource(snapshot: Snapshot, text: str) -> End | None:
    if text in snapshot.resources:
        return End(resource=snapshot.resources[text])
    name = text.lower().removesuffix(".")
    named = [each for each in snapshot.resources.values() if each.name == text or _is_at(each, name)]
    if len(named) > 1:
        ids = _some([each.id for each in named])
        raise UnusableError(f"destination: {len(named)} resources are meant by {_short(text)}.", f"Choose by id: {ids}.")
    return End(resource=named[0]) if named else None


def _is_at(resource: Resource, name: str) -> bool:
    """Whether a resource has this address, or is the domain that a name belongs to."""
    address = resource.address.lower()
    return name == address or (address.startswith("*.") and name.endswith(address[1:]))


def _unknown(field: str, text: str, kind: str) -> End:
    raise UnusableError(f"{field}: {_short(text)} was no {kind} at that moment, and it is no address.", "Use an id, an address or a name.")


def _short(text: str) -> str:
    return repr(text[:_SHOWN_CHARACTERS])


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:10])
