"""The section `networks`, with resources and routers."""

import msgspec
from msgspec import UNSET

from meshtrail.control.checks import resource_address
from meshtrail.control.document.entries import NetworkEntry, ResourceEntry, RouterEntry, known_by
from meshtrail.control.document.matching import matched
from meshtrail.control.document.places import at
from meshtrail.control.document.work import Work, items, number
from meshtrail.control.inventory import Router
from meshtrail.model.network_map import Action


def apply_networks(work: Work, entries: tuple[NetworkEntry, ...]) -> None:
    """Networks, each followed by what is in it."""
    known = work.export.networks()
    found = matched(entries, known, "networks")
    work.leave_out("network", known, found, lambda each: work.stores.networks.delete(work.by, each))
    for entry, (place, identifier) in zip(entries, found, strict=True):
        old = known.get(identifier or "")
        wanted = work.merge.network(entry, old)
        network = identifier or ""
        if work.changes("network", place, old, wanted, wanted.name):
            with at(place):
                network = _save(work, identifier, old, wanted)
        work.names.networks.add(network, wanted.name)
        if entry.resources is not UNSET:
            _apply_resources(work, network, wanted.name, entry.resources, f"{place}.resources")
        if entry.routers is not UNSET:
            _apply_routers(work, network, wanted.name, entry.routers, f"{place}.routers")


def _save(work: Work, identifier: str | None, old: NetworkEntry | None, wanted: NetworkEntry) -> str:
    store, text = work.stores.networks, str(wanted.description)
    if identifier is None:
        saved = store.create(work.by, wanted.name, text)
    else:
        store.update(work.by, identifier, wanted.name, text)
        saved = identifier
    if wanted.default_action != (old.default_action if old is not None else ""):
        work.stores.settings.update(work.by, {}, {saved: Action(wanted.default_action) if wanted.default_action else None})
    return saved


def _apply_resources(work: Work, network: str, network_name: str, entries: tuple[ResourceEntry, ...], section: str) -> None:
    known = work.export.resources(network)
    found = matched(entries, known, section)
    for entry, (place, identifier) in zip(entries, found, strict=True):
        old = known.get(identifier or "")
        wanted = work.merge.resource(entry, old, place)
        saved = identifier or ""
        if work.changes("resource", place, old, wanted, f"{network_name}/{wanted.name}"):
            with at(place):
                saved = _save_resource(work, network, identifier, wanted)
        work.names.resources.add(saved, network_name, wanted.name, resource_address(str(wanted.address))[0].value)
    work.leave_out("resource", known, found, lambda each: work.stores.networks.delete_resource(work.by, network, each))


def _save_resource(work: Work, network: str, identifier: str | None, wanted: ResourceEntry) -> str:
    store, enabled = work.stores.networks, bool(wanted.enabled)
    values = (wanted.name, str(wanted.address), work.names.groups.ids_of(items(wanted.groups), "groups"), str(wanted.description))
    if identifier is None:
        return store.create_resource(work.by, network, *values, enabled=enabled)
    store.update_resource(work.by, network, identifier, *values, enabled=enabled)
    return identifier


def _apply_routers(work: Work, network: str, network_name: str, entries: tuple[RouterEntry, ...], section: str) -> None:
    known = work.export.routers(network)
    written = tuple(
        msgspec.structs.replace(entry, **work.merge.router_end(entry, f"{section}[{position}]")) for position, entry in enumerate(entries)
    )
    found = matched(written, known, section)
    for entry, (place, identifier) in zip(written, found, strict=True):
        old = known.get(identifier or "")
        wanted = work.merge.router(entry, old, place)
        if work.changes("router", place, old, wanted, f"{network_name} through {known_by(wanted)}"):
            with at(place):
                _save_router(work, network, identifier, wanted)
    work.leave_out("router", known, found, lambda each: work.stores.networks.delete_router(work.by, network, each))


def _save_router(work: Work, network: str, identifier: str | None, wanted: RouterEntry) -> None:
    router = Router(
        id=identifier or "", network_id=network, metric=number(wanted.metric), masquerade=bool(wanted.masquerade),
        enabled=bool(wanted.enabled), peer=work.names.peers.id_of(wanted.peer, "peer") if wanted.peer else None,
        peer_groups=work.names.groups.ids_of(wanted.peer_groups, "peer_groups"),
    )  # fmt: skip
    if identifier is None:
        work.stores.networks.create_router(work.by, router)
    else:
        work.stores.networks.update_router(work.by, router)
