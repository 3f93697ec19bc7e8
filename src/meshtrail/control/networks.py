"""Networks behind routing peers: what stands in them, and who leads into them."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import UnusableError
from meshtrail.control import checks
from meshtrail.control.database import Database
from meshtrail.control.groups import set_groups_of_resource
from meshtrail.control.ids import new_id
from meshtrail.control.inventory import Router
from meshtrail.control.limits import NETWORKS_MAX, REFERENCES_MAX, RESOURCES_MAX, ROUTERS_MAX
from meshtrail.control.tables import group_resources, groups, networks, peers, resources, routers

_METRIC_MAX = 9_999


class Networks:
    """Changes networks, resources and routers. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, org_id: str, name: str, description: str | None = None) -> str:
        """Make a network; returns its id."""
        with self._database.change(org_id) as transaction:
            checks.room(transaction, networks, org_id, NETWORKS_MAX, "networks")
            now = self._clock()
            identifier = new_id(now)
            values = {"name": checks.name(name), "description": checks.description(description)}
            transaction.execute(insert(networks).values(org_id=org_id, id=identifier, created_at=now, **values))
        return identifier

    def update(self, org_id: str, identifier: str, name: str, description: str | None = None) -> None:
        """Replace name and description."""
        with self._database.change(org_id) as transaction:
            values = {"name": checks.name(name), "description": checks.description(description)}
            done = transaction.execute(update(networks).where(networks.c.org_id == org_id, networks.c.id == identifier).values(**values))
            checks.there(done.rowcount, "network", identifier)

    def delete(self, org_id: str, identifier: str) -> None:
        """Delete a network with its resources and routers."""
        with self._database.change(org_id) as transaction:
            _there(transaction, networks, org_id, identifier)
            inside = select(resources.c.id).where(resources.c.org_id == org_id, resources.c.network_id == identifier)
            mine = (group_resources.c.org_id == org_id) & group_resources.c.resource_id.in_(inside)
            transaction.execute(delete(group_resources).where(mine))
            for table in (resources, routers):
                transaction.execute(delete(table).where(table.c.org_id == org_id, table.c.network_id == identifier))
            transaction.execute(delete(networks).where(networks.c.org_id == org_id, networks.c.id == identifier))

    def create_resource(
        self, org_id: str, network_id: str, name: str, address: str, in_groups: Iterable[str], description: str | None = None,
        *, enabled: bool = True,
    ) -> str:  # fmt: skip
        """Make a resource; its type follows from its address. Returns its id."""
        with self._database.change(org_id) as transaction:
            _there(transaction, networks, org_id, network_id)
            checks.room(transaction, resources, org_id, RESOURCES_MAX, "resources")
            now = self._clock()
            identifier = new_id(now)
            values = _resource_values(name, address, description, enabled=enabled)
            transaction.execute(insert(resources).values(org_id=org_id, id=identifier, network_id=network_id, created_at=now, **values))
            set_groups_of_resource(transaction, org_id, identifier, in_groups)
        return identifier

    def update_resource(
        self, org_id: str, network_id: str, identifier: str, name: str, address: str, in_groups: Iterable[str],
        description: str | None = None, *, enabled: bool = True,
    ) -> None:  # fmt: skip
        """Replace a resource."""
        with self._database.change(org_id) as transaction:
            this = _inside(resources, org_id, network_id, identifier)
            done = transaction.execute(
                update(resources).where(this).values(**_resource_values(name, address, description, enabled=enabled))
            )
            checks.there(done.rowcount, "resource", identifier)
            set_groups_of_resource(transaction, org_id, identifier, in_groups)

    def delete_resource(self, org_id: str, network_id: str, identifier: str) -> None:
        """Delete a resource; it leaves its groups."""
        with self._database.change(org_id) as transaction:
            done = transaction.execute(delete(resources).where(_inside(resources, org_id, network_id, identifier)))
            checks.there(done.rowcount, "resource", identifier)
            mine = (group_resources.c.org_id == org_id) & (group_resources.c.resource_id == identifier)
            transaction.execute(delete(group_resources).where(mine))

    def create_router(self, org_id: str, wanted: Router) -> str:
        """Make a router in `wanted.network_id`; returns its id, which is given here."""
        with self._database.change(org_id) as transaction:
            _there(transaction, networks, org_id, wanted.network_id)
            checks.room(transaction, routers, org_id, ROUTERS_MAX, "routers")
            now = self._clock()
            identifier = new_id(now)
            values = _router_values(transaction, org_id, wanted)
            transaction.execute(
                insert(routers).values(org_id=org_id, id=identifier, network_id=wanted.network_id, created_at=now, **values)
            )
        return identifier

    def update_router(self, org_id: str, wanted: Router) -> None:
        """Replace the router of this id and network."""
        with self._database.change(org_id) as transaction:
            _there(transaction, routers, org_id, wanted.id)
            this = _inside(routers, org_id, wanted.network_id, wanted.id)
            done = transaction.execute(update(routers).where(this).values(**_router_values(transaction, org_id, wanted)))
            checks.there(done.rowcount, "router", wanted.id)

    def delete_router(self, org_id: str, network_id: str, identifier: str) -> None:
        """Delete a router."""
        with self._database.change(org_id) as transaction:
            done = transaction.execute(delete(routers).where(_inside(routers, org_id, network_id, identifier)))
            checks.there(done.rowcount, "router", identifier)


def _there(transaction: Connection, table: Table, org_id: str, identifier: str) -> None:
    row = transaction.execute(select(table.c.id).where(table.c.org_id == org_id, table.c.id == identifier)).first()
    checks.there(row, table.name.removesuffix("s"), identifier)


def _inside(table: Table, org_id: str, network_id: str, identifier: str) -> ColumnElement[bool]:
    return (table.c.org_id == org_id) & (table.c.network_id == network_id) & (table.c.id == identifier)


def _resource_values(name: str, address: str, description: str | None, *, enabled: bool) -> dict[str, object]:
    kind, kept = checks.resource_address(address)
    return {
        "name": checks.name(name), "description": checks.description(description), "type": kind.value, "address": kept,
        "enabled": enabled,
    }  # fmt: skip


def _router_values(transaction: Connection, org_id: str, wanted: Router) -> dict[str, object]:
    if bool(wanted.peer) == bool(wanted.peer_groups):
        raise UnusableError("peer: exactly one of peer and peer_groups is needed.")
    if wanted.peer:
        checks.known(transaction, peers, org_id, [wanted.peer], "peer")
    in_groups = checks.few(wanted.peer_groups, REFERENCES_MAX, "peer_groups")
    checks.known(transaction, groups, org_id, in_groups, "peer_groups")
    return {
        "peer_id": wanted.peer or None, "peer_groups": msgspec.json.encode(in_groups).decode(),
        "metric": checks.number(wanted.metric, 1, _METRIC_MAX, "metric"), "masquerade": wanted.masquerade,
        "enabled": wanted.enabled,
    }  # fmt: skip
