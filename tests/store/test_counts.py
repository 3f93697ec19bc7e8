"""Histograms and facets count the same rows whether hours counted beforehand answer or the rows do."""

import random
from typing import Any

import pytest

from meshtrail.common.clock import wall_clock
from meshtrail.filter import Moment, parse, resolved
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.hours import FIELDS, HOUR_US, Hours
from meshtrail.store.query import Query
from meshtrail.store.reader import Reader
from tests.filter.random_rows import random_rows
from tests.pipes import store
from tests.rows import NOON_US, closing, report

HOUR_MS = HOUR_US // 1_000


@pytest.fixture
def readers(engine: EmbeddedEngine) -> tuple[Reader, Reader]:
    """One that reads rows, one that has hours."""
    plain, helped = Reader(engine), Reader(engine)
    helped.hours = Hours(engine, wall_clock)
    helped.hours.open()
    return plain, helped


def roll(reader: Reader) -> None:
    """Roll until nothing is left to roll."""
    assert reader.hours is not None
    while reader.hours.roll():
        pass


def agree(readers: tuple[Reader, Reader], query: Query, fields: list[str]) -> None:
    """Both readers say the same."""
    plain, helped = readers
    assert helped.histogram(query, HOUR_MS) == plain.histogram(query, HOUR_MS)
    for name in fields:
        assert helped.facet(query, name, 5) == plain.facet(query, name, 5)


@pytest.mark.slow
def test_late_merged_and_deleted_rows(engine: EmbeddedEngine, org_id: str, readers: tuple[Reader, Reader]) -> None:
    """Also while reports are behind the watermark, after the engine's own merge, and when rows were deleted."""
    chance = random.Random(33)
    openings, ends = random_rows(chance, 150)
    store(engine, org_id, openings, ends[: len(ends) // 2])
    roll(readers[1])
    tree = resolved(parse("not user.id = u1 and verdict in (denied, unknown)", TRAFFIC), Moment(NOON_US))
    queries = [Query(org_id), Query(org_id, since=NOON_US - HOUR_US // 2, until=NOON_US + 5 * HOUR_US), Query(org_id, filter=tree)]
    fields = [*chance.sample(FIELDS, 3), "destination_port", "source_groups"]
    for step in ("rolled", "late", "merged", "deleted"):
        if step == "late":
            store(engine, org_id, ends[len(ends) // 2 :])
        if step == "merged":
            engine.execute("OPTIMIZE TABLE traffic FINAL")
        if step == "deleted":
            engine.execute("DELETE FROM traffic WHERE org_id = {org:String} AND reporter_id = 'router'", {"org": org_id})
            assert readers[1].hours is not None
            readers[1].hours.forget(org_id, 0, wall_clock())
        for query in queries:
            agree(readers, query, fields)


def test_hours_are_used(engine: EmbeddedEngine, org_id: str, readers: tuple[Reader, Reader], monkeypatch: pytest.MonkeyPatch) -> None:
    """A histogram of hours and a facet of a field that hours know do not read rows one by one."""
    opening = report(NOON_US, user_name="ana")
    store(engine, org_id, [opening, report(NOON_US + HOUR_US, verdict="denied")], [closing(opening)])
    roll(readers[1])
    asked: list[str] = []
    read = engine.read

    def noted(sql: str, *rest: Any, **named: Any) -> bytes:
        asked.append(sql)
        return read(sql, *rest, **named)

    monkeypatch.setattr(engine, "read", noted)
    window = Query(org_id, since=NOON_US, until=NOON_US + 2 * HOUR_US)
    bars = readers[1].histogram(window, HOUR_MS)
    assert [(bar["allowed"] + bar["unknown"], bar["denied"]) for bar in bars] == [(1, 0), (0, 1)]
    assert readers[1].facet(window, "user_name") == [("ana", 1), (None, 1)]
    assert sum("UNION ALL" in sql and "traffic_hours_" in sql for sql in asked) == 2
