"""What is in the outbox gets into the store: soon, in order, once, and whatever happens in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from meshtrail.common.clock import wall_clock
from meshtrail.common.errors import UnavailableError
from meshtrail.control import pump as pumps
from meshtrail.control.actor import Actor, system
from meshtrail.control.audit import record
from meshtrail.control.outbox import Outbox
from meshtrail.control.pump import Pump, Submit
from meshtrail.control.service import Control
from meshtrail.control.tables import outbox
from meshtrail.ingest.batch import Refusals
from meshtrail.ingest.pipeline import Answer, Decode
from meshtrail.model.activities import Activity
from meshtrail.model.columns import AUDIT
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.family_reader import array
from meshtrail.store.query import Query
from tests.audits import audit_pipe

DEADLINE_S = 20


@pytest.fixture
def living(tmp_path: Any) -> Iterator[Control]:
    """A control store by the real clock: what happened in the future is not stored."""
    opened = Control(tmp_path / "control.sqlite", wall_clock)
    opened.open()
    yield opened
    opened.close()


def write(control: Control, by: Actor, count: int, activity: Activity = Activity.policy_add) -> None:
    """Some events in one transaction."""
    with control.database.write() as transaction:
        for number in range(count):
            record(transaction, by, activity, meta={"number": number})


def stored(engine: EmbeddedEngine, org_id: str) -> list[dict[str, Any]]:
    """The organisation's events in the store, oldest first."""
    reader = AuditReader(engine)
    rows = array(reader.lines(Query(org_id, family=AUDIT), reader.native, 10_000, newest_first=False))
    found: list[dict[str, Any]] = msgspec.json.decode(rows)
    return found


async def until(holds: Callable[[], object]) -> None:
    """Poll until it holds."""
    end = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def pumping(control: Control, submit: Submit) -> AsyncIterator[Pump]:
    """A pump that runs."""
    running = Pump(Outbox(control.database), control.changes, submit)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


class Door:
    """The pipe's door with a guard who may fail before or after the rows are stored."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self.fail_before = 0
        self.fail_after = 0
        self.bodies: list[bytes] = []

    async def __call__(self, org_id: str, source: str, body: bytes, decode: Decode) -> Answer:
        self.bodies.append(body)
        if self.fail_before > 0:
            self.fail_before -= 1
            raise UnavailableError("the disk is full")
        answer = await self._submit(org_id, source, body, decode)
        if self.fail_after > 0:
            self.fail_after -= 1
            raise UnavailableError("the answer was lost")
        return answer


def run(engine: EmbeddedEngine, scene: Callable[[Door], Any]) -> None:
    """Play a scene over a running pipe."""

    async def play() -> None:
        pipe = audit_pipe(engine)
        await pipe.start()
        try:
            await scene(Door(pipe.submit))
        finally:
            await pipe.stop()

    asyncio.run(play())


def test_events_arrive_soon_and_in_order(engine: EmbeddedEngine, living: Control, org_id: str) -> None:
    """Also what was there before the pump, and of each organisation by itself."""
    other = f"{org_id[:-1]}x"
    write(living, system(org_id), 3)

    async def scene(door: Door) -> None:
        async with pumping(living, door):
            await until(lambda: len(stored(engine, org_id)) == 3)
            begun = time.monotonic()
            for by in (system(org_id), system(other)):
                write(living, by, 5, Activity.policy_update)
            await until(lambda: len(stored(engine, org_id)) == 8)
            assert time.monotonic() - begun < 2
            await until(lambda: len(stored(engine, other)) == 5 and Outbox(living.database).count() == 0)

    run(engine, scene)
    rows = stored(engine, org_id)
    assert [row["meta"]["number"] for row in rows] == [0, 1, 2, 0, 1, 2, 3, 4]
    assert [int(row["seq"]) for row in rows] == sorted(int(row["seq"]) for row in rows)
    assert {row["source"] for row in rows} == {"control"}


def test_many_events_go_in_parts(engine: EmbeddedEngine, living: Control, org_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more at once than the limit says; a stopped pump first takes all there is."""
    monkeypatch.setattr(pumps, "OUTBOX_BATCH_ROWS", 10)
    first = Outbox.first
    monkeypatch.setattr(Outbox, "first", lambda self: first(self, 10))
    write(living, system(org_id), 35)
    doors: list[Door] = []

    async def scene(door: Door) -> None:
        doors.append(door)
        async with pumping(living, door):
            pass

    run(engine, scene)
    assert [body.count(b"\n") + 1 for body in doors[0].bodies] == [10, 10, 10, 5]
    assert [row["meta"]["number"] for row in stored(engine, org_id)] == list(range(35))


