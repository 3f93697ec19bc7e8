"""Access to the relational store: reads see one moment, writes come one after another, changes are numbered and told."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Update, select, update
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from meshtrail.common.clock import Clock, wall_clock
from meshtrail.common.errors import NotFoundError, OutdatedError, UnavailableError, UnusableError
from meshtrail.control import metrics
from meshtrail.control.audit import CLOCK_OPTION
from meshtrail.control.backend import Backend, Turn
from meshtrail.control.changes import Changes
from meshtrail.control.history import keep
from meshtrail.control.migrations import migrate, migrated
from meshtrail.control.places import Place, backend_of
from meshtrail.control.tables import organisations
from meshtrail.control.touched import touched

AnyRow = Row[*tuple[Any, ...]]

_UNHEARD = frozenset({"idempotency_keys", "organisations", "outbox", "views"})
"""Tables that nothing depends on which somebody waits for: to write to them wakes no agent."""

_LOG = logging.getLogger(__name__)


class Expected(NamedTuple):
    """What the next change of an organisation relies on."""

    org_id: str
    revision: int


EXPECTED_REVISION: ContextVar[Expected | None] = ContextVar("meshtrail_expected_revision", default=None)
"""Set by who has looked at a revision: changes of the organisation in this context fail when it is no longer the newest."""


class _Joined(NamedTuple):
    org_id: str
    transaction: Connection


class _Together(threading.local):
    """The transaction that changes of this thread join."""

    joined: _Joined | None = None


class Database:
    """One SQLite file, or one PostgreSQL database. Thread-safe. `UnavailableError` from any transaction when the database is away,
    too busy or out of space: nothing of the transaction has happened then, unless the connection was lost at its very end."""

    def __init__(self, place: Place, changes: Changes, clock: Clock = wall_clock) -> None:
        self.place = place
        self.changes = changes
        self._clock = clock
        self.backend: Backend = backend_of(place, {CLOCK_OPTION: clock})
        self._revisions: dict[str, int] = {}
        self._together = _Together()

    def open(self) -> None:
        """Open the database and bring its tables to this release's version."""
        self.backend.open()
        try:
            self._migrate()
        except BaseException:
            self.backend.close()
            raise

    def _migrate(self) -> None:
        try:
            with self.backend.reading() as transaction:
                current = migrated(transaction, self.backend.shown)
            if not current:
                with self.backend.migrating() as transaction:
                    migrate(transaction, self.backend.shown)
        except (OperationalError, InterfaceError) as error:
            raise UnavailableError(
                f"The control store {self.backend.shown} cannot be opened: {error.orig}", "See that it is there and lets us in."
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self.backend.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        with _translated(), self.backend.reading() as transaction:
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other write comes between; afterwards it is on disk."""
        with _translated(), self.backend.writing(Turn.alone) as transaction:
            yield transaction
        self.changes.wrote()

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """A write that a power failure may undo, which therefore costs no wait for the disk: signs of life, and serials that
        the agents know better. It may come between other writes, so it must not touch what they decide on."""
        with _translated(), self.backend.writing(Turn.note) as transaction:
            yield transaction

    def note_aside(self, statement: Update) -> None:
        """A note that is left out, and counted, when the database has no time for it: what it is written beside goes on."""
        with suppress(UnavailableError), self.note() as transaction:
            transaction.execute(statement)

    @contextmanager
    def change(self, org_id: str) -> Iterator[Connection]:
        """A write that changes what the organisation has: no other of it comes between, it gets a new revision, what it had
        before stays known, and those who wait for a change are woken when it is durable, unless it concerns none of them.
        `NotFoundError` without such an organisation. Inside `together` of the same organisation and thread, it is part of that."""
        joined = self._together.joined
        if joined is not None and joined.org_id == org_id:
            yield joined.transaction
            return
        with _translated(), self.backend.writing(Turn.organisation) as transaction, touched(transaction) as written:
            grown = update(organisations).where(organisations.c.id == org_id).values(revision=organisations.c.revision + 1)
            revision = transaction.execute(grown.returning(organisations.c.revision)).scalar()
            if revision is None:
                raise NotFoundError(f"There is no organisation {org_id}.")
            _check_expected(org_id, revision - 1)
            yield transaction
            heard = not written.tables <= _UNHEARD
            keep(transaction, org_id, revision, written)
            if heard:
                self.backend.tell(transaction, org_id, revision)
        self._revisions[org_id] = max(revision, self._revisions.get(org_id, 0))
        if heard:
            self.changes.announce(org_id)
        else:
            self.changes.wrote()

    @contextmanager
    def together(self, org_id: str) -> Iterator[Connection]:
        """The changes that this thread makes inside are one: one revision, and all of them or none. Other transactions that the
        thread begins meanwhile are not part of it."""
        with self.change(org_id) as transaction:
            before, self._together.joined = self._together.joined, _Joined(org_id, transaction)
            try:
                yield transaction
            finally:
                self._together.joined = before

    def check(self) -> None:
        """`UnavailableError` when the database does not answer."""
        with self.read() as transaction:
            transaction.execute(select(1)).all()

    def revision(self, org_id: str) -> int:
        """The organisation's revision; what this process remembers of it is no older afterwards. 0 when there is no such one."""
        with self.read() as transaction:
            found = transaction.execute(select(organisations.c.revision).where(organisations.c.id == org_id)).scalar() or 0
        self.heard(org_id, found)
        return found

    def heard(self, org_id: str, revision: int) -> None:
        """Announce the change that led to this revision, unless it was known."""
        if self._revisions.get(org_id, -1) < revision:
            self._revisions[org_id] = revision
            self.changes.announce(org_id)

    def announce_foreign(self) -> None:
        """Announce what other processes changed since the last time."""
        with self.read() as transaction:
            found = transaction.execute(select(organisations.c.id, organisations.c.revision)).all()
        for row in found:
            if self._revisions.get(row.id) != row.revision:
                self._revisions[row.id] = row.revision
                self.changes.announce(row.id)


def _check_expected(org_id: str, revision: int) -> None:
    expected = EXPECTED_REVISION.get()
    if expected is not None and expected.org_id == org_id and expected.revision != revision:
        raise OutdatedError("Something of the organisation was changed at the same moment.", "Read again, and decide again.")


@contextmanager
def _translated() -> Iterator[None]:
    """Failures of the database in words for those who ask. What it said in detail is for the log: it may name hosts and users."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        metrics.STORE_FAILED.inc()
        _LOG.warning("the control store failed: %s", error if isinstance(error, PoolTimeoutError) else error.orig)
        raise UnavailableError("The control store does not answer, or is too busy.", "Try again in a moment.") from error
    except DataError as error:
        raise UnusableError("A value does not fit the control store: it is too long, too large or holds a zero byte.") from error
