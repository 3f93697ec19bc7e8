"""What is PostgreSQL's own: its loss and return, what it is asked to wait for, what it refuses."""

import asyncio
import logging
import signal
from collections.abc import Iterator

import psycopg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from meshtrail.common.errors import InvalidError, UnavailableError, UnusableError
from meshtrail.control.limits import STATEMENT_S_MAX, WRITE_WAIT_S_MAX
from meshtrail.control.service import Control
from meshtrail.control.tables import groups, organisations
from meshtrail.control.watch import watch
from tests.control.organisation import Clock, Organisation
from tests.postgres import PostgresServer, programs

WAIT_S = 20
FAILURES = "meshtrail_control_store_failures_total"
LOST = "meshtrail_control_listening_lost_total"


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[str]:
    """Here it is always PostgreSQL."""
    with postgres.made() as url:
        yield url


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with PostgresServer(durable=True) as running:
        yield running


def value(metric: str) -> float:
    """A counter as it is now."""
    return REGISTRY.get_sample_value(metric) or 0


def test_each_transaction_waits_for_what_it_says(control: Control) -> None:
    """Notes do not wait for the disk, writes do; reads cannot write; statements and waits have an end."""

    def shown(name: str) -> str:
        return str(transaction.execute(text(f"SHOW {name}")).scalar())

    with control.database.write() as transaction:
        assert shown("synchronous_commit") == "on"
        assert shown("transaction_isolation") == "read committed"
        assert (shown("statement_timeout"), shown("lock_timeout")) == (f"{STATEMENT_S_MAX}s", f"{WRITE_WAIT_S_MAX}s")
    with control.database.note() as transaction:
        assert shown("synchronous_commit") == "off"
    with control.database.write() as transaction:
        assert shown("synchronous_commit") == "on"
    with control.database.read() as transaction:
        assert (shown("transaction_isolation"), shown("transaction_read_only")) == ("repeatable read", "on")


def test_a_read_cannot_write(control: Control) -> None:
    """The database itself refuses."""
    with pytest.raises(SQLAlchemyError, match="read-only"), control.database.read() as transaction:
        transaction.execute(insert(organisations).values(id="o", name="o", created_at=1))


def test_what_does_not_fit_is_refused(organisation: Organisation) -> None:
    """A value that is too long, or that holds a zero byte, is the caller's fault."""

    def insert_group(name: str) -> None:
        values = {"org_id": organisation.id, "id": "g", "built_in": False, "created_at": 1}
        with organisation.control.database.change(organisation.id) as transaction:
            transaction.execute(insert(groups).values(name=name, **values))

    for name in ("x" * 201, "zero\0byte"):
        with pytest.raises(UnusableError, match="does not fit"):
            insert_group(name)


def test_a_turn_that_does_not_come_is_an_answer(organisation: Organisation, caplog: pytest.LogCaptureFixture) -> None:
    """After some seconds: come again. It is counted, and the log says why."""
    other = Control(organisation.control.database.place)
    other.database.backend.open()
    before = value(FAILURES)
    with organisation.control.database.write(), pytest.raises(UnavailableError, match="too busy") as caught, other.database.write():
        pass
    other.close()
    assert caught.value.status == 503
    assert value(FAILURES) == before + 1
    assert "lock timeout" in caplog.text


def test_a_database_that_returns_is_found(mortal: PostgresServer, clock: Clock) -> None:
    """While it is away, everything is answered by 503 and counted; nothing has to be started again afterwards. What others
    changed meanwhile is noticed."""
    with mortal.empty() as url:
        control, other = Control(url, clock), Control(url, clock)
        for each in (control, other):
            each.open()
        organisation = Organisation(control, control.add_organisation("test"), clock)
        organisation.group("before")

        async def scene() -> None:
            watching = asyncio.create_task(watch(control.database))
            try:
                await control.changes.wait_beyond(organisation.id, 0, WAIT_S)
                mortal.stop(signal.SIGQUIT)
                before, lost = value(FAILURES), value(LOST)
                with pytest.raises(UnavailableError, match="does not answer"):
                    await asyncio.to_thread(organisation.group, "away")
                with pytest.raises(UnavailableError):
                    await asyncio.to_thread(control.organisation, organisation.id)
                assert value(FAILURES) == before + 2
                while value(LOST) == lost:
                    await asyncio.sleep(0.02)
                mortal.start()
                generation = control.changes.generation(organisation.id)
                await asyncio.to_thread(Organisation(other, organisation.id, clock).group, "elsewhere")
                assert await control.changes.wait_beyond(organisation.id, generation, WAIT_S)
            finally:
                watching.cancel()

        asyncio.run(scene())
        names = sorted(group.name for group in organisation.snapshot.groups.values())
        assert names == ["All", "before", "elsewhere"]
        for each in (control, other):
            each.close()


def test_a_crash_loses_nothing(mortal: PostgresServer, clock: Clock) -> None:
    """What a write said is done survives the death of the whole server."""
    with mortal.empty() as url:
        control = Control(url, clock)
        control.open()
        org_id = control.add_organisation("kept")
        mortal.stop(signal.SIGKILL)
        mortal.start()
        assert control.organisation(org_id).name == "kept"
        control.close()


def test_a_newer_store_is_refused(postgres: PostgresServer, clock: Clock) -> None:
    """As with a file; and it stays as it is."""
    with postgres.empty() as url:
        control = Control(url, clock)
        control.open()
        control.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(UnavailableError, match="newer release"):
            Control(url, clock).open()


def test_a_password_is_never_shown(caplog: pytest.LogCaptureFixture, postgres: PostgresServer) -> None:
    """Neither by errors nor in logs nor by the store itself."""
    caplog.set_level(logging.DEBUG)
    secret = "pass-w0rd"
    for url in (
        f"postgresql://ana:{secret}@127.0.0.1:1/nowhere",
        f"mysql://ana:{secret}@127.0.0.1/nowhere",
        f"postgresql://ana:{secret}@[::1/nowhere",
    ):
        with pytest.raises((UnavailableError, InvalidError)) as caught:
            Control(url).open()
        assert secret not in f"{caught.value.message} {caught.value.remedy}"
    control = Control(f"postgresql://ana:{secret}@127.0.0.1:1/nowhere")
    control.database.backend.open()
    with pytest.raises(UnavailableError) as caught, control.database.read() as transaction:
        transaction.execute(select(organisations))
    assert "127.0.0.1" not in caught.value.message
    assert secret not in caplog.text + repr(control.database.backend) + control.database.backend.shown
