"""The control store in a PostgreSQL database, which several servers may share.

Turns are advisory locks of the transaction: a write that is alone holds one exclusively which all other writes share.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from psycopg import IsolationLevel
from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from meshtrail.common.errors import UnavailableError
from meshtrail.control.backend import Listener, Turn
from meshtrail.control.limits import (
    CONNECT_S_MAX,
    CONNECTIONS_READ_MAX,
    CONNECTIONS_WRITE_MAX,
    MIGRATION_S_MAX,
    STATEMENT_S_MAX,
    TRANSACTION_IDLE_S_MAX,
    WRITE_WAIT_S_MAX,
)
from meshtrail.control.listen import CHANNEL, listen

_WRITES_KEY = 0x6D65_7368_0001
_NOTES_KEY = 0x6D65_7368_0002
"""Numbers of our advisory locks: other programs in the same database should not use them (the first bytes say `mesh`)."""

_TURNS = {
    Turn.alone: text(f"SELECT pg_advisory_xact_lock({_WRITES_KEY})"),
    Turn.organisation: text(f"SELECT pg_advisory_xact_lock_shared({_WRITES_KEY})"),
    Turn.note: text(
        f"SELECT pg_advisory_xact_lock_shared({_WRITES_KEY}), pg_advisory_xact_lock({_NOTES_KEY}),"
        " set_config('synchronous_commit', 'off', true)"
    ),
}

_SESSION = (
    f"SET statement_timeout = '{STATEMENT_S_MAX}s'; SET lock_timeout = '{WRITE_WAIT_S_MAX}s';"
    f" SET idle_in_transaction_session_timeout = '{TRANSACTION_IDLE_S_MAX}s'; SET timezone = 'UTC'"
)

_CONNECT = {
    "connect_timeout": CONNECT_S_MAX, "application_name": "meshtrail", "keepalives_idle": 30, "keepalives_interval": 10,
    "keepalives_count": 3,
}  # fmt: skip
"""For libpq, unless the address says something else: a server that vanished is noticed after a minute of silence."""


class PostgresBackend:
    """See `Backend`."""

    def __init__(self, url: URL, options: Mapping[str, Any]) -> None:
        self._url = url.set(drivername="postgresql+psycopg").update_query_dict(
            {name: str(value) for name, value in _CONNECT.items() if name not in url.query}
        )
        self.shown = url.render_as_string(hide_password=True)
        self._options = options
        self._reader: Engine | None = None
        self._writer: Engine | None = None

    def open(self) -> None:
        """See `Backend.open`."""
        self._reader = self._engine("REPEATABLE READ", CONNECTIONS_READ_MAX)
        self._writer = self._engine("READ COMMITTED", CONNECTIONS_WRITE_MAX)

    def close(self) -> None:
        """See `Backend.close`."""
        for engine in (self._reader, self._writer):
            if engine is not None:
                engine.dispose()
        self._reader = self._writer = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See `Backend.reading`."""
        with _open(self._reader).connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, turn: Turn) -> Iterator[Connection]:
        """See `Backend.writing`. Each statement sees what was committed before it: after the turn has come, that is the present."""
        with _open(self._writer).begin() as transaction:
            transaction.execute(_TURNS[turn])
            yield transaction

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """See `Backend.migrating`."""
        with _open(self._writer).begin() as transaction:
            for setting in ("statement_timeout", "lock_timeout"):
                transaction.execute(text(f"SET LOCAL {setting} = '{MIGRATION_S_MAX}s'"))
            transaction.execute(_TURNS[Turn.alone])
            yield transaction

    def tell(self, transaction: Connection, org_id: str, revision: int) -> None:
        """See `Backend.tell`."""
        transaction.execute(text("SELECT pg_notify(:channel, :told)"), {"channel": CHANNEL, "told": f"{org_id} {revision}"})

    async def watch(self, listener: Listener) -> None:
        """See `Backend.watch`."""
        _, arguments = _open(self._reader).dialect.create_connect_args(self._url)
        await listen(arguments, listener)

    def _engine(self, isolation: Literal["REPEATABLE READ", "READ COMMITTED"], connections: int) -> Engine:
        def configure(connection: psycopg.Connection[Any], _record: object) -> None:
            connection.autocommit = True
            try:
                connection.execute(_SESSION)
            except psycopg.Error:
                connection.close()  # nobody else knows of it yet
                raise
            connection.autocommit = False
            connection.isolation_level = IsolationLevel[isolation.replace(" ", "_")]
            connection.read_only = isolation == "REPEATABLE READ"

        engine = create_engine(
            self._url, hide_parameters=True, execution_options=dict(self._options), pool_size=connections, max_overflow=0,
            pool_timeout=WRITE_WAIT_S_MAX, pool_pre_ping=True,
        )  # fmt: skip
        event.listen(engine, "connect", configure)
        return engine


def _open(engine: Engine | None) -> Engine:
    if engine is None:
        raise UnavailableError("The control store is not open.")
    return engine
