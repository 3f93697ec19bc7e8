"""Aggregates are what a loop in Python makes of the same rows."""

import random
import uuid
from typing import Any

import pytest

from meshtrail.common.errors import InvalidError
from meshtrail.filter import Moment, resolved
from meshtrail.model.columns import AUDIT, FAMILIES, TRAFFIC, Family
from meshtrail.store.aggregate import Aggregate, Aggregated
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.engine import QueryTooLargeError, Share
from meshtrail.store.family_reader import FamilyReader
from meshtrail.store.limits import GROUPINGS_MAX, MEASURES_MAX, TOP_MAX
from meshtrail.store.measures import Clockwork, Function, by_column, measure
from meshtrail.store.query import Query
from tests.audits import store_audit
from tests.filter.naive import chooses
from tests.filter.random_filters import RandomFilters
from tests.filter.random_rows import random_events, random_rows
from tests.pipes import store
from tests.rows import NOON_US, closing, report
from tests.store.aggregates import naive, random_aggregate
from tests.store.test_filter_sql import all_rows

AGGREGATES = 80
COUNT = measure(Function.count, None)


@pytest.fixture(scope="module", params=["reports apart", "reports merged"])
def stored(engine: EmbeddedEngine, request: pytest.FixtureRequest) -> str:
    """An organisation with random rows of all families; another one has the same."""
    org_id = str(uuid.uuid4())
    for each in (org_id, str(uuid.uuid4())):
        openings, ends = random_rows(random.Random(5), 150)
        store(engine, each, openings, ends, openings[:20])
        store_audit(engine, each, random_events(random.Random(6), 150))
    if request.param == "reports merged":
        for name in FAMILIES:
            engine.execute(f"OPTIMIZE TABLE {name} FINAL")
    return org_id


def plain(found: Aggregated) -> tuple[list[tuple[list[Any], list[Any]]], list[Any] | None, list[Any], int]:
    """The answer as the oracle gives it; averages to nine digits."""
    return (
        [(each.values, _rounded(each.measures)) for each in found.top], _rounded(found.others), _rounded(found.totals) or [], found.groups
    )  # fmt: skip


def _rounded(values: list[Any] | None) -> Any:
    return None if values is None else [float(f"{value:.9g}") if isinstance(value, float) else value for value in values]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_random_aggregates_agree_with_the_naive_evaluation(engine: EmbeddedEngine, stored: str, family: Family) -> None:
    """Groups, measures, order, others and totals of random questions with random filters."""
    chance, reader = random.Random(11), FamilyReader(engine, family)
    rows = all_rows(engine, stored, family)
    filters = RandomFilters(family, rows, NOON_US, seed=12)
    for number in range(AGGREGATES):
        asked = random_aggregate(chance, family)
        tree = filters.tree() if number % 3 == 0 else None
        query = Query(stored, family=family, filter=None if tree is None else resolved(tree, Moment(NOON_US)))
        chosen = [row for row in rows if tree is None or chooses(tree, row, NOON_US, family)]
        top, others, totals, groups = naive(chosen, asked, family)
        expected = ([(key, _rounded(values)) for key, values in top], _rounded(others), _rounded(totals), groups)
        assert plain(reader.aggregate(query, asked)) == expected, asked


def test_unmerged_reports_of_one_connection_count_once(engine: EmbeddedEngine, org_id: str) -> None:
    """A connection is in the group of its merged row, not in those of its reports."""
    opening = report(NOON_US, user_id="u1")
    store(engine, org_id, [opening], [closing(opening)], [opening])
    asked = Aggregate((by_column(TRAFFIC.columns["state"]),), (COUNT, measure(Function.sum, TRAFFIC.columns["rx_bytes"])))
    found = FamilyReader(engine, TRAFFIC).aggregate(Query(org_id), asked)
    assert [(each.values, each.measures) for each in found.top] == [(["closed"], [1, 200])]
    assert (found.others, found.totals, found.groups) == (None, [1, 200], 1)


def test_nothing_found(engine: EmbeddedEngine, org_id: str) -> None:
    """Without rows there are no groups, counts are 0 and all else is unknown."""
    measures = (COUNT, measure(Function.sum, TRAFFIC.columns["rx_bytes"]), measure(Function.distinct, TRAFFIC.columns["user_id"]))
    for groupings in ((), (Clockwork.hour,)):
        found = FamilyReader(engine, TRAFFIC).aggregate(Query(org_id), Aggregate(groupings, measures))
        assert (found.top, found.others, found.totals, found.groups) == ([], None, [0, None, 0], 0)


def test_limits() -> None:
    """What is too much says so by name."""
    hour = Clockwork.hour
    for wrong in (((hour,) * (GROUPINGS_MAX + 1), (COUNT,)), ((hour,), (COUNT,) * (MEASURES_MAX + 1)), ((hour,), ())):
        with pytest.raises(InvalidError):
            Aggregate(*wrong)
    for top in (0, TOP_MAX + 1):
        with pytest.raises(InvalidError, match="top"):
            Aggregate((hour,), (COUNT,), top=top)
    for function, name in ((Function.sum, "user_id"), (Function.p50, "destination_port"), (Function.max, "source_name")):
        with pytest.raises(InvalidError, match="no number"):
            measure(function, TRAFFIC.columns[name])
    with pytest.raises(InvalidError):
        by_column(AUDIT.columns["meta"])


def test_too_many_groups_are_refused(engine: EmbeddedEngine, org_id: str) -> None:
    """A question that would form more groups than its share allows ends with an error that says too large."""
    store(engine, org_id, [report(NOON_US + number) for number in range(200)])
    asked = Aggregate((by_column(TRAFFIC.columns["flow_id"]),), (COUNT,))
    with pytest.raises(QueryTooLargeError):
        FamilyReader(engine, TRAFFIC).aggregate(Query(org_id), asked, Share("few", 10, 1 << 30, 100))
