"""The inventories in memory: read from the store when something has changed, shared by all who ask."""

import threading
from collections import OrderedDict

import msgspec
from sqlalchemy import Connection, Table, select

from meshtrail.control.database import AnyRow, Database
from meshtrail.control.inventory import Group, Network, PeerRecord, Policy, Resource, Router, Snapshot
from meshtrail.control.limits import SNAPSHOTS_MAX
from meshtrail.control.settings import read_settings
from meshtrail.control.tables import group_peers, group_resources, groups, networks, peers, policies, resources, routers
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.network_map import Action, ResourceType

_FACTS = msgspec.json.Decoder(Facts)
_CLAIMS = msgspec.json.Decoder(dict[str, int])
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_POLICY = msgspec.json.Decoder(Policy)


class Snapshots:
    """Snapshots by organisation. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, Snapshot]] = OrderedDict()

    def get(self, org_id: str) -> Snapshot:
        """The organisation as it is now; empty when there is no such one."""
        with self._lock:
            found = self._kept.get(org_id)
            generation = self._database.changes.generation(org_id)
            if found is not None and found[0] == generation:
                return found[1]
            with self._database.read() as transaction:
                snapshot = _read(transaction, org_id, found[1] if found is not None else None)
            self._kept[org_id] = generation, snapshot
            self._kept.move_to_end(org_id)
            if len(self._kept) > SNAPSHOTS_MAX:
                self._kept.popitem(last=False)
            return snapshot


def _rows(transaction: Connection, table: Table, org_id: str) -> list[AnyRow]:
    order = (table.c.created_at, table.c.id) if "created_at" in table.c else tuple(table.primary_key.columns)
    return list(transaction.execute(select(table).where(table.c.org_id == org_id).order_by(*order)).all())


def _read(transaction: Connection, org_id: str, before: Snapshot | None) -> Snapshot:
    return Snapshot(
        org_id,
        read_settings(transaction, org_id),
        _machines(transaction, org_id, before),
        _groups(transaction, org_id),
        {row.id: _policy(row, before) for row in _rows(transaction, policies, org_id)},
        {row.id: _network(row) for row in _rows(transaction, networks, org_id)},
        {row.id: _resource(row) for row in _rows(transaction, resources, org_id)},
        {row.id: _router(row) for row in _rows(transaction, routers, org_id)},
    )


def _machines(transaction: Connection, org_id: str, before: Snapshot | None) -> dict[str, PeerRecord]:
    query = select(peers.c.id, peers.c.name, peers.c.facts, peers.c.claims, peers.c.enrolled_at)
    query = query.where(peers.c.org_id == org_id, peers.c.removed_at.is_(None)).order_by(peers.c.seen_at, peers.c.id)
    known = before.machines if before is not None else {}
    return {row.id: _machine(row, known.get(row.id)) for row in transaction.execute(query)}


def _machine(row: AnyRow, before: PeerRecord | None) -> PeerRecord:
    """The machine; the record of before when it says the same, which spares reading it."""
    source = (row.name, row.facts, row.claims, row.enrolled_at)
    if before is not None and before.source == source:
        return before
    facts = _FACTS.decode(row.facts)
    return PeerRecord(row.id, row.name or facts.name, facts, row.enrolled_at, _CLAIMS.decode(row.claims or "{}"), source)


def _groups(transaction: Connection, org_id: str) -> dict[str, Group]:
    members: dict[str, list[str]] = {}
    things: dict[str, list[str]] = {}
    for row in _rows(transaction, group_peers, org_id):
        members.setdefault(row.group_id, []).append(row.peer_id)
    for row in _rows(transaction, group_resources, org_id):
        things.setdefault(row.group_id, []).append(row.resource_id)
    return {
        row.id: Group(row.id, row.name, row.built_in, tuple(members.get(row.id, ())), tuple(things.get(row.id, ())))
        for row in _rows(transaction, groups, org_id)
    }


def _policy(row: AnyRow, before: Snapshot | None) -> Policy:
    known = before.policies.get(row.id) if before is not None else None
    return known if known is not None and known.version == row.version else _POLICY.decode(row.document)


def _network(row: AnyRow) -> Network:
    return Network(row.id, row.name, row.description, None if row.default_action is None else Action(row.default_action))


def _resource(row: AnyRow) -> Resource:
    return Resource(
        id=row.id, network_id=row.network_id, name=row.name, description=row.description, type=ResourceType(row.type),
        address=row.address, enabled=row.enabled,
    )  # fmt: skip


def _router(row: AnyRow) -> Router:
    return Router(
        id=row.id, network_id=row.network_id, peer=row.peer_id, peer_groups=_TEXTS.decode(row.peer_groups), metric=row.metric,
        masquerade=row.masquerade, enabled=row.enabled,
    )  # fmt: skip
