"""Fixtures of all tests: one real engine for the process, an organisation of its own for each test, a real server."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.control.places import Place
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.migrations import migrate
from tests.postgres import PostgresServer, programs
from tests.servers import ServerProcess


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """The embedded engine; a process has one, so tests share it and differ by organisation."""
    opened = EmbeddedEngine(tmp_path_factory.mktemp("store"))
    opened.open()
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that tests share."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables of a control store and nothing in them, to be copied: a tenth of the time of making one."""
    path = tmp_path_factory.mktemp("control") / CONTROL_FILE
    control = Control(path)
    control.open()
    control.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a control store may be: a test that asks for it runs once for each kind of database."""
    if request.param == "sqlite":
        yield shutil.copy(request.getfixturevalue("empty_store"), tmp_path / CONTROL_FILE)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.made() as url:
        yield url


@pytest.fixture
def org_id() -> str:
    """An organisation that no other test has."""
    return str(uuid.uuid4())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server process that tests share."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def any_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server process that tests share, with each kind of control store: a test that asks for it runs once for each."""
    if request.param == "sqlite":
        yield request.getfixturevalue("server")
        return
    database: PostgresServer = request.getfixturevalue("postgres")
    with database.made() as url, ServerProcess(tmp_path_factory.mktemp("server"), control_url=url) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server process of this test alone."""
    with ServerProcess(tmp_path / "data") as running:
        yield running
