"""Rolled hours give exactly what the rows give: after late, merged, repeated and deleted reports, and from any state of the rolling."""

import random
from typing import Any

import pytest

from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.filter import Moment, parse, resolved
from meshtrail.model.columns import TRAFFIC
from meshtrail.store import hours as module
from meshtrail.store.aggregate import Aggregate, aggregated
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.hours import COUNTERS, FIELDS, HOUR_US, Hours
from meshtrail.store.hours_source import answers, with_bounds
from meshtrail.store.measures import ByTime, Clockwork, Function, Grouping, Measure, Span, by_column, measure
from meshtrail.store.query import Query, condition
from tests.filter.random_rows import random_rows
from tests.pipes import store
from tests.rows import NOON_US, closing, report

COUNT = measure(Function.count, None)
BYTES = measure(Function.sum, TRAFFIC.columns["rx_bytes"])


@pytest.fixture
def hours(engine: EmbeddedEngine) -> Hours:
    """Rolled hours of the engine that tests share."""
    opened = Hours(engine, wall_clock)
    opened.open()
    return opened


def rolled(hours: Hours) -> None:
    """Roll until nothing is left to roll."""
    while hours.roll():
        pass


def agree(engine: EmbeddedEngine, hours: Hours, query: Query, asked: Aggregate) -> Any:
    """The answer with the help of rolled hours, which is that of the rows alone."""
    assert answers(with_bounds(query), asked.groupings, asked.measures)
    plain = aggregated(engine, query, asked)
    helped = aggregated(engine, query, asked, hours=hours)
    for one, other in zip([*plain.top, plain], [*helped.top, helped], strict=True):
        assert one == pytest.approx(other) if one != other else True
    return helped


def random_question(chance: random.Random) -> Aggregate:
    """What rolled hours know."""
    groupings: list[Grouping] = [by_column(TRAFFIC.columns[name]) for name in chance.sample(FIELDS, chance.choice((0, 1, 2)))]
    groupings += chance.choice(([], [ByTime(HOUR_US, "1h")], [ByTime(Span.day, "1d")], [Clockwork.hour, Clockwork.weekday]))
    counters = chance.sample(COUNTERS, 2)
    measures: list[Measure] = [
        COUNT, measure(Function.sum, TRAFFIC.columns[counters[0]]), measure(Function.min, TRAFFIC.columns["started_at"]),
        measure(Function.max, TRAFFIC.columns["started_at"]), measure(Function.distinct, TRAFFIC.columns[chance.choice(FIELDS)]),
    ]  # fmt: skip
    zone = chance.choice(("UTC", "Europe/Berlin", "Asia/Kathmandu"))
    return Aggregate(tuple(groupings), tuple(measures), chance.choice((0, 1)), chance.random() < 0.7, chance.choice((2, 1000)), zone)


