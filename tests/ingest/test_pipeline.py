"""The pipe stores each report once and answers when it is durable."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from meshtrail.common.errors import BusyError, UnavailableError
from meshtrail.ingest import ndjson
from meshtrail.ingest.limits import QUEUE_ROWS_MAX
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.query import Query
from meshtrail.store.reader import Reader
from tests.pipes import pipe, store
from tests.rows import NOON_US, closing, report


def body(rows: list[dict[str, Any]]) -> bytes:
    """Rows as NDJSON."""
    return b"\n".join(msgspec.json.encode(row) for row in rows)


def test_resend_is_a_duplicate_in_memory_and_after_a_restart(engine: EmbeddedEngine, org_id: str) -> None:
    """The same rows again store nothing, whether the pipe remembers them or has to ask the store."""
    rows = [report(NOON_US + n) for n in range(20)]
    first, second = store(engine, org_id, rows, rows)
    assert (first.stored, first.duplicates) == (20, 0)
    assert (second.stored, second.duplicates) == (0, 20)
    (third,) = store(engine, org_id, [*rows, report(NOON_US)])
    assert (third.stored, third.duplicates) == (1, 20)


def test_duplicates_inside_one_request(engine: EmbeddedEngine, org_id: str) -> None:
    """A row that comes twice in one body is stored once."""
    row = report(NOON_US)
    (answer,) = store(engine, org_id, [row, row, report(NOON_US)])
    assert (answer.stored, answer.duplicates) == (2, 1)


def test_opening_resent_after_its_closing_merged(engine: EmbeddedEngine, org_id: str) -> None:
    """Once reports have merged in the store an old opening is still known; counters that grew are news."""
    opening = report(NOON_US)
    ended = closing(opening)
    store(engine, org_id, [opening], [ended])
    engine.execute("OPTIMIZE TABLE traffic FINAL")
    again, grown = store(engine, org_id, [opening, ended], [{**ended, "rx_bytes": 900, "rx_packets": 9}])
    assert (again.stored, again.duplicates) == (0, 2)
    assert grown.stored == 1
    row = msgspec.json.decode(Reader(engine).page(Query(org_id), "rx_bytes, state", 10))
    assert row == [{"rx_bytes": 900, "state": "closed"}]


def test_randomly_repeated_requests_store_each_report_once(engine: EmbeddedEngine, org_id: str) -> None:
    """Whatever order and repetition, the store ends with each connection once, closed."""
    chance = random.Random(3)
    openings = [report(NOON_US + n) for n in range(40)]
    reports = [*openings, *(closing(row) for row in openings)]
    batches = [chance.sample(reports, 30) for _ in range(12)] + [reports]
    answers = store(engine, org_id, *batches)
    assert sum(answer.stored for answer in answers) <= len(reports)
    found = msgspec.json.decode(Reader(engine).page(Query(org_id), "flow_id, state", 100))
    assert sorted(row["flow_id"] for row in found) == sorted(row["flow_id"] for row in openings)
    assert {row["state"] for row in found} == {"closed"}


def test_concurrent_requests_commit_together(engine: EmbeddedEngine, org_id: str) -> None:
    """Requests that wait for one commit share the next, and each gets its own numbers."""

    async def run() -> list[tuple[int, int]]:
        running = pipe(engine)
        await running.start()
        same = body([report(NOON_US, flow_id="7b0d4ab6-0f5c-4f2e-8a52-0c9b1a7de0aa")])
        sent = [running.submit(org_id, "ndjson", same, ndjson.decode) for _ in range(8)]
        answers = await asyncio.gather(*sent)
        await running.stop()
        return [(answer.stored, answer.duplicates) for answer in answers]

    answers = asyncio.run(run())
    assert sorted(answers) == [(0, 1)] * 7 + [(1, 0)]


def test_idempotency_key_gets_the_first_answer(engine: EmbeddedEngine, org_id: str) -> None:
    """A resend under the same key is answered as the first time."""

    async def run() -> bool:
        running = pipe(engine)
        await running.start()
        rows = body([report(NOON_US)])
        first = await running.submit(org_id, "ndjson", rows, ndjson.decode, "key")
        second = await running.submit(org_id, "ndjson", rows, ndjson.decode, "key")
        await running.stop()
        return first is second and first.stored == 1

    assert asyncio.run(run())


def test_stopping_commits_what_was_taken_and_takes_no_more(engine: EmbeddedEngine, org_id: str) -> None:
    """Requests under way when the pipe stops are stored; later ones are told to come again."""

    async def run() -> int:
        running = pipe(engine)
        await running.start()
        task = asyncio.create_task(running.submit(org_id, "ndjson", body([report(NOON_US)]), ndjson.decode))
        while not running._decoding:
            await asyncio.sleep(0)
        await running.stop()
        with pytest.raises(UnavailableError):
            await running.submit(org_id, "ndjson", body([report()]), ndjson.decode)
        return (await task).stored

    assert asyncio.run(run()) == 1


def test_a_full_queue_says_so(engine: EmbeddedEngine, org_id: str) -> None:
    """Past the limit of waiting rows a sender is told to wait, before its body is read."""

    async def run() -> None:
        running = pipe(engine)
        running._waiting_rows = QUEUE_ROWS_MAX + 1
        with pytest.raises(BusyError):
            await running.submit(org_id, "ndjson", body([report()]), ndjson.decode)
        running._waiting_rows = 0
        await running.start()
        await running.stop()

    asyncio.run(run())


def test_resends_are_found_after_the_memory_forgot(engine: EmbeddedEngine, org_id: str) -> None:
    """With a memory of a few reports, old ones are looked up in the store and still counted as duplicates."""
    batches = [[report(NOON_US + step * 1000 + n) for n in range(15)] for step in range(20)]
    answers = store(engine, org_id, *batches, *reversed(batches), slots=64)
    assert [answer.stored for answer in answers] == [15] * 20 + [0] * 20
