"""Saved views: what a list shows, under a name, for its owner or for everybody of the organisation.

The owner is whoever asked: a user, or a token of the organisation. Who may not read a list does not see its views either; who has
the right to share may also change and delete what others have shared. Private views go with their owner, shared ones stay.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ConflictError, ForbiddenError, UnusableError
from meshtrail.control import checks
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.ids import new_id
from meshtrail.control.limits import VIEW_NAME_CHARACTERS_MAX, VIEW_QUERY_CHARACTERS_MAX, VIEWS_PER_USER_MAX, VIEWS_SHARED_MAX
from meshtrail.control.permissions import Permission
from meshtrail.control.tables import users, views
from meshtrail.model.activities import Activity


class Listing(StrEnum):
    """The lists that have views; the words are the lists' addresses."""

    traffic = "traffic"
    connections = "connections"
    audit = "audit"


READING = {
    Listing.traffic: Permission.traffic_read, Listing.connections: Permission.traffic_read, Listing.audit: Permission.audit_read,
}  # fmt: skip
"""The right without which a list's views are not there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a view can be changed."""

    name: str
    query: str
    """The query string of the list's address: filters, window of time, columns."""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A saved view. Times in microseconds."""

    id: str
    family: Listing
    owner_id: str
    owner_name: str | None
    """None when the owner is gone, or a token."""
    shown: Shown
    created_at: int
    updated_at: int


class Views:
    """Makes, changes and deletes views. Thread-safe; every call is one transaction. `rights` are those of who asks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, by: Actor, rights: frozenset[Permission], family: Listing, shown: Shown) -> str:
        """Make a view; returns its id. `ConflictError` when the owner has one of this name for the list."""
        _refuse_without(rights, READING[family])
        wanted = _checked(shown)
        if wanted.shared:
            _refuse_without(rights, Permission.views_share)
        now = self._clock()
        identifier = new_id(now)
        with self._database.change(by.org_id) as transaction:
            _check_free(transaction, by.org_id, by.id, family, wanted.name)
            _check_room(transaction, views.c.owner_id == by.id, by.org_id, VIEWS_PER_USER_MAX, "views")
            if wanted.shared:
                _check_shared_room(transaction, by.org_id)
            values = {"id": identifier, "owner_id": by.id, "family": family.value, "created_at": now, "updated_at": now}
            transaction.execute(insert(views).values(org_id=by.org_id, **values, **asdict(wanted)))
            after = {"family": family.value, **asdict(wanted)}
            record(transaction, by, Activity.view_create, Target(identifier, wanted.name), after=after)
        return identifier

    def list(self, by: Actor, rights: frozenset[Permission], families: Iterable[Listing] = Listing) -> "list[View]":
        """One's own and the shared ones of these lists, by name; none of a list that one may not read."""
        query = _query(by, rights).where(views.c.family.in_([family.value for family in families]))
        with self._database.read() as transaction:
            found = [_view(row) for row in transaction.execute(query)]
        return sorted(found, key=lambda view: (view.shown.name.casefold(), view.id))

    def get(self, by: Actor, rights: frozenset[Permission], identifier: str) -> View:
        """One view; `NotFoundError` when there is no such one that the asker may see."""
        with self._database.read() as transaction:
            return _found(transaction, by, rights, identifier)

    def update(self, by: Actor, rights: frozenset[Permission], identifier: str, shown: Shown) -> None:
        """Replace what of a view can be changed."""
        wanted = _checked(shown)
        with self._database.change(by.org_id) as transaction:
            view = _found(transaction, by, rights, identifier)
            _check_change(by, rights, view, wanted)
            if wanted == view.shown:
                return
            if wanted.name != view.shown.name:
                _check_free(transaction, by.org_id, view.owner_id, view.family, wanted.name)
            if wanted.shared and not view.shown.shared:
                _check_shared_room(transaction, by.org_id)
            transaction.execute(update(views).where(_this(by.org_id, identifier)).values(updated_at=self._clock(), **asdict(wanted)))
            before, after = difference(asdict(view.shown), asdict(wanted))
            record(transaction, by, Activity.view_update, Target(identifier, wanted.name), before=before, after=after)

    def delete(self, by: Actor, rights: frozenset[Permission], identifier: str) -> None:
        """Delete one's own view, or a shared one with the right to share."""
        with self._database.change(by.org_id) as transaction:
            view = _found(transaction, by, rights, identifier)
            if view.owner_id != by.id:
                _refuse_without(rights, Permission.views_share)
            transaction.execute(delete(views).where(_this(by.org_id, identifier)))
            before = {"family": view.family.value, **asdict(view.shown)}
            record(transaction, by, Activity.view_delete, Target(identifier, view.shown.name), before=before)


