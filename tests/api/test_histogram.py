"""Bars of traffic: fine ones where there are few rows, whole hours where there are many."""

import pytest

from meshtrail.api.native.traffic import HOUR_MS, histogram_of
from meshtrail.store import ends
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.reader import Reader
from tests.pipes import store
from tests.rows import NOON_US, report


def test_many_rows_are_shown_by_whole_hours(engine: EmbeddedEngine, org_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts stay the same; only the bars grow wider."""
    store(engine, org_id, [report(NOON_US + minute * 60_000_000) for minute in range(0, 400, 7)])
    day = {"from": ["2026-09-21T00:00:00Z"], "to": ["2026-09-22T00:00:00Z"]}
    fine = histogram_of(Reader(engine), org_id, day)
    monkeypatch.setattr(ends, "DETAIL_ROWS_MAX", 10)
    wide = histogram_of(Reader(engine), org_id, day)
    assert fine.interval_ms < HOUR_MS == wide.interval_ms
    assert [sum(bar.allowed + bar.denied + bar.unknown for bar in each.data) for each in (fine, wide)] == [58, 58]
