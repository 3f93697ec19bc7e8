"""The control store in one SQLite file."""

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from meshtrail.common.errors import UnavailableError
from meshtrail.control.backend import Listener, Turn
from meshtrail.control.limits import WATCH_INTERVAL_S, WRITE_WAIT_S_MAX

_WRITES = "meshtrail_writes"
_LOG_RETRY_S = 0.01
_LOG = logging.getLogger(__name__)


class SqliteBackend:
    """See `Backend`. SQLite has one writer at a time, so every write is alone."""

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self.shown = str(path)
        self._options = options
        self._durable: Engine | None = None
        self._relaxed: Engine | None = None

    @property
    def log_path(self) -> Path:
        """The file that grows, or begins anew, with every write of any process."""
        return self.path.with_name(self.path.name + "-wal")

    def open(self) -> None:
        """See `Backend.open`."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):  # SQLite says better what is wrong; its further files get the rights of this one
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._durable = self._engine("synchronous = FULL", "foreign_keys = ON")
        self._relaxed = self._engine("synchronous = NORMAL", "foreign_keys = ON")

    def close(self) -> None:
        """See `Backend.close`."""
        for engine in (self._durable, self._relaxed):
            if engine is not None:
                engine.dispose()
        self._durable = self._relaxed = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See `Backend.reading`."""
        with _open(self._durable).connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, turn: Turn) -> Iterator[Connection]:
        """See `Backend.writing`."""
        with _writing(_open(self._relaxed if turn is Turn.note else self._durable)) as transaction:
            yield transaction

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """See `Backend.migrating`. Tables that are made anew under their old names keep who refers to them: references are
        looked at once, at the end."""
        with _writing(self._engine("synchronous = FULL", "foreign_keys = OFF", poolclass=NullPool)) as transaction:
            yield transaction
            broken = transaction.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise UnavailableError(f"{self.shown}: {len(broken)} rows refer to nothing, the first in the table {broken[0][0]}.")

    def tell(self, transaction: Connection, org_id: str, revision: int) -> None:
        """See `Backend.tell`. Every write is seen by `watch`."""

    async def watch(self, listener: Listener) -> None:
        """See `Backend.watch`. The database is asked only after its log has changed."""
        before: object = None
        while True:
            now = _mark(self.log_path)
            if now != before:
                before = now
                try:
                    await asyncio.to_thread(listener.announce_foreign)
                except Exception as error:  # noqa: BLE001 (whatever it is, the next change must be noticed again)
                    _LOG.warning("cannot look for changes by other processes: %s", error)
                    before = None
            await asyncio.sleep(WATCH_INTERVAL_S)

    def _engine(self, *pragmas: str, **more: Any) -> Engine:
        def configure(connection: Any, _record: object) -> None:
            connection.isolation_level = None  # transactions begin where we say, whatever their first statement is
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {WRITE_WAIT_S_MAX * 1_000}")
            _use_log(cursor)
            for statement in pragmas:
                cursor.execute(f"PRAGMA {statement}")
            cursor.close()

        engine = create_engine(f"sqlite:///{self.path}", hide_parameters=True, execution_options=dict(self._options), **more)
        event.listen(engine, "connect", configure)
        event.listen(engine, "begin", _begin)
        return engine


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


def _use_log(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL mode. SQLite does not wait by itself when others are about to do the same with a new file."""
    deadline = time.monotonic() + WRITE_WAIT_S_MAX
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOG_RETRY_S)
        else:
            return


def _begin(connection: Connection) -> None:
    """A write takes its turn at once: one that began by reading could not wait for another any more."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
