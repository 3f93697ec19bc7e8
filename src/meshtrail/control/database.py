"""Access to the relational store: reads see one moment, writes come one after another, changes are numbered and told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, create_engine, event, select, update

from meshtrail.common.errors import NotFoundError, UnavailableError
from meshtrail.control.changes import Changes
from meshtrail.control.migrations import migrate
from meshtrail.control.tables import organisations

AnyRow = Row[*tuple[Any, ...]]
_WRITES = "meshtrail_writes"


class Database:
    """One SQLite file. Thread-safe."""

    def __init__(self, path: Path, changes: Changes) -> None:
        self.path = path
        self.changes = changes
        self._engine: Engine | None = None
        self._relaxed: Engine | None = None
        self._revisions: dict[str, int] = {}

    def open(self) -> None:
        """Open the file and bring its tables to this release's version."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(self.path, "FULL")
        self._relaxed = _engine(self.path, "NORMAL")
        with self.write() as transaction:
            migrate(transaction, str(self.path))

    def close(self) -> None:
        """Close all connections."""
        for engine in (self._engine, self._relaxed):
            if engine is not None:
                engine.dispose()
        self._engine = self._relaxed = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        with _open(self._engine).connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other write comes between; afterwards it is on disk."""
        with _writing(_open(self._engine)) as transaction:
            yield transaction

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """A write that a power failure may undo, which therefore costs no wait for the disk: signs of life, and serials that
        the agents know better."""
        with _writing(_open(self._relaxed)) as transaction:
            yield transaction

    @contextmanager
    def change(self, org_id: str) -> Iterator[Connection]:
        """A write that changes what the organisation has: it gets a new revision, and those who wait for one are woken when
        it is durable. `NotFoundError` without such an organisation."""
        with self.write() as transaction:
            grown = update(organisations).where(organisations.c.id == org_id).values(revision=organisations.c.revision + 1)
            revision = transaction.execute(grown.returning(organisations.c.revision)).scalar()
            if revision is None:
                raise NotFoundError(f"There is no organisation {org_id}.")
            yield transaction
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

    @property
    def log_path(self) -> Path:
        """The file that grows, or begins anew, with every write of any process."""
        return self.path.with_name(self.path.name + "-wal")


def _open(engine: Engine | None) -> Engine:
    if engine is None:
        raise UnavailableError("The control store is not open.")
    return engine


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        writing = connection.execution_options(**{_WRITES: True})
        with writing.begin():
            yield writing


def _engine(path: Path, synchronous: str) -> Engine:
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, whatever their first statement is
        cursor = connection.cursor()
        for statement in ("busy_timeout = 5000", "journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {statement}")
        cursor.close()

    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """A write takes its turn at once: one that began by reading could not wait for another any more."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
