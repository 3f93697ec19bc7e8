"""What a silent reporter leaves open becomes lost, once, through the pipe, and not too early."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from meshtrail.api.native.traffic import list_page
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import UnavailableError
from meshtrail.ingest import closing as closing_module
from meshtrail.ingest.limits import SILENT_AFTER_S
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.reader import Reader
from tests.ingest.upkeeps import Kept, Time, live
from tests.rows import NOON_US, closing, report

Row = dict[str, Any]


def rows(engine: EmbeddedEngine, org_id: str) -> list[Row]:
    """All rows, oldest first."""
    page: list[Row] = msgspec.json.decode(list_page(Reader(engine), org_id, {"limit": ["1000"], "order": ["asc"]}))["data"]
    return page


def states(engine: EmbeddedEngine, org_id: str) -> list[str]:
    return [row["state"] for row in rows(engine, org_id)]


def test_silence_past_the_limit_closes_what_is_open(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Open connections become lost when the reporter was silent for its limit and not before; the closed one stays, another
    reporter's too. The end is when the connection was heard of last, the report is the server's."""
    opened, ended, other = report(NOON_US), report(NOON_US + 1), report(NOON_US + 2, reporter_id="peer-2")
    seen_us = NOON_US + 40_000_000

    async def life(server: Kept) -> None:
        await server.send(org_id, opened, ended, other)
        await server.send(org_id, closing(ended))
        await server.send(org_id, {**opened, "occurred_at": rfc3339(seen_us), "last_seen_at": rfc3339(seen_us), "rx_bytes": 77})
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S)
        server.collectors.hear(org_id, "peer-2", "other", {})
        await server.upkeep.turn()
        assert states(engine, org_id) == ["open", "closed", "open"]
        server.time.pass_s(1)
        await server.upkeep.turn()

    before = REGISTRY.get_sample_value("meshtrail_lost_connections_total") or 0
    time = live(engine, tmp_path, life)
    lost, closed, still = rows(engine, org_id)
    assert [row["state"] for row in (lost, closed, still)] == ["lost", "closed", "open"]
    assert (lost["close_reason"], lost["ended_at"], lost["occurred_at"]) == ("lost", rfc3339(seen_us), rfc3339(time()))
    assert (lost["source"], lost["rx_bytes"], lost["ends"], lost["verdict"]) == ("agent", 77, None, "allowed")
    assert (REGISTRY.get_sample_value("meshtrail_lost_connections_total") or 0) - before == 1