def forget_private(transaction: Connection, org_id: str, owner_id: str) -> None:
    """Delete the private views of somebody who is deleted; the shared ones stay."""
    transaction.execute(delete(views).where(views.c.org_id == org_id, views.c.owner_id == owner_id, views.c.shared.is_(False)))


def _query(by: Actor, rights: frozenset[Permission]) -> Select[Any]:
    readable = [family.value for family, right in READING.items() if right in rights]
    owner = (users.c.org_id == views.c.org_id) & (users.c.id == views.c.owner_id)
    return (
        select(views, users.c.name.label("owner_name"))
        .select_from(views.outerjoin(users, owner))
        .where(views.c.org_id == by.org_id, views.c.family.in_(readable), (views.c.owner_id == by.id) | views.c.shared.is_(True))
    )


def _view(row: AnyRow) -> View:
    shown = Shown(row.name, row.query, row.shared)
    return View(row.id, Listing(row.family), row.owner_id, row.owner_name, shown, row.created_at, row.updated_at)


def _found(transaction: Connection, by: Actor, rights: frozenset[Permission], identifier: str) -> View:
    row = transaction.execute(_query(by, rights).where(views.c.id == identifier)).first()
    return _view(checks.there(row, "view", identifier))


def _check_change(by: Actor, rights: frozenset[Permission], view: View, wanted: Shown) -> None:
    mine = view.owner_id == by.id
    if wanted.shared or not mine:
        _refuse_without(rights, Permission.views_share)
    if not (mine or wanted.shared):
        raise UnusableError("shared: only who made a view can take it back.", "Delete it, or leave it shared.")


def _refuse_without(rights: frozenset[Permission], needed: Permission) -> None:
    if needed not in rights:
        raise ForbiddenError(f"This needs the right {needed}.", "Use a token that has it, or ask for another role.")


def _check_free(transaction: Connection, org_id: str, owner_id: str, family: Listing, name: str) -> None:
    same = (views.c.owner_id == owner_id) & (views.c.family == family.value) & (views.c.name == name)
    if transaction.execute(select(views.c.id).where(views.c.org_id == org_id, same)).first() is not None:
        raise ConflictError(f"name: there is a view {name!r} of this list already.", "Choose another name, or change that view.")


def _check_shared_room(transaction: Connection, org_id: str) -> None:
    _check_room(transaction, views.c.shared.is_(True), org_id, VIEWS_SHARED_MAX, "shared views")


def _check_room(transaction: Connection, which: ColumnElement[bool], org_id: str, most: int, what: str) -> None:
    count = transaction.execute(select(func.count()).select_from(views).where(views.c.org_id == org_id, which)).scalar() or 0
    if count >= most:
        raise UnusableError(f"{what}: there are {count}, more are not possible.", "Delete some.")


def _checked(shown: Shown) -> Shown:
    if len(shown.query) > VIEW_QUERY_CHARACTERS_MAX:
        raise UnusableError(f"query: it has {len(shown.query)} characters, at most {VIEW_QUERY_CHARACTERS_MAX} are possible.")
    return replace(shown, name=checks.name(shown.name, characters_max=VIEW_NAME_CHARACTERS_MAX))


def _this(org_id: str, identifier: str) -> ColumnElement[bool]:
    return (views.c.org_id == org_id) & (views.c.id == identifier)