def test_a_store_that_fails_is_asked_again(
    engine: EmbeddedEngine, living: Control, org_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Nothing is lost and nothing is double, whether it failed before or after it stored."""
    monkeypatch.setattr(pumps, "OUTBOX_RETRY_S", 0.01)
    write(living, system(org_id), 3)

    async def scene(door: Door) -> None:
        door.fail_before, door.fail_after = 2, 2
        async with pumping(living, door):
            await until(lambda: Outbox(living.database).count() == 0)
        assert len(door.bodies) == 5

    run(engine, scene)
    assert [row["meta"]["number"] for row in stored(engine, org_id)] == [0, 1, 2]


def test_what_another_process_left_is_delivered(engine: EmbeddedEngine, living: Control, org_id: str) -> None:
    """A pump that was stopped before the deletion delivers again; the store knows the events by their ids."""
    write(living, system(org_id), 2)

    async def dying(door: Door) -> None:
        door.fail_after = 10**9
        running = Pump(Outbox(living.database), living.changes, door)
        await running.start()
        await until(lambda: len(stored(engine, org_id)) == 2)
        await running.stop()

    run(engine, dying)
    assert Outbox(living.database).count() == 2
    before = stored(engine, org_id)

    async def next_process(door: Door) -> None:
        async with pumping(living, door):
            await until(lambda: Outbox(living.database).count() == 0)

    run(engine, next_process)
    assert stored(engine, org_id) == before


def test_what_the_store_refuses_holds_up_nobody(engine: EmbeddedEngine, living: Control, org_id: str) -> None:
    """It stays in the outbox with the reason, and is tried again by the next process."""
    write(living, system(org_id), 3)
    with living.database.write() as transaction:
        number, document = transaction.execute(select(outbox.c.number, outbox.c.document).order_by(outbox.c.number)).all()[1]
        ahead = msgspec.json.encode({**msgspec.json.decode(document), "occurred_at": "2200-01-01T00:00:00Z"}).decode()
        transaction.execute(update(outbox).where(outbox.c.number == number).values(document=ahead))

    async def scene(door: Door) -> None:
        async with pumping(living, door):
            await until(lambda: Outbox(living.database).count() == 1)
            write(living, system(org_id), 1)
            await until(lambda: len(stored(engine, org_id)) == 3)

    run(engine, scene)
    with living.database.write() as transaction:
        (reason,) = transaction.execute(select(outbox.c.refused)).scalars()
        assert "occurred_at" in reason and "clock" in reason
        transaction.execute(update(outbox).values(document=document))
    run(engine, lambda door: pumped(living, door))
    assert Outbox(living.database).count() == 0
    assert sorted(row["meta"]["number"] for row in stored(engine, org_id)) == [0, 0, 1, 2]


async def pumped(control: Control, submit: Submit) -> None:
    """A pump that takes what is there."""
    async with pumping(control, submit):
        pass


def test_a_refusal_of_many_is_told_apart(living: Control, org_id: str) -> None:
    """A door that refuses one event by what it says is asked for each, and only that one stays."""
    write(living, system(org_id), 4)

    async def refuse_third(_org: str, _source: str, body: bytes, _decode: Decode) -> Answer:
        lines = body.split(b"\n")
        refusals = Refusals()
        for number, line in enumerate(lines, start=1):
            if b'\\"number\\":2' in line:
                refusals.add(number, "meta", "not this one")
        return Answer(len(lines) - refusals.count, 0, refusals, 1)

    asyncio.run(pumped(living, refuse_third))
    with living.database.read() as transaction:
        assert list(transaction.execute(select(outbox.c.refused)).scalars()) == ["meta: not this one"]