@pytest.mark.parametrize("questions", [16, pytest.param(80, marks=pytest.mark.slow)])
def test_random_questions(engine: EmbeddedEngine, org_id: str, hours: Hours, questions: int) -> None:
    """Any fields, windows with edges inside of hours, filters, zones; while reports of some hours are behind the watermark."""
    chance = random.Random(21)
    near = {rfc3339(NOON_US + number * HOUR_US)[:13] for number in range(-3, 3)}
    openings, ends = ([row for row in rows if row["started_at"][:13] in near] for rows in random_rows(chance, 800))
    store(engine, org_id, openings, ends[: len(ends) // 2])
    rolled(hours)
    late = [each for each in ends[len(ends) // 2 :] if each["started_at"] < openings[0]["started_at"]]
    store(engine, org_id, late, openings[:5])
    used = 0
    for number in range(questions):
        since, until = sorted(NOON_US + chance.randrange(-5, 5) * HOUR_US + chance.choice((0, 0, 1)) for _ in range(2))
        low, high = (since, until) if number % 3 and since < until else (None, None)
        conditions = (condition("reporter_id", "", ["peer-1", "router"]),) if number % 4 == 0 else ()
        tree = parse("not user.id = u1 and started_at >= 2026-09-21 and verdict in (denied, unknown)", TRAFFIC) if number % 5 == 0 else None
        query = Query(org_id, conditions, low, high, filter=resolved(tree, Moment(NOON_US)) if tree else None)
        agree(engine, hours, query, random_question(chance))
        used += bool(hours.clean(org_id, query.since, query.until))
    assert used > questions // 4


def test_late_merged_and_repeated_reports(engine: EmbeddedEngine, org_id: str, hours: Hours) -> None:
    """An end that comes after its hour was rolled changes the row, and so the answer; a report that comes again changes nothing."""
    opening = report(NOON_US, user_id="u1")
    asked = Aggregate((by_column(TRAFFIC.columns["state"]),), (COUNT, BYTES))
    store(engine, org_id, [opening])
    rolled(hours)
    assert [each.hour for each in hours.clean(org_id, None, None)] == [NOON_US // HOUR_US * 3600]
    assert agree(engine, hours, Query(org_id), asked).top[0].values == ["open"]
    store(engine, org_id, [closing(opening)])
    assert hours.clean(org_id, None, None) == []
    assert agree(engine, hours, Query(org_id), asked).top[0].values == ["closed"]
    rolled(hours)
    assert len(hours.clean(org_id, None, None)) == 1
    store(engine, org_id, [opening], [closing(opening)])
    assert agree(engine, hours, Query(org_id), asked).totals == [1, 200]
    rolled(hours)
    engine.execute("OPTIMIZE TABLE traffic FINAL")
    assert len(hours.clean(org_id, None, None)) == 1
    found = agree(engine, hours, Query(org_id), asked)
    assert (found.totals, found.groups) == ([1, 200], 1)


def test_deleted_rows(engine: EmbeddedEngine, org_id: str, hours: Hours) -> None:
    """Who deletes rows has their hours forgotten; they are rolled again without them, once."""
    store(engine, org_id, [report(NOON_US, user_id="u1"), report(NOON_US + 2 * HOUR_US, user_id="u1"), report(NOON_US, user_id="u2")])
    rolled(hours)
    assert len(hours.clean(org_id, None, None)) == 2
    engine.execute("DELETE FROM traffic WHERE org_id = {org:String} AND user_id = 'u1'", {"org": org_id})
    hours.forget(org_id, NOON_US, NOON_US + 3 * HOUR_US)
    asked = Aggregate((by_column(TRAFFIC.columns["user_id"]),), (COUNT,))
    assert agree(engine, hours, Query(org_id), asked).totals == [1]
    rolled(hours)
    rolled(hours)
    assert agree(engine, hours, Query(org_id), asked).totals == [1]
    assert len(hours.clean(org_id, None, None)) == 2


def test_old_generations_are_removed(engine: EmbeddedEngine, org_id: str, hours: Hours) -> None:
    """A pass after an hour was rolled again its first rows are gone."""
    for number in range(3):
        store(engine, org_id, [report(NOON_US + number)])
        rolled(hours)
    hours.roll()
    sql = f"SELECT uniqExact(generation), sum(rows) FROM {module.TABLE} WHERE org_id = {{org:String}}"
    assert engine.read(sql, {"org": org_id}, "TSV").split() == [b"1", b"3"]


def test_the_hour_that_runs_is_not_rolled(engine: EmbeddedEngine, org_id: str) -> None:
    """It is as soon as it is over and quiet; what a new process finds is what the old one left."""
    now = [NOON_US]
    hours = Hours(engine, lambda: now[0])
    hours.open()
    store(engine, org_id, [report(NOON_US - HOUR_US), report(NOON_US)])
    rolled(hours)
    assert len(hours.clean(org_id, None, None)) == 1
    now[0] += 2 * HOUR_US
    rolled(Hours(engine, lambda: now[0]))
    assert len(hours.clean(org_id, None, None)) == 2


@pytest.fixture(autouse=True)
def _many_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests leave many hours behind in the engine."""
    monkeypatch.setattr(module, "HOURS_OF_PASS_MAX", 1_000)


def test_an_hour_past_the_limits_is_read_row_by_row(
    engine: EmbeddedEngine, org_id: str, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """It does not hold up the others, and its answers are right."""
    monkeypatch.setattr(module, "ROLL_GROUPS_MAX", 20)
    many = [report(NOON_US, user_id=f"u{number}") for number in range(50)]
    store(engine, org_id, [*many, report(NOON_US + HOUR_US)])
    rolled(hours)
    assert [each.hour for each in hours.clean(org_id, None, None)] == [NOON_US // HOUR_US * 3600 + 3600]
    assert agree(engine, hours, Query(org_id), Aggregate((by_column(TRAFFIC.columns["user_id"]),), (COUNT,))).groups == 51


def test_what_is_not_known_is_read_row_by_row() -> None:
    """Addresses, ports, percentiles, quarters of an hour, texts."""
    query = Query("o")
    assert answers(query, (), (COUNT,))
    for asked in (
        ((by_column(TRAFFIC.columns["source_address"]),), (COUNT,)), ((ByTime(HOUR_US // 4, "15m"),), (COUNT,)),
        ((), (measure(Function.p95, TRAFFIC.columns["rx_bytes"]),)), ((), (measure(Function.sum, TRAFFIC.columns["starts"]),)),
    ):  # fmt: skip
        assert not answers(query, *asked)
    for other in (
        Query("o", search="x"), Query("o", (condition("destination_port", "", ["22"]),)),
        Query("o", filter=parse("laptop", TRAFFIC)), Query("o", filter=parse("verdict = denied or destination.port = 22", TRAFFIC)),
    ):  # fmt: skip
        assert not answers(with_bounds(other), (), (COUNT,))
