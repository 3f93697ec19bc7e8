"""Who should report connections: as far as the server knows who reports at all, who is told to, and who routes."""

from collections.abc import Iterator, Mapping

from meshtrail.control.inventory import Router, Snapshot
from meshtrail.store.connections import Expected

_NOBODY: frozenset[str] = frozenset()


def expected(snapshot: Snapshot, known: Mapping[str, int]) -> Expected:
    """Of the known reporters (id and since when), those whom the settings of this moment let report; and the routing peers of each
    resource. Settings of an earlier moment are not looked up: while a peer is told to be silent, its silence is no finding."""
    told = _told(snapshot)
    reporters = {each: since for each, since in known.items() if each in told or each not in snapshot.peers}
    of_network: dict[str, dict[str, str]] = {}
    for router in snapshot.routers.values():
        if router.enabled:
            names = {each: snapshot.peers[each].name for each in _routing_peers(snapshot, router)}
            of_network.setdefault(router.network_id, {}).update(names)
    routers = {
        each.id: of_network[each.network_id] for each in snapshot.resources.values() if each.enabled and each.network_id in of_network
    }
    return Expected(reporters, routers)


def _told(snapshot: Snapshot) -> frozenset[str]:
    """Peers that are to report."""
    settings = snapshot.settings
    if not settings.network_traffic_logs_enabled:
        return _NOBODY
    groups = settings.network_traffic_logs_groups
    return frozenset(snapshot.peers) if not groups else _NOBODY.union(*(snapshot.members.get(group, _NOBODY) for group in groups))


def _routing_peers(snapshot: Snapshot, router: Router) -> Iterator[str]:
    if router.peer:
        yield from {router.peer} & snapshot.peers.keys()
    for group in () if router.peer else router.peer_groups:
        yield from snapshot.members.get(group, _NOBODY)
