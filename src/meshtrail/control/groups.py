"""Groups of peers and resources."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ConflictError, InvalidError, UnusableError
from meshtrail.control import checks, members
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.database import Database
from meshtrail.control.ids import new_id
from meshtrail.control.inventory import ALL, Policy, Settings
from meshtrail.control.limits import GROUPS_MAX, MEMBERS_MAX
from meshtrail.control.tables import enrolment_keys, groups, organisations, policies, routers, settings
from meshtrail.model.activities import Activity


def add_built_in_groups(transaction: Connection, now: int) -> None:
    """Give the group `All` to every organisation that has none."""
    have = select(groups.c.org_id).where(groups.c.built_in)
    for org_id in transaction.execute(select(organisations.c.id).where(organisations.c.id.not_in(have))).scalars().all():
        transaction.execute(insert(groups).values(org_id=org_id, id=new_id(now), name=ALL, built_in=True, created_at=now))


def add_to_groups(transaction: Connection, by: Actor, peer_id: str, ids: Iterable[str]) -> None:
    """Put a peer into groups, those that are still there."""
    found = select(groups.c.id).where(groups.c.org_id == by.org_id, groups.c.id.in_(list(ids)), groups.c.built_in.is_(False))
    for group_id in transaction.execute(found).scalars().all():
        members.change(transaction, by, members.PEERS, group_id, add=[peer_id])


def leave_groups(transaction: Connection, by: Actor, kind: members.Kind, member: str) -> None:
    """Take a peer, or a resource, out of all its groups."""
    for group_id in members.groups_of(transaction, by.org_id, kind, member):
        members.change(transaction, by, kind, group_id, remove=[member])


def set_groups_of_resource(transaction: Connection, by: Actor, resource_id: str, ids: Iterable[str]) -> None:
    """A resource is in these groups and no others."""
    wanted = checks.few(ids, GROUPS_MAX, "groups")
    checks.known(transaction, groups, by.org_id, wanted, "groups")
    refuse_built_in(transaction, by.org_id, wanted, "groups")
    now_in = members.groups_of(transaction, by.org_id, members.RESOURCES, resource_id)
    for group_id in now_in:
        if group_id not in wanted:
            members.change(transaction, by, members.RESOURCES, group_id, remove=[resource_id])
    for group_id in wanted:
        if group_id not in now_in:
            members.change(transaction, by, members.RESOURCES, group_id, add=[resource_id])


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

    def create(self, by: Actor, name: str, peers: Iterable[str] = (), resources: Iterable[str] = ()) -> str:
        """Make a group of peers and resources (ids); returns its id."""
        with self._database.change(by.org_id) as transaction:
            checks.room(transaction, groups, by.org_id, GROUPS_MAX, "groups")
            identifier, now = new_id(self._clock()), self._clock()
            named = _free_name(transaction, by.org_id, name, identifier)
            transaction.execute(insert(groups).values(org_id=by.org_id, id=identifier, name=named, built_in=False, created_at=now))
            record(transaction, by, Activity.group_add, Target(identifier, named), after={"name": named}, meta={"name": named})
            _fill(transaction, by, identifier, peers, resources)
        return identifier

    def update(
        self, by: Actor, identifier: str, name: str, peers: Iterable[str] | None = None, resources: Iterable[str] | None = None
    ) -> None:
        """Replace name, peers and resources; None leaves the peers, or the resources, as they are."""
        with self._database.change(by.org_id) as transaction:
            old = _own(transaction, by.org_id, identifier)
            named = _free_name(transaction, by.org_id, name, identifier)
            if named != old:
                this = (groups.c.org_id == by.org_id) & (groups.c.id == identifier)
                transaction.execute(update(groups).where(this).values(name=named))
                before, after = difference({"name": old}, {"name": named})
                meta = {"old_name": old, "new_name": named}
                record(transaction, by, Activity.group_update, Target(identifier, named), before=before, after=after, meta=meta)
            _fill(transaction, by, identifier, peers, resources)

    def delete(self, by: Actor, identifier: str) -> None:
        """Delete a group; `InvalidError` while a policy, key, router or the settings name it."""
        with self._database.change(by.org_id) as transaction:
            name = _own(transaction, by.org_id, identifier)
            user = _user_of(transaction, by.org_id, identifier)
            if user is not None:
                raise InvalidError(f"The group is used by {user}.", "Take it out there first.")
            _fill(transaction, by, identifier, (), ())
            transaction.execute(delete(groups).where(groups.c.org_id == by.org_id, groups.c.id == identifier))
            record(transaction, by, Activity.group_delete, Target(identifier, name), before={"name": name}, meta={"name": name})


def _own(transaction: Connection, org_id: str, identifier: str) -> str:
    """The name of a group that may be changed."""
    found = transaction.execute(select(groups).where(groups.c.org_id == org_id, groups.c.id == identifier)).first()
    row = checks.there(found, "group", identifier)
    if row.built_in:
        raise UnusableError(f"id: the group {ALL} is built in and cannot be changed.")
    return str(row.name)


def _free_name(transaction: Connection, org_id: str, name: str, identifier: str) -> str:
    named = checks.name(name)
    query = select(groups.c.id).where(groups.c.org_id == org_id, groups.c.name == named, groups.c.id != identifier)
    if transaction.execute(query).first() is not None:
        raise ConflictError(f"name: there is a group {named!r} already.")
    return named


def _fill(
    transaction: Connection, by: Actor, identifier: str, peers: Iterable[str] | None, resources: Iterable[str] | None
) -> None:  # fmt: skip
    for kind, given in ((members.PEERS, peers), (members.RESOURCES, resources)):
        if given is not None:
            wanted = checks.few(given, MEMBERS_MAX, kind.things.name)
            checks.known(transaction, kind.things, by.org_id, wanted, kind.things.name)
            members.replace(transaction, by, kind, identifier, wanted)


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
