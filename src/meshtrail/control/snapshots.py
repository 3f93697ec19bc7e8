"""The inventories in memory: read from the store when something has changed, shared by all who ask. Those of the past are read
when they are asked for."""

import threading
from collections import OrderedDict

import msgspec
from sqlalchemy import Connection, Table, select

from meshtrail.control.database import AnyRow, Database
from meshtrail.control.history import Revision, in_force, last_revision, revision_at, revisions_between
from meshtrail.control.history_tables import PAST
from meshtrail.control.inventory import Group, Network, PeerRecord, Policy, Resource, Router, Settings, Snapshot
from meshtrail.control.limits import SNAPSHOTS_MAX
from meshtrail.control.tables import (
    group_peers,
    group_resources,
    groups,
    networks,
    peers,
    policies,
    policy_versions,
    resources,
    routers,
    settings,
)
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

    def inside(self, transaction: Connection, org_id: str) -> Snapshot:
        """The organisation as a transaction sees it, whatever is remembered."""
        with self._lock:
            found = self._kept.get(org_id)
        return _read(transaction, org_id, found[1] if found is not None else None)

    def revision(self, org_id: str, at: int) -> Revision | None:
        """The revision that was in force at a moment (microseconds); None: nothing is known of it."""
        with self._database.read() as transaction:
            return revision_at(transaction, org_id, at)

    def revisions(self, org_id: str, first: int, last: int, most: int) -> list[Revision]:
        """The revision in force at a moment, and those after it until another moment; the newest `most` of them."""
        with self._database.read() as transaction:
            later = revisions_between(transaction, org_id, first, last, most)
            before = revision_at(transaction, org_id, first) if len(later) < most else None
            return [*([before] if before is not None else []), *later]

    def at(self, org_id: str, revision: int) -> Snapshot:
        """The organisation as it was at a revision."""
        with self._lock:
            found = self._kept.get(org_id)
        with self._database.read() as transaction:
            return _read(transaction, org_id, found[1] if found is not None else None, revision)


def _rows(transaction: Connection, table: Table, org_id: str, revision: int | None) -> list[AnyRow]:
    """Rows of the present (None), or of a revision."""
    source = table if revision is None else PAST[table.name]
    order = (source.c.created_at, source.c.id) if "created_at" in source.c else tuple(source.primary_key.columns)
    wanted = source.c.org_id == org_id if revision is None else in_force(source, org_id, revision)
    return list(transaction.execute(select(source).where(wanted).order_by(*order)).all())


def _read(transaction: Connection, org_id: str, before: Snapshot | None, revision: int | None = None) -> Snapshot:
    return Snapshot(
        org_id,
        _settings(transaction, org_id, revision),
        _machines(transaction, org_id, before, revision),
        _groups(transaction, org_id, revision),
        _policies(transaction, org_id, before, revision),
        {row.id: _network(row) for row in _rows(transaction, networks, org_id, revision)},
        {row.id: _resource(row) for row in _rows(transaction, resources, org_id, revision)},
        {row.id: _router(row) for row in _rows(transaction, routers, org_id, revision)},
        last_revision(transaction, org_id, revision),
    )


def _settings(transaction: Connection, org_id: str, revision: int | None) -> Settings:
    rows = _rows(transaction, settings, org_id, revision)
    return msgspec.json.decode(rows[0].document, type=Settings) if rows else Settings()


def _machines(transaction: Connection, org_id: str, before: Snapshot | None, revision: int | None) -> dict[str, PeerRecord]:
    known = before.machines if before is not None else {}
    if revision is not None:
        return {row.id: _machine(row, known.get(row.id)) for row in _rows(transaction, peers, org_id, revision)}
    query = select(peers.c.id, peers.c.name, peers.c.facts, peers.c.claims, peers.c.enrolled_at)
    query = query.where(peers.c.org_id == org_id, peers.c.removed_at.is_(None)).order_by(peers.c.seen_at, peers.c.id)
    return {row.id: _machine(row, known.get(row.id)) for row in transaction.execute(query)}


def _machine(row: AnyRow, before: PeerRecord | None) -> PeerRecord:
    """The machine; the record of before when it says the same, which spares reading it."""
    source = (row.name, row.facts, row.claims, row.enrolled_at)
    if before is not None and before.source == source:
        return before
    facts = _FACTS.decode(row.facts)
    return PeerRecord(row.id, row.name or facts.name, facts, row.enrolled_at, _CLAIMS.decode(row.claims or "{}"), source)


def _groups(transaction: Connection, org_id: str, revision: int | None) -> dict[str, Group]:
    members: dict[str, list[str]] = {}
    things: dict[str, list[str]] = {}
    for row in _rows(transaction, group_peers, org_id, revision):
        members.setdefault(row.group_id, []).append(row.peer_id)
    for row in _rows(transaction, group_resources, org_id, revision):
        things.setdefault(row.group_id, []).append(row.resource_id)
    return {
        row.id: Group(row.id, row.name, row.built_in, tuple(members.get(row.id, ())), tuple(things.get(row.id, ())))
        for row in _rows(transaction, groups, org_id, revision)
    }


def _policies(transaction: Connection, org_id: str, before: Snapshot | None, revision: int | None) -> dict[str, Policy]:
    if revision is None:
        return {row.id: _policy(row, before) for row in _rows(transaction, policies, org_id, None)}
    past = PAST[policies.name]
    same = (policy_versions.c.org_id == past.c.org_id) & (policy_versions.c.policy_id == past.c.id)
    query = select(past.c.id, past.c.version, policy_versions.c.document).where(in_force(past, org_id, revision))
    found = transaction.execute(query.join(policy_versions, same & (policy_versions.c.version == past.c.version)))
    known = sorted((_policy(row, before) for row in found), key=lambda policy: (policy.created_at, policy.id))
    return {policy.id: policy for policy in known}


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
