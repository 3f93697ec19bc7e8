"""Who should report connections: as far as the server knows who reports at all, who was told not to, and who routes."""

from collections.abc import Iterator, Mapping

from meshtrail.control.collection import pauses
from meshtrail.control.inventory import Router, Snapshot
from meshtrail.control.service import Control
from meshtrail.store.connections import Expected, Expecting

_NOBODY: frozenset[str] = frozenset()


def expecting(control: Control, org_id: str, known: Mapping[str, int]) -> Expecting:
    """Asks the control store about the known reporters (id and since when) once the time of the connections is known. Whom the
    settings of that time did not let report is not missed. Routers are those of the present: one that was replaced has reported."""

    def expected(first_us: int, last_us: int) -> Expected:
        routers = routers_of_resources(control.snapshot(org_id))
        return Expected(known, routers, pauses(control.database, org_id, known, first_us, last_us))

    return expected


def routers_of_resources(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Ids and names of the routing peers of each resource."""
    of_network: dict[str, dict[str, str]] = {}
    for router in snapshot.routers.values():
        if router.enabled:
            names = {each: snapshot.peers[each].name for each in _routing_peers(snapshot, router)}
            of_network.setdefault(router.network_id, {}).update(names)
    return {each.id: of_network[each.network_id] for each in snapshot.resources.values() if each.enabled and each.network_id in of_network}


def _routing_peers(snapshot: Snapshot, router: Router) -> Iterator[str]:
    if router.peer:
        yield from {router.peer} & snapshot.peers.keys()
    for group in () if router.peer else router.peer_groups:
        yield from snapshot.members.get(group, _NOBODY)
