"""Groups of peers and resources."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ConflictError, InvalidError, UnusableError
from meshtrail.control import checks
from meshtrail.control.database import Database
from meshtrail.control.ids import new_id
from meshtrail.control.inventory import ALL, Policy, Settings
from meshtrail.control.limits import GROUPS_MAX, MEMBERS_MAX
from meshtrail.control.tables import (
    enrolment_keys,
    group_peers,
    group_resources,
    groups,
    organisations,
    peers,
    policies,
    resources,
    routers,
    settings,
)


def add_built_in_groups(transaction: Connection, now: int) -> None:
    """Give the group `All` to every organisation that has none."""
    have = select(groups.c.org_id).where(groups.c.built_in)
    for org_id in transaction.execute(select(organisations.c.id).where(organisations.c.id.not_in(have))).scalars().all():
        transaction.execute(insert(groups).values(org_id=org_id, id=new_id(now), name=ALL, built_in=True, created_at=now))


def add_to_groups(transaction: Connection, org_id: str, peer_id: str, ids: Iterable[str]) -> None:
    """Put a peer into groups, those that are still there."""
    found = select(groups.c.id).where(groups.c.org_id == org_id, groups.c.id.in_(list(ids)), groups.c.built_in.is_(False))
    for group_id in transaction.execute(found).scalars().all():
        transaction.execute(insert(group_peers).values(org_id=org_id, group_id=group_id, peer_id=peer_id))


def set_groups_of_resource(transaction: Connection, org_id: str, resource_id: str, ids: Iterable[str]) -> None:
    """A resource is in these groups and no others."""
    wanted = checks.few(ids, GROUPS_MAX, "groups")
    checks.known(transaction, groups, org_id, wanted, "groups")
    refuse_built_in(transaction, org_id, wanted, "groups")
    mine = (group_resources.c.org_id == org_id) & (group_resources.c.resource_id == resource_id)
    transaction.execute(delete(group_resources).where(mine))
    for group_id in wanted:
        transaction.execute(insert(group_resources).values(org_id=org_id, group_id=group_id, resource_id=resource_id))


def refuse_built_in(transaction: Connection, org_id: str, ids: Iterable[str], field: str) -> None:
    """None of these is the built-in group."""
    query = select(groups.c.id).where(groups.c.org_id == org_id, groups.c.built_in, groups.c.id.in_(list(ids)))
    if transaction.execute(query).first() is not None:
        raise UnusableError(f"{field}: the group {ALL} cannot be chosen here: it holds every peer, and nothing else.")


class Groups:
    """Changes groups. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, org_id: str, name: str, members: Iterable[str] = (), things: Iterable[str] = ()) -> str:
        """Make a group of peers (`members`) and resources (`things`); returns its id."""
        with self._database.change(org_id) as transaction:
            checks.room(transaction, groups, org_id, GROUPS_MAX, "groups")
            identifier, now = new_id(self._clock()), self._clock()
            named = _free_name(transaction, org_id, name, identifier)
            transaction.execute(insert(groups).values(org_id=org_id, id=identifier, name=named, built_in=False, created_at=now))
            _fill(transaction, org_id, identifier, members, things)
        return identifier

    def update(
        self, org_id: str, identifier: str, name: str, members: Iterable[str] | None = None, things: Iterable[str] | None = None
    ) -> None:
        """Replace name, peers and resources; None leaves the peers, or the resources, as they are."""
        with self._database.change(org_id) as transaction:
            _own(transaction, org_id, identifier)
            named = _free_name(transaction, org_id, name, identifier)
            transaction.execute(update(groups).where(groups.c.org_id == org_id, groups.c.id == identifier).values(name=named))
            _fill(transaction, org_id, identifier, members, things)

    def delete(self, org_id: str, identifier: str) -> None:
        """Delete a group; `InvalidError` while a policy, key, router or the settings name it."""
        with self._database.change(org_id) as transaction:
            _own(transaction, org_id, identifier)
            user = _user_of(transaction, org_id, identifier)
            if user is not None:
                raise InvalidError(f"The group is used by {user}.", "Take it out there first.")
            for table in (group_peers, group_resources):
                transaction.execute(delete(table).where(table.c.org_id == org_id, table.c.group_id == identifier))
            transaction.execute(delete(groups).where(groups.c.org_id == org_id, groups.c.id == identifier))


def _own(transaction: Connection, org_id: str, identifier: str) -> None:
    found = transaction.execute(select(groups).where(groups.c.org_id == org_id, groups.c.id == identifier)).first()
    if checks.there(found, "group", identifier).built_in:
        raise UnusableError(f"id: the group {ALL} is built in and cannot be changed.")


def _free_name(transaction: Connection, org_id: str, name: str, identifier: str) -> str:
    named = checks.name(name)
    query = select(groups.c.id).where(groups.c.org_id == org_id, groups.c.name == named, groups.c.id != identifier)
    if transaction.execute(query).first() is not None:
        raise ConflictError(f"name: there is a group {named!r} already.")
    return named


def _fill(
    transaction: Connection, org_id: str, identifier: str, members: Iterable[str] | None, things: Iterable[str] | None
) -> None:  # fmt: skip
    if members is not None:
        wanted = checks.few(members, MEMBERS_MAX, "peers")
        checks.known(transaction, peers, org_id, wanted, "peers")
        _replace(transaction, group_peers, org_id, identifier, "peer_id", wanted)
    if things is not None:
        wanted = checks.few(things, MEMBERS_MAX, "resources")
        checks.known(transaction, resources, org_id, wanted, "resources")
        _replace(transaction, group_resources, org_id, identifier, "resource_id", wanted)


def _replace(transaction: Connection, table: Table, org_id: str, group_id: str, column: str, ids: tuple[str, ...]) -> None:
    transaction.execute(delete(table).where(table.c.org_id == org_id, table.c.group_id == group_id))
    rows: list[dict[str, Any]] = [{"org_id": org_id, "group_id": group_id, column: each} for each in ids]
    if rows:
        transaction.execute(insert(table), rows)


def _user_of(transaction: Connection, org_id: str, group_id: str) -> str | None:
    """Who names the group, for people; None when nobody does."""
    for row in transaction.execute(select(policies.c.document).where(policies.c.org_id == org_id)):
        policy = msgspec.json.decode(row.document, type=Policy)
        if any(group_id in rule.sources or group_id in rule.destinations for rule in policy.rules):
            return f"the policy {policy.name!r}"
    for row in transaction.execute(select(enrolment_keys).where(enrolment_keys.c.org_id == org_id)):
        if group_id in msgspec.json.decode(row.auto_groups):
            return f"the enrolment key {row.name!r}"
    for row in transaction.execute(select(routers).where(routers.c.org_id == org_id)):
        if group_id in msgspec.json.decode(row.peer_groups):
            return f"the router {row.id}"
    document = transaction.execute(select(settings.c.document).where(settings.c.org_id == org_id)).scalar()
    if document is not None and group_id in msgspec.json.decode(document, type=Settings).network_traffic_logs_groups:
        return "the settings (network_traffic_logs_groups)"
    return None
