"""A page is the same however far its end is looked for at a time."""

import random
from typing import Any

import msgspec
import pytest

from meshtrail.common.clock import microseconds
from meshtrail.model.columns import TRAFFIC
from meshtrail.store import pages as module
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.pages import Cursor, Pages, Place
from meshtrail.store.projection import native
from meshtrail.store.query import Query, condition
from tests.pipes import store
from tests.rows import NOON_US, closing, report

MINUTE_US = 60_000_000
FIRST = Place(7)


def page(engine: EmbeddedEngine, query: Query, place: Place) -> list[dict[str, Any]]:
    """Rows of a page."""
    return [msgspec.json.decode(line) for line in Pages(engine, TRAFFIC).lines(query, native(TRAFFIC), place).splitlines()]


@pytest.fixture
def spread(engine: EmbeddedEngine, org_id: str) -> str:
    """An organisation with rows that come densely, then rarely, then after days of silence; another one is newer."""
    chance = random.Random(17)
    moments = [NOON_US - chance.randrange(each) for each in (MINUTE_US, 90 * MINUTE_US, 3_000 * MINUTE_US) for _ in range(25)]
    openings = [report(moment, user_id=chance.choice(("u1", "u2", "u3"))) for moment in moments]
    store(engine, org_id, openings, [closing(each) for each in openings[::3]])
    store(engine, f"{org_id}-other", [report(NOON_US + 50_000 * MINUTE_US)])
    return org_id


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_of_any_place(engine: EmbeddedEngine, spread: str, newest_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows, cursors, offsets and filters, also where a filter chooses nothing: stretches that grow give what one look gives."""
    chance = random.Random(newest_first)
    for number in range(10):
        since, until = sorted(NOON_US - chance.randrange(4_000 * MINUTE_US) for _ in range(2))
        conditions = (condition("user_id", "", [chance.choice(("u1", "nobody"))]),) if number % 2 else ()
        query = Query(spread, conditions, since if number % 3 else None, until if number % 5 == 1 else None)
        place = Place(7, chance.choice((0, 20)), None, newest_first)
        monkeypatch.setattr(module, "DETAIL_ROWS_MAX", 1 << 60)
        whole = page(engine, query, place)
        monkeypatch.setattr(module, "DETAIL_ROWS_MAX", 0)
        assert page(engine, query, place) == whole
        if whole:
            last = whole[-1]
            place = Place(7, 0, Cursor(microseconds(last["started_at"]), last["reporter_id"], last["flow_id"]), newest_first)
            following = page(engine, query, place)
            monkeypatch.setattr(module, "DETAIL_ROWS_MAX", 1 << 60)
            assert following == page(engine, query, place)


def test_the_newest_minute_is_looked_at_first(engine: EmbeddedEngine, org_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a large store a page whose rows lie there never asks for all of the table."""
    newest = NOON_US
    store(engine, org_id, [report(newest - number) for number in range(20)])
    asked: list[str] = []
    read = engine.read

    def noted(sql: str, *rest: Any, **named: Any) -> bytes:
        asked.append(sql)
        return read(sql, *rest, **named)

    monkeypatch.setattr(module, "DETAIL_ROWS_MAX", 0)
    monkeypatch.setattr(engine, "read", noted)
    assert len(page(engine, Query(org_id, until=newest + 1), FIRST)) == FIRST.limit
    assert len(asked) == 3
    assert all("{reach:Int64}" in sql for sql in asked[1:])
