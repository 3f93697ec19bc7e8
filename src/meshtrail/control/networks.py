"""Networks behind routing peers: what stands in them, and who leads into them."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import UnusableError
from meshtrail.control import checks, members
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.groups import leave_groups, set_groups_of_resource
from meshtrail.control.ids import new_id
from meshtrail.control.inventory import Router
from meshtrail.control.limits import NETWORKS_MAX, REFERENCES_MAX, RESOURCES_MAX, ROUTERS_MAX
from meshtrail.control.tables import groups, networks, peers, resources, routers
from meshtrail.model.activities import Activity

_METRIC_MAX = 9_999


class Networks:
    """Changes networks, resources and routers. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, by: Actor, name: str, description: str | None = None) -> str:
        """Make a network; returns its id."""
        with self._database.change(by.org_id) as transaction:
            checks.room(transaction, networks, by.org_id, NETWORKS_MAX, "networks")
            now = self._clock()
            identifier = new_id(now)
            values = {"name": checks.name(name), "description": checks.description(description)}
            transaction.execute(insert(networks).values(org_id=by.org_id, id=identifier, created_at=now, **values))
            record(
                transaction, by, Activity.network_create, Target(identifier, values["name"]), after=values, meta={"name": values["name"]}
            )
        return identifier

    def update(self, by: Actor, identifier: str, name: str, description: str | None = None) -> None:
        """Replace name and description."""
        with self._database.change(by.org_id) as transaction:
            old = _row(transaction, networks, by.org_id, identifier)
            values = {"name": checks.name(name), "description": checks.description(description)}
            before, after = difference({"name": old.name, "description": old.description}, values)
            if not after:
                return
            this = (networks.c.org_id == by.org_id) & (networks.c.id == identifier)
            transaction.execute(update(networks).where(this).values(**values))
            target = Target(identifier, values["name"])
            record(transaction, by, Activity.network_update, target, before=before, after=after, meta={"name": values["name"]})

    def delete(self, by: Actor, identifier: str) -> None:
        """Delete a network with its resources and routers."""
        with self._database.change(by.org_id) as transaction:
            network = _row(transaction, networks, by.org_id, identifier)
            for table, remove in ((resources, _remove_resource), (routers, _remove_router)):
                inside = select(table).where(table.c.org_id == by.org_id, table.c.network_id == identifier).order_by(table.c.id)
                for row in transaction.execute(inside).all():
                    remove(transaction, by, network, row)
            transaction.execute(delete(networks).where(networks.c.org_id == by.org_id, networks.c.id == identifier))
            before = {"name": network.name, "description": network.description, "default_action": network.default_action}
            record(transaction, by, Activity.network_delete, Target(identifier, network.name), before=before, meta={"name": network.name})

    def create_resource(
        self, by: Actor, network_id: str, name: str, address: str, in_groups: Iterable[str], description: str | None = None,
        *, enabled: bool = True,
    ) -> str:  # fmt: skip
        """Make a resource; its type follows from its address. Returns its id."""
        with self._database.change(by.org_id) as transaction:
            network = _row(transaction, networks, by.org_id, network_id)
            checks.room(transaction, resources, by.org_id, RESOURCES_MAX, "resources")
            now = self._clock()
            identifier = new_id(now)
            values = _resource_values(name, address, description, enabled=enabled)
            transaction.execute(insert(resources).values(org_id=by.org_id, id=identifier, network_id=network_id, created_at=now, **values))
            _tell_resource(transaction, by, Activity.network_resource_create, network, identifier, None, values)
            set_groups_of_resource(transaction, by, identifier, in_groups)
        return identifier

    def update_resource(
        self, by: Actor, network_id: str, identifier: str, name: str, address: str, in_groups: Iterable[str],
        description: str | None = None, *, enabled: bool = True,
    ) -> None:  # fmt: skip
        """Replace a resource."""
        with self._database.change(by.org_id) as transaction:
            network, old = _row_inside(transaction, resources, by.org_id, network_id, identifier)
            values = _resource_values(name, address, description, enabled=enabled)
            known = _fields(old, values)
            if values != known:
                this = _inside(resources, by.org_id, network_id, identifier)
                transaction.execute(update(resources).where(this).values(**values))
                _tell_resource(transaction, by, Activity.network_resource_update, network, identifier, known, values)
            set_groups_of_resource(transaction, by, identifier, in_groups)

    def delete_resource(self, by: Actor, network_id: str, identifier: str) -> None:
        """Delete a resource; it leaves its groups."""
        with self._database.change(by.org_id) as transaction:
            network, old = _row_inside(transaction, resources, by.org_id, network_id, identifier)
            _remove_resource(transaction, by, network, old)

    def create_router(self, by: Actor, wanted: Router) -> str:
        """Make a router in `wanted.network_id`; returns its id, which is given here."""
        with self._database.change(by.org_id) as transaction:
            network = _row(transaction, networks, by.org_id, wanted.network_id)
            checks.room(transaction, routers, by.org_id, ROUTERS_MAX, "routers")
            now = self._clock()
            identifier = new_id(now)
            values = _router_values(transaction, by.org_id, wanted)
            transaction.execute(
                insert(routers).values(org_id=by.org_id, id=identifier, network_id=wanted.network_id, created_at=now, **values)
            )
            _tell_router(transaction, by, Activity.network_router_create, network, identifier, None, values)
        return identifier

    def update_router(self, by: Actor, wanted: Router) -> None:
        """Replace the router of this id and network."""
        with self._database.change(by.org_id) as transaction:
            network, old = _row_inside(transaction, routers, by.org_id, wanted.network_id, wanted.id)
            values = _router_values(transaction, by.org_id, wanted)
            known = _fields(old, values)
            if values != known:
                this = _inside(routers, by.org_id, wanted.network_id, wanted.id)
                transaction.execute(update(routers).where(this).values(**values))
                _tell_router(transaction, by, Activity.network_router_update, network, wanted.id, known, values)

    def delete_router(self, by: Actor, network_id: str, identifier: str) -> None:
        """Delete a router."""
        with self._database.change(by.org_id) as transaction:
            network, old = _row_inside(transaction, routers, by.org_id, network_id, identifier)
            _remove_router(transaction, by, network, old)