def test_once_and_no_more(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Further turns, and the next life of the server, write nothing again."""

    async def first(server: Kept) -> None:
        await server.send(org_id, *(report(NOON_US + number) for number in range(3)))
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S + 1)
        await server.upkeep.turn()
        position = server.pipeline.position
        await server.upkeep.turn()
        assert server.pipeline.position == position
        await server.upkeep.stop()

    async def second(server: Kept) -> None:
        position = server.pipeline.position
        server.time.pass_s(SILENT_AFTER_S + 1)
        await server.upkeep.turn()
        assert server.pipeline.position == position
        assert list(server.collectors.unsettled()) == [] or all(org != org_id for org, _ in server.collectors.unsettled())

    time = live(engine, tmp_path, first)
    live(engine, tmp_path, second, time)
    assert states(engine, org_id) == ["lost"] * 3


def test_a_server_that_was_away_gives_everybody_time(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """After a restart the silence is counted anew: the time before was the server's own. What a life without a good end had
    not saved is found again in the store."""

    async def first(server: Kept) -> None:
        await server.send(org_id, report(NOON_US))

    async def second(server: Kept) -> None:
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S)
        await server.upkeep.turn()
        assert states(engine, org_id) == ["open"]
        server.time.pass_s(1)
        await server.upkeep.turn()

    time = live(engine, tmp_path, first)
    time.pass_s(10 * SILENT_AFTER_S)
    live(engine, tmp_path, second, time)
    assert states(engine, org_id) == ["lost"]


def test_a_clock_that_jumps_closes_nothing(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Time that was set did not pass."""

    async def life(server: Kept) -> None:
        await server.send(org_id, report(NOON_US))
        await server.upkeep.turn()
        stood = server.time.elapsed()
        server.collectors._elapsed = lambda: stood
        server.time.pass_s(10 * SILENT_AFTER_S)
        await server.upkeep.turn()
        assert states(engine, org_id) == ["open"]

    live(engine, tmp_path, life)


def test_the_end_that_comes_after_all_wins(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """A closing report of a reporter that comes back replaces the loss, also when its end was before the loss was noticed."""
    opened = report(NOON_US)

    async def life(server: Kept) -> None:
        await server.send(org_id, opened)
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S + 1)
        await server.upkeep.turn()
        assert states(engine, org_id) == ["lost"]
        await server.send(org_id, closing(opened, after_us=90_000_000))

    live(engine, tmp_path, life)
    (row,) = rows(engine, org_id)
    assert (row["state"], row["close_reason"], row["duration_ms"], row["ends"]) == ("closed", "fin", 90_000, 1)


def test_a_connection_that_goes_on_stays_lost_until_its_end(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Progress after the loss is kept, and says that the connection lived; its end then closes it."""
    opened = report(NOON_US)
    seen = rfc3339(NOON_US + 3_600_000_000)

    async def life(server: Kept) -> None:
        await server.send(org_id, opened)
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S + 3_600)
        await server.upkeep.turn()
        await server.send(org_id, {**opened, "occurred_at": seen, "last_seen_at": seen, "rx_bytes": 9_000})
        await server.upkeep.turn()
        (row,) = rows(engine, org_id)
        assert (row["state"], row["last_seen_at"], row["rx_bytes"]) == ("lost", seen, 9_000)
        assert row["ended_at"] < row["last_seen_at"]
        await server.send(org_id, closing(opened, after_us=4_000_000_000))

    live(engine, tmp_path, life)
    assert [(row["state"], row["duration_ms"]) for row in rows(engine, org_id)] == [("closed", 4_000_000)]


def test_a_reporter_that_falls_silent_again(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Each silence closes what was opened since the last one."""

    async def life(server: Kept) -> None:
        for number in range(2):
            await server.send(org_id, report(server.time() - 1_000_000))
            await server.upkeep.turn()
            server.time.pass_s(SILENT_AFTER_S + 1)
            await server.upkeep.turn()
            assert states(engine, org_id) == ["lost"] * (number + 1)

    live(engine, tmp_path, life)


def test_a_turn_is_bounded_and_goes_on(engine: EmbeddedEngine, org_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a turn may write is left for the next ones, also over many days."""
    monkeypatch.setattr(closing_module, "LOST_BATCH_ROWS", 4)
    monkeypatch.setattr(closing_module, "LOST_ROWS_PER_TURN_MAX", 8)
    monkeypatch.setattr(closing_module, "LOST_DAYS_PER_READ_MAX", 2)
    day_us = 86_400_000_000

    async def life(server: Kept) -> None:
        await server.send(org_id, *(report(NOON_US - number % 5 * day_us + number) for number in range(23)))
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S + 1)
        open_before = 23
        for _ in range(10):
            await server.upkeep.turn()
            left = states(engine, org_id).count("open")
            assert open_before - left <= 8 + 3
            open_before = left

    live(engine, tmp_path, life)
    assert states(engine, org_id) == ["lost"] * 23


def test_a_store_that_refuses_is_asked_again(engine: EmbeddedEngine, org_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full now is tried in the next turn; nothing is forgotten."""

    async def life(server: Kept) -> None:
        await server.send(org_id, report(NOON_US))
        await server.upkeep.turn()
        server.time.pass_s(SILENT_AFTER_S + 1)
        submit = server.pipeline.submit

        async def full(*_: Any) -> None:
            raise UnavailableError("The disk of the store is full.")

        monkeypatch.setattr(server.pipeline, "submit", full)
        await server.upkeep.turn()
        assert states(engine, org_id) == ["open"]
        monkeypatch.setattr(server.pipeline, "submit", submit)
        await server.upkeep.turn()

    before = REGISTRY.get_sample_value("meshtrail_lost_failed_batches_total") or 0
    live(engine, tmp_path, life)
    assert states(engine, org_id) == ["lost"]
    assert REGISTRY.get_sample_value("meshtrail_lost_failed_batches_total") == before + 1


def test_the_limit_is_the_servers(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """A server with another limit keeps that."""

    async def life(server: Kept) -> None:
        await server.send(org_id, report(NOON_US))
        await server.upkeep.turn()
        server.time.pass_s(31)
        await server.upkeep.turn()

    live(engine, tmp_path, life, Time(), silent_after_s=30)
    assert states(engine, org_id) == ["lost"]
