"""A PostgreSQL server of the tests: Debian's, in a temporary folder, reached by a Unix socket only."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import psycopg

from meshtrail.control.service import Control

START_S = 60
USER = "meshtrail"
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=on", "shared_buffers=32MB", "max_connections=200", "autovacuum=off",
         "listen_addresses=", "timezone=UTC", "log_min_messages=fatal")  # fmt: skip
_DURABLE = tuple(each for each in _FAST if not each.startswith(("fsync", "full_page")))


def programs() -> Path | None:
    """Folder of the newest `initdb` and `postgres`; Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """A server process. It refuses to run as root, so it gets another user when we are."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable`: what was committed survives a loss of power, as in real life."""
        found = programs()
        assert found is not None, "asked for programs first"
        self._programs = found
        self._options = _DURABLE if durable else _FAST
        self._names = count(1)
        self._emptied: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="meshtrail-postgres-"))

    def __enter__(self) -> Self:
        self._prefix: list[str] = []
        if os.geteuid() == 0:
            user = _unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        initdb = [str(self._programs / "initdb"), "--no-sync", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "-D", str(self._data)]
        subprocess.run([*self._prefix, *initdb], check=True, capture_output=True, cwd=self.folder)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start and wait until it answers. What is left of a server that was killed is waited for."""
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            if self._process is None or self._process.poll() is not None:
                self._process = self._launched()
            time.sleep(0.02)

    def _launched(self) -> subprocess.Popen[bytes]:
        options = [word for each in (*self._options, f"unix_socket_directories={self.folder}") for word in ("-c", each)]
        dies_with_us = [*(self._prefix or ["setpriv"]), "--pdeathsig", "INT"]
        command = [*dies_with_us, str(self._programs / "postgres"), "-D", str(self._data), *options]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, sent: signal.Signals = signal.SIGINT) -> None:
        """End it: at once but orderly, or as the signal says (`SIGQUIT`: as in a crash)."""
        if self._process is not None:
            self._process.send_signal(sent)
            self._process.wait(START_S)
            self._process = None

    def url(self, database: str) -> str:
        """Address of a database."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the test's own, each statement a transaction."""
        return psycopg.connect(self.url(database), autocommit=True)

    @contextmanager
    def made(self) -> Iterator[str]:
        """Address of a database with the tables of a control store and nothing in them; nobody else has it meanwhile."""
        if self._emptied:
            name = self._emptied.pop()
        else:
            name = self._new()
            control = Control(self.url(name))
            control.open()
            control.close()
            self._clear(name)
        try:
            yield self.url(name)
        finally:
            try:
                self._clear(name)
                self._emptied.append(name)
            except psycopg.Error:  # the test has broken it, or the server is gone
                self._drop(name)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Address of a new database without tables."""
        name = self._new()
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    def _new(self) -> str:
        name = f"test_{next(self._names)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def _drop(self, name: str) -> None:
        with contextlib.suppress(psycopg.OperationalError), self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _clear(self, name: str) -> None:
        """Delete all rows, whatever refers to them: fifty times as fast as making another database."""
        with self.connect(name) as connection:
            connection.execute("SET lock_timeout = '5s'; SET session_replication_role = replica")
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            kept = {"alembic_version", "schema_version"}
            connection.execute("; ".join(f'DELETE FROM "{table}"' for (table,) in tables if table not in kept))


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("there is no user that PostgreSQL could run as")
