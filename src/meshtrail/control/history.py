"""The past of an organisation: what it had at any moment.

Each change of the inventory is a revision. At the end of its transaction the rows that it may have touched are compared, in the
database, with their last known forms: what is gone or different is closed, what is new or different gets a row. No mutator has
to know of it, and none can forget it.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, insert, literal, select, update

from meshtrail.common.clock import Clock, wall_clock
from meshtrail.control.audit import CLOCK_OPTION
from meshtrail.control.history_tables import KEPT, OPEN, Kept, revisions
from meshtrail.control.tables import organisations, peers
from meshtrail.control.touched import Touched


class Revision(NamedTuple):
    """A revision that changed the inventory, and when (microseconds)."""

    number: int
    at: int


def keep(transaction: Connection, org_id: str, revision: int, written: Touched) -> None:
    """Note how the inventory differs from what is known of it, where it was written to; everywhere when nothing is known."""
    clock: Clock = transaction.get_execution_options().get(CLOCK_OPTION, wall_clock)
    now = clock()
    last = transaction.execute(select(func.max(revisions.c.at)).where(revisions.c.org_id == org_id)).scalar()
    concerned = KEPT if last is None else [kept for kept in KEPT if kept.live in written]
    if not concerned:
        return
    scope = Touched() if last is None else written
    changed = sum(
        _close(transaction, kept, org_id, revision, scope) + _open(transaction, kept, org_id, revision, scope) for kept in concerned
    )
    if changed or last is None:
        transaction.execute(insert(revisions).values(org_id=org_id, revision=revision, at=max(now, last or now)))


def begin(transaction: Connection) -> None:
    """Begin the history of organisations that have none: those of an older release."""
    known = select(revisions.c.org_id).where(revisions.c.org_id == organisations.c.id)
    for row in transaction.execute(select(organisations).where(~exists(known))).all():
        keep(transaction, row.id, row.revision, Touched())


def revision_at(transaction: Connection, org_id: str, at: int) -> Revision | None:
    """The last revision until a moment; None: what was then is not known."""
    query = select(revisions.c.revision, revisions.c.at).where(revisions.c.org_id == org_id, revisions.c.at <= at)
    row = transaction.execute(query.order_by(revisions.c.at.desc(), revisions.c.revision.desc()).limit(1)).first()
    return None if row is None else Revision(row.revision, row.at)


def last_revision(transaction: Connection, org_id: str, until: int | None = None) -> Revision | None:
    """The last revision, or the last one until one of this number."""
    query = select(revisions.c.revision, revisions.c.at).where(revisions.c.org_id == org_id)
    if until is not None:
        query = query.where(revisions.c.revision <= until)
    row = transaction.execute(query.order_by(revisions.c.revision.desc()).limit(1)).first()
    return None if row is None else Revision(row.revision, row.at)


def revisions_between(transaction: Connection, org_id: str, first: int, last: int, most: int) -> list[Revision]:
    """Revisions after `first` until `last`, oldest first; the newest `most` of them."""
    mine = (revisions.c.org_id == org_id) & (revisions.c.at > first) & (revisions.c.at <= last)
    query = select(revisions.c.revision, revisions.c.at).where(mine)
    rows = transaction.execute(query.order_by(revisions.c.at.desc(), revisions.c.revision.desc()).limit(most)).all()
    return [Revision(row.revision, row.at) for row in reversed(rows)]


def in_force(past: Table, org_id: str, revision: int) -> ColumnElement[bool]:
    """The forms that were in force at a revision."""
    return (past.c.org_id == org_id) & (past.c.until_revision > revision) & (past.c.from_revision <= revision)


def _close(transaction: Connection, kept: Kept, org_id: str, revision: int, scope: Touched) -> int:
    past, live = kept.past, kept.live
    same = [past.c[name] == live.c[name] for name in kept.key]
    same += [past.c[name].is_not_distinct_from(live.c[name]) for name in kept.content]
    gone = ~exists(select(literal(1)).select_from(live).where(and_(*same, *_there(kept))))
    mine = [past.c.org_id == org_id, past.c.until_revision == OPEN, *_within(scope, past, live)]
    return transaction.execute(update(past).where(*mine, gone).values(until_revision=revision)).rowcount


def _open(transaction: Connection, kept: Kept, org_id: str, revision: int, scope: Touched) -> int:
    past, live = kept.past, kept.live
    same = [past.c[name] == live.c[name] for name in kept.key]
    known = exists(select(literal(1)).select_from(past).where(and_(*same, past.c.until_revision == OPEN)))
    columns = [live.c[name] for name in kept.columns]
    mine = [live.c.org_id == org_id, *_within(scope, live, live), *_there(kept)]
    found = select(*columns, literal(revision), literal(OPEN)).where(*mine, ~known)
    made = insert(past).from_select([*kept.columns, "from_revision", "until_revision"], found)
    return transaction.execute(made.execution_options(preserve_rowcount=True)).rowcount


def _within(scope: Touched, table: Table, live: Table) -> list[ColumnElement[bool]]:
    condition = scope.within(table, live)
    return [] if condition is None else [condition]


def _there(kept: Kept) -> list[ColumnElement[bool]]:
    """Removed peers stay in their table."""
    return [peers.c.removed_at.is_(None)] if kept.live is peers else []
