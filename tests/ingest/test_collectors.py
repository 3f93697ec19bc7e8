"""Reporters are followed by their events and words, over the real stores, with a clock that the test moves."""

from pathlib import Path
from typing import Any

import pytest

from meshtrail.common.clock import rfc3339
from meshtrail.ingest import collectors as module
from meshtrail.ingest.collector import CollectorState
from meshtrail.ingest.limits import COLLECTOR_FORGET_S, COLLECTOR_SAVE_INTERVAL_S, LATE_AFTER_S, SILENT_AFTER_S
from meshtrail.store.embedded import EmbeddedEngine
from tests.ingest.upkeeps import Kept, Time, live
from tests.rows import closing, report

SECOND = 1_000_000


def state(server: Kept, org_id: str, identifier: str = "peer-1") -> tuple[CollectorState, int | None]:
    """How a reporter stands, and since when."""
    found = server.collectors.judged(server.collector(org_id, identifier))
    return found.state, found.since_us


def now(server: Kept, **fields: Any) -> dict[str, Any]:
    """A report of this moment."""
    return report(server.time(), **fields)


def test_ok_late_silent_and_back(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """One reporter's life, as its states tell it."""

    async def life(server: Kept) -> None:
        await server.send(org_id, now(server))
        await server.upkeep.turn()
        assert state(server, org_id) == (CollectorState.ok, None)
        server.time.pass_s(10)
        await server.send(org_id, *(report(server.time() - (LATE_AFTER_S + 1 + number) * SECOND) for number in range(3)))
        late_us = server.time()
        await server.upkeep.turn()
        assert state(server, org_id) == (CollectorState.late, late_us)
        server.time.pass_s(SILENT_AFTER_S + 1)
        await server.upkeep.turn()
        assert state(server, org_id) == (CollectorState.silent, late_us)
        await server.send(org_id, now(server))
        await server.upkeep.turn()
        assert state(server, org_id) == (CollectorState.ok, None)

    live(engine, tmp_path, life)


def test_ends_by_a_time_limit_are_not_late(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """A datagram's connection ends when the kernel has waited two minutes for another one; that is no delay of its report."""

    async def life(server: Kept) -> None:
        opened = [now(server, protocol=17), now(server, protocol=17, state="attempted", close_reason="no_reply")]
        await server.send(org_id, opened[0])
        server.time.pass_s(LATE_AFTER_S + 60)
        await server.send(org_id, closing(opened[0], 1, close_reason="timeout"), opened[1])
        await server.upkeep.turn()
        assert state(server, org_id) == (CollectorState.ok, None)
        await server.send(org_id, closing(report(server.time() - (LATE_AFTER_S + 1) * SECOND), 1))
        await server.upkeep.turn()
        assert state(server, org_id)[0] == CollectorState.late

    live(engine, tmp_path, life)


def test_only_ends_by_a_time_limit_say_nothing_of_the_delay(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """The reporter is heard of, its delay is not known."""

    async def life(server: Kept) -> None:
        await server.send(org_id, closing(report(server.time() - 300 * SECOND, protocol=17), 1, close_reason="timeout"))
        await server.upkeep.turn()
        one = server.collector(org_id, "peer-1").known
        assert (one.contact_us, one.event_us, one.lag_us) == (server.time(), server.time(), None)

    live(engine, tmp_path, life)


def test_what_the_server_writes_is_no_sign_of_life(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Closing lost connections does not make their reporter speak."""

    async def life(server: Kept) -> None:
        await server.send(org_id, now(server))
        heard_us = server.time()
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S + 1)
        for _ in range(3):
            await server.upkeep.turn()
        assert state(server, org_id) == (CollectorState.silent, heard_us)

    live(engine, tmp_path, life)


def test_what_is_known_outlives_the_server(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Counters, losses and since when, also after a life that did not end well; organisations do not meet."""

    async def first(server: Kept) -> None:
        server.collectors.hear(org_id, "peer-1", "laptop", {"events_dropped": 3, "clock_us": server.time() + 5 * SECOND})
        server.collectors.hear(org_id + "x", "peer-1", "another", {})
        server.time.pass_s(COLLECTOR_SAVE_INTERVAL_S)
        await server.upkeep.turn()

    async def second(server: Kept) -> None:
        known = server.collector(org_id, "peer-1").known
        assert (known.name, known.metrics["events_dropped"], known.skew_us) == ("laptop", 3, 5 * SECOND)
        assert state(server, org_id) == (CollectorState.lossy, begun.now_us)
        assert server.collectors.known_since(org_id + "x") == {"peer-1": begun.now_us}
        assert server.collectors.known_since(org_id + "y") == {}

    begun = Time()
    live(engine, tmp_path, first, Time(begun.now_us))
    live(engine, tmp_path, second, Time(begun.now_us + 60 * SECOND))


def test_whoever_was_silent_for_long_is_forgotten(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Not before the limit, and for good: the next life does not know it either."""

    async def first(server: Kept) -> None:
        await server.send(org_id, now(server))
        for passed_s in (0, COLLECTOR_FORGET_S):
            server.time.pass_s(passed_s)
            await server.upkeep.turn()
        assert "peer-1" in server.collectors.of(org_id)
        server.time.pass_s(COLLECTOR_SAVE_INTERVAL_S + 1)
        await server.upkeep.turn()
        assert server.collectors.of(org_id) == {}

    async def second(server: Kept) -> None:
        await server.upkeep.turn()
        assert server.collectors.of(org_id) == {}

    time = live(engine, tmp_path, first)
    live(engine, tmp_path, second, time)


def test_reporters_above_the_limit_are_stored_and_not_watched(
    engine: EmbeddedEngine, org_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone who makes up reporters fills neither memory nor list."""
    monkeypatch.setattr(module, "COLLECTORS_MAX", 5)

    async def life(server: Kept) -> None:
        await server.send(org_id, *(now(server, reporter_id=f"peer-{number}") for number in range(20)))
        await server.upkeep.turn()
        server.collectors.hear(org_id, "one-more", "", {})
        assert len(server.collectors.of(org_id)) == 5

    live(engine, tmp_path, life)


def test_a_clock_that_was_set_back(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Nobody was heard of in the future."""

    async def life(server: Kept) -> None:
        await server.send(org_id, now(server))
        await server.upkeep.turn()
        stood = server.time.elapsed()
        server.collectors._elapsed = lambda: stood
        server.time.pass_s(-7_200)
        await server.upkeep.turn()
        assert server.collector(org_id, "peer-1").known.contact_us == server.time()
        assert state(server, org_id)[0] == CollectorState.ok

    live(engine, tmp_path, life)


def test_times_of_events_are_the_servers(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """When a reporter was heard of is when its events arrived, whatever they say."""

    async def life(server: Kept) -> None:
        await server.send(org_id, now(server, occurred_at=rfc3339(server.time() + 3_000 * SECOND)))
        await server.upkeep.turn()
        known = server.collector(org_id, "peer-1").known
        assert (known.contact_us, known.skew_us) == (server.time(), 3_000 * SECOND)
        assert server.collectors.judged(server.collector(org_id, "peer-1")).clock_off

    live(engine, tmp_path, life)