def remove_routers_of(transaction: Connection, by: Actor, peer_id: str) -> None:
    """Delete the routers that are this peer."""
    query = select(routers).where(routers.c.org_id == by.org_id, routers.c.peer_id == peer_id).order_by(routers.c.id)
    for router in transaction.execute(query).all():
        _remove_router(transaction, by, _row(transaction, networks, by.org_id, router.network_id), router)


def _row(transaction: Connection, table: Table, org_id: str, identifier: str) -> AnyRow:
    row = transaction.execute(select(table).where(table.c.org_id == org_id, table.c.id == identifier)).first()
    return checks.there(row, table.name.removesuffix("s"), identifier)


def _row_inside(transaction: Connection, table: Table, org_id: str, network_id: str, identifier: str) -> tuple[AnyRow, AnyRow]:
    """The network, and what stands in it."""
    row = transaction.execute(select(table).where(_inside(table, org_id, network_id, identifier))).first()
    found = checks.there(row, table.name.removesuffix("s"), identifier)
    return _row(transaction, networks, org_id, network_id), found


def _inside(table: Table, org_id: str, network_id: str, identifier: str) -> ColumnElement[bool]:
    return (table.c.org_id == org_id) & (table.c.network_id == network_id) & (table.c.id == identifier)


def _fields(row: AnyRow, names: Iterable[str]) -> dict[str, Any]:
    """What of a row can be changed."""
    return {name: getattr(row, name) for name in names}


def _remove_resource(transaction: Connection, by: Actor, network: AnyRow, row: AnyRow) -> None:
    leave_groups(transaction, by, members.RESOURCES, row.id)
    transaction.execute(delete(resources).where(_inside(resources, by.org_id, network.id, row.id)))
    _tell_resource(transaction, by, Activity.network_resource_delete, network, row.id, _fields(row, _RESOURCE_FIELDS), None)


def _remove_router(transaction: Connection, by: Actor, network: AnyRow, row: AnyRow) -> None:
    transaction.execute(delete(routers).where(_inside(routers, by.org_id, network.id, row.id)))
    _tell_router(transaction, by, Activity.network_router_delete, network, row.id, _fields(row, _ROUTER_FIELDS), None)


def _tell_resource(
    transaction: Connection, by: Actor, activity: Activity, network: AnyRow, identifier: str, old: dict[str, Any] | None,
    new: dict[str, Any] | None,
) -> None:  # fmt: skip
    now: dict[str, Any] = new or old or {}
    before, after = difference(old, new)
    meta = {"name": now["name"], "type": now["type"], "network_name": network.name, "network_id": network.id}
    record(transaction, by, activity, Target(identifier, now["name"]), before=before, after=after, meta=meta)


def _tell_router(
    transaction: Connection, by: Actor, activity: Activity, network: AnyRow, identifier: str, old: dict[str, Any] | None,
    new: dict[str, Any] | None,
) -> None:  # fmt: skip
    before, after = difference(_readable(old), _readable(new))
    now: dict[str, Any] = _readable(new) or _readable(old) or {}
    meta = {"network_name": network.name, "network_id": network.id, "peer": now["peer_id"] or "", "peer_groups": now["peer_groups"]}
    record(transaction, by, activity, Target(identifier, network.name), before=before, after=after, meta=meta)


def _readable(router: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if router is None else {**router, "peer_groups": msgspec.json.decode(router["peer_groups"])}


_RESOURCE_FIELDS = ("name", "description", "type", "address", "enabled")
_ROUTER_FIELDS = ("peer_id", "peer_groups", "metric", "masquerade", "enabled")


def _resource_values(name: str, address: str, description: str | None, *, enabled: bool) -> dict[str, Any]:
    kind, kept = checks.resource_address(address)
    return {
        "name": checks.name(name), "description": checks.description(description), "type": kind.value, "address": kept,
        "enabled": enabled,
    }  # fmt: skip


def _router_values(transaction: Connection, org_id: str, wanted: Router) -> dict[str, Any]:
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
