"""Reads see one moment, and writes come one after another, on each kind of database and whoever writes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, select, update

from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.places import Place
from meshtrail.control.service import Control, Scope
from meshtrail.control.tables import groups, organisations
from tests.control.organisation import Clock, Organisation
from tests.postgres import PostgresServer

WAIT_S = 20
CHANGES = 40


@pytest.fixture
def other(place: Place, control: Control, clock: Clock) -> Iterator[Control]:
    """The same store, opened by another server."""
    opened = Control(place, clock)
    opened.open()
    yield opened
    opened.close()


def renamed(control: Control, org_id: str) -> str:
    """Add a letter to the organisation's name, by reading it first; the new name."""
    with control.database.change(org_id) as transaction:
        old: str = transaction.execute(select(organisations.c.name).where(organisations.c.id == org_id)).scalar_one()
        transaction.execute(update(organisations).where(organisations.c.id == org_id).values(name=old + "x"))
    return old + "x"


def revision(control: Control, org_id: str) -> int:
    """The organisation's revision."""
    with control.database.read() as transaction:
        return int(transaction.execute(select(organisations.c.revision).where(organisations.c.id == org_id)).scalar_one())


def test_no_change_is_lost(organisation: Organisation, other: Control) -> None:
    """Two servers with four threads each change what they have read before; every change finds the one before it."""
    begin = revision(other, organisation.id)
    with ThreadPoolExecutor(8) as threads:
        stores = [organisation.control, other] * (CHANGES // 2)
        names = list(threads.map(lambda control: renamed(control, organisation.id), stores))
    assert sorted(names, key=len) == ["test" + "x" * (number + 1) for number in range(CHANGES)]
    assert revision(other, organisation.id) == begin + CHANGES


def test_a_read_sees_one_moment(organisation: Organisation, other: Control) -> None:
    """What others change meanwhile is not seen, neither in the same table nor in another."""
    with other.database.read() as transaction:
        query = select(groups.c.name).where(groups.c.org_id == organisation.id)
        before = transaction.execute(query).scalars().all()
        organisation.group("made meanwhile")
        renamed(organisation.control, organisation.id)
        assert transaction.execute(query).scalars().all() == before
        assert transaction.execute(select(organisations.c.name).where(organisations.c.id == organisation.id)).scalar() == "test"
    with other.database.read() as transaction:
        assert set(transaction.execute(query).scalars()) == {*before, "made meanwhile"}


def test_what_fails_has_not_happened(organisation: Organisation) -> None:
    """Neither the change nor its revision, and nobody is woken."""
    before, generation = revision(organisation.control, organisation.id), organisation.control.changes.generation(organisation.id)
    values = {"org_id": organisation.id, "id": "g", "name": "half", "built_in": False, "created_at": 1}

    def fail() -> None:
        with organisation.control.database.change(organisation.id) as transaction:
            transaction.execute(insert(groups).values(**values))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert revision(organisation.control, organisation.id) == before
    assert organisation.control.changes.generation(organisation.id) == generation
    assert [group.name for group in organisation.snapshot.groups.values()] == ["All"]


def held(enter: Callable[[threading.Event], None], work: Callable[[], object]) -> bool:
    """Whether the work is done while the other is entered; it is done afterwards in any case."""
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(WAIT_S)
        work()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    finished: list[bool] = []

    class Inside(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            inside.set()
            finished.append(done.wait(timeout))
            return finished[-1]

    enter(Inside())
    thread.join(WAIT_S)
    assert done.is_set()
    return finished[0]


def test_a_write_that_is_alone_lets_no_change_in(organisation: Organisation, other: Control) -> None:
    """A change waits until it has ended."""

    def write(inside: threading.Event) -> None:
        with organisation.control.database.write():
            inside.wait(0.3)

    assert not held(write, lambda: renamed(other, organisation.id))


def test_a_change_waits_for_one_of_the_same_organisation(organisation: Organisation, other: Control) -> None:
    """On another server as on the same."""

    def change(inside: threading.Event) -> None:
        with organisation.control.database.change(organisation.id):
            inside.wait(0.3)

    assert not held(change, lambda: renamed(other, organisation.id))


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_organisations_do_not_wait_for_each_other(organisation: Organisation, other: Control) -> None:
    """PostgreSQL has many writers."""
    second = other.add_organisation("second")

    def change(inside: threading.Event) -> None:
        with organisation.control.database.change(organisation.id):
            inside.wait(WAIT_S)

    assert held(change, lambda: renamed(other, second))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_store_that_many_open_at_once_is_made_once(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """Servers and commands that start together find the tables that one of them makes."""
    server: PostgresServer | None = request.getfixturevalue("postgres") if kind == "postgresql" else None
    with server.empty() if server is not None else nullcontext(tmp_path / "new.sqlite") as place:

        def open_it(_number: int) -> str:
            control = Control(place)
            control.open()
            try:
                return control.first_organisation()[0]
            finally:
                control.close()

        with ThreadPoolExecutor(6) as threads:
            assert len(set(threads.map(open_it, range(6)))) == 1


def test_a_sign_of_life_that_finds_no_time_is_left_out(organisation: Organisation, other: Control) -> None:
    """Who asks with a token is answered although another write takes long; the next request notes that it was used."""
    _, secret = other.tokens.create(system(organisation.id), ALL_PERMISSIONS, "t", {Scope.read})
    before = REGISTRY.get_sample_value("meshtrail_control_store_failures_total") or 0
    with organisation.control.database.write():
        assert other.token_identity(secret).org_id == organisation.id
    assert REGISTRY.get_sample_value("meshtrail_control_store_failures_total") == before + 1
    assert [token.last_used_at for token in other.tokens.list_all(organisation.id)] == [None]
    other.token_identity(secret)
    assert [token.last_used_at for token in other.tokens.list_all(organisation.id)] == [organisation.clock.now]
