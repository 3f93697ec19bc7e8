"""Pairs that talk for the first time."""

import random

import pytest

from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.store import ends, first_seen
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.first_seen import NewPair, new_pairs
from meshtrail.store.hours import HOUR_US, Hours
from meshtrail.store.query import Query, condition
from meshtrail.store.reader import Reader
from tests.pipes import store
from tests.rows import NOON_US, closing, report

DAY_US = 24 * HOUR_US
PHONE = {"source_name": "phone", "source_address": "100.64.0.9"}
CRM = {"destination_name": "crm", "destination_address": "100.64.1.20"}


@pytest.fixture
def reader(engine: EmbeddedEngine) -> Reader:
    """The reader of the engine that tests share, with rolled hours."""
    made = Reader(engine)
    made.hours = Hours(engine, wall_clock)
    made.hours.open()
    return made


def test_what_the_phone_reached_for_the_first_time(engine: EmbeddedEngine, org_id: str, reader: Reader) -> None:
    """A pair is new when none of its rows is older; tried and denied is not reached; names count, not addresses."""
    opening = report(NOON_US - 5_000, **PHONE, destination_name="wiki", destination_address="100.64.1.30")
    rows = [
        report(NOON_US - 9 * DAY_US, **PHONE, **CRM), report(NOON_US - DAY_US, **PHONE, **CRM, destination_port=22),
        report(NOON_US - 2_000, **PHONE, **CRM | {"destination_address": "fd00::1:20"}),
        report(NOON_US - 9 * DAY_US, source_name="laptop", destination_name="wiki"), opening, closing(opening),
        report(NOON_US - 4_000, **PHONE, destination_address="203.0.113.7"),
        report(NOON_US - 3_000, **PHONE, destination_name="database", state="denied", verdict="denied"),
        report(NOON_US - 3_000, **PHONE, destination_name="printer", state="attempted"),
        report(NOON_US + 1, **PHONE, destination_name="later"),
    ]  # fmt: skip
    store(engine, org_id, rows)
    query = Query(org_id, (condition("source_name", "", ["phone"]),), until=NOON_US)
    found = new_pairs(reader, query, NOON_US - 7 * DAY_US, 50)
    assert found.pairs == [
        NewPair("phone", "203.0.113.7", NOON_US - 4_000, 1, 0), NewPair("phone", "wiki", NOON_US - 5_000, 1, 300),
    ]  # fmt: skip
    assert (found.more, found.by_address) == (False, True)
    assert new_pairs(reader, query, NOON_US - 7 * DAY_US, 1).more


@pytest.mark.slow
def test_a_large_store_answers_from_hours(
    engine: EmbeddedEngine, org_id: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The same pairs by names, whatever part of the hours is rolled; ends without a name are one."""
    chance = random.Random(3)
    names = [None, *(f"n{number}" for number in range(6))]
    rows = [
        report(
            NOON_US - chance.randrange(200) * HOUR_US, source_name=chance.choice(names), destination_name=chance.choice(names),
            source_address=f"10.0.0.{chance.randrange(1, 9)}",
        )
        for _ in range(120)
    ]  # fmt: skip
    store(engine, org_id, rows[:80])
    assert reader.hours is not None
    while reader.hours.roll():
        pass
    store(engine, org_id, rows[80:])
    monkeypatch.setattr(first_seen, "DETAIL_ROWS_MAX", 10)
    since = NOON_US - 20 * HOUR_US
    found = new_pairs(reader, Query(org_id), since, 500)
    firsts: dict[tuple[str | None, str | None], str] = {}
    for row in rows:
        pair = row.get("source_name"), row.get("destination_name")
        firsts[pair] = min(firsts.get(pair, "9"), row["started_at"])
    expected = {pair for pair, first in firsts.items() if first >= rfc3339(since)}
    assert {(pair.source, pair.destination) for pair in found.pairs} == expected
    assert expected
    assert not found.by_address


def test_few_rows_are_those_of_the_window(engine: EmbeddedEngine, org_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored of other days does not count."""
    store(engine, org_id, [report(NOON_US) for _ in range(30)])
    monkeypatch.setattr(ends, "DETAIL_ROWS_MAX", 10)
    assert not ends.few_rows(engine, Query(org_id))
    assert ends.few_rows(engine, Query(org_id, since=NOON_US + 9 * DAY_US))


@pytest.mark.parametrize("limit", [0, 501])
def test_limits(reader: Reader, org_id: str, limit: int) -> None:
    """The number of pairs is bounded."""
    with pytest.raises(ValueError, match="limit"):
        new_pairs(reader, Query(org_id), 0, limit)
