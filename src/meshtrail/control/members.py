"""Who comes into a group and who leaves it, each with its event."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, Table, delete, insert, select

from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, record
from meshtrail.control.database import AnyRow
from meshtrail.control.limits import MEMBER_EVENTS_MAX, MEMBERS_PER_EVENT_MAX
from meshtrail.control.tables import group_peers, group_resources, groups, peers, resources
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.activities import Activity

_IDS_PER_STATEMENT = 500
"""SQLite takes some thousands of parameters, PostgreSQL as many."""

_FACTS = msgspec.json.Decoder(Facts)


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be in a group."""

    table: Table
    column: str
    things: Table
    added: Activity
    removed: Activity


PEERS = Kind(group_peers, "peer_id", peers, Activity.peer_group_add, Activity.peer_group_delete)
RESOURCES = Kind(group_resources, "resource_id", resources, Activity.resource_group_add, Activity.resource_group_delete)


def groups_of(transaction: Connection, org_id: str, kind: Kind, member: str) -> list[str]:
    """Ids of the groups that a peer, or a resource, is in."""
    table = kind.table
    query = select(table.c.group_id).where(table.c.org_id == org_id, table.c[kind.column] == member)
    return list(transaction.execute(query.order_by(table.c.group_id)).scalars())


def replace(transaction: Connection, by: Actor, kind: Kind, group_id: str, wanted: Sequence[str]) -> None:
    """These are in the group and no others; only what differs is written."""
    table = kind.table
    query = select(table.c[kind.column]).where(table.c.org_id == by.org_id, table.c.group_id == group_id)
    before = list(transaction.execute(query.order_by(table.c[kind.column])).scalars())
    known, kept = set(before), set(wanted)
    change(
        transaction, by, kind, group_id,
        add=[each for each in wanted if each not in known], remove=[each for each in before if each not in kept],
    )  # fmt: skip


def change(
    transaction: Connection, by: Actor, kind: Kind, group_id: str, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> None:  # fmt: skip
    """Put some in who are not in, take some out who are."""
    table, org_id = kind.table, by.org_id
    for part in _parts(remove, _IDS_PER_STATEMENT):
        mine = (table.c.org_id == org_id) & (table.c.group_id == group_id)
        transaction.execute(delete(table).where(mine, table.c[kind.column].in_(part)))
    if add:
        transaction.execute(insert(table), [{"org_id": org_id, "group_id": group_id, kind.column: each} for each in add])
    if add or remove:
        name = transaction.execute(select(groups.c.name).where(groups.c.org_id == org_id, groups.c.id == group_id)).scalar() or ""
        _tell(transaction, by, kind, Target(group_id, name), add, remove)


def _tell(transaction: Connection, by: Actor, kind: Kind, group: Target, add: Sequence[str], remove: Sequence[str]) -> None:
    """An event for each member; for very many, events with their ids."""
    if len(add) + len(remove) > MEMBER_EVENTS_MAX:
        for activity_side, ids in (("before", remove), ("after", add)):
            for part in _parts(ids, MEMBERS_PER_EVENT_MAX):
                sides = {"before": {}, "after": {}, activity_side: {kind.things.name: part}}
                record(transaction, by, Activity.group_peers_update, group, before=sides["before"], after=sides["after"])
        return
    rows = _rows(transaction, by.org_id, kind, [*remove, *add])
    for activity, ids in ((kind.removed, remove), (kind.added, add)):
        side = "before" if activity is kind.removed else "after"
        for identifier in ids:
            _tell_one(transaction, by, kind, group, activity, side, identifier, rows.get(identifier))


def _tell_one(
    transaction: Connection, by: Actor, kind: Kind, group: Target, activity: Activity, side: str, identifier: str, row: AnyRow | None
) -> None:  # fmt: skip
    sides = {"before": {}, "after": {}, side: {"group": group.id}}
    if kind is PEERS:
        meta: dict[str, object] = {"group": group.name, "group_id": group.id, **_peer(row)}
        target = Target(identifier, None if row is None else row.name)
    else:
        sides[side] = {"resource": identifier}
        meta = {"name": group.name, "id": group.id, "resource_id": identifier}
        if row is not None:
            meta |= {"resource_name": row.name, "resource_type": row.type}
        target = group
    record(transaction, by, activity, target, before=sides["before"], after=sides["after"], meta=meta)


def _peer(row: AnyRow | None) -> dict[str, str]:
    if row is None:
        return {}
    facts = _FACTS.decode(row.facts)
    found = {"peer_ip": facts.addresses[0] if facts.addresses else "", "peer_fqdn": facts.dns_label or ""}
    return {name: value for name, value in found.items() if value}


def _rows(transaction: Connection, org_id: str, kind: Kind, ids: Iterable[str]) -> dict[str, AnyRow]:
    table = kind.things
    query = select(table).where(table.c.org_id == org_id, table.c.id.in_(list(ids)))
    return {row.id: row for row in transaction.execute(query)}


def _parts(ids: Sequence[str], size: int) -> list[list[str]]:
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]
