"""The compiled filter chooses what a naive evaluation chooses, from parameters only, and by the keys of the table."""

import random
from typing import Any

import msgspec

from meshtrail.filter import Moment, Node, parse, printed, resolved
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.query import Query, compiled
from meshtrail.store.reader import NATIVE_COLUMNS
from tests.filter.naive import chooses
from tests.filter.random_filters import RandomFilters
from tests.filter.random_rows import random_rows
from tests.pipes import store
from tests.rows import NOON_US

FILTERS = 2_000


def all_rows(engine: EmbeddedEngine, org_id: str) -> list[dict[str, Any]]:
    """Every row of the organisation as the native API shows it."""
    part = compiled(Query(org_id))
    lines = engine.read(f"SELECT {NATIVE_COLUMNS} FROM traffic FINAL WHERE {part.where}", part.parameters)
    return [msgspec.json.decode(line) for line in lines.splitlines()]


def chosen(engine: EmbeddedEngine, org_id: str, tree: Node, now: int = NOON_US) -> set[str]:
    """Flow ids of the rows that the store chooses."""
    part = compiled(Query(org_id, filter=resolved(tree, Moment(now))))
    return set(engine.read(f"SELECT flow_id FROM traffic FINAL WHERE {part.where}", part.parameters, "TSV").decode().split())


def test_random_filters_agree_with_the_naive_evaluation(engine: EmbeddedEngine, org_id: str) -> None:
    """2,000 random filters over 300 random rows: printed, parsed, compiled, run; the same rows as in plain Python."""
    store(engine, org_id, random_rows(random.Random(3), 300))
    rows = all_rows(engine, org_id)
    filters = RandomFilters(TRAFFIC, rows, NOON_US, seed=11)
    sizes = []
    for _ in range(FILTERS):
        tree = filters.tree()
        text = printed(tree, TRAFFIC)
        assert parse(text, TRAFFIC) == tree, text
        got = chosen(engine, org_id, tree)
        assert got == {row["flow_id"] for row in rows if chooses(tree, row, NOON_US)}, text
        sizes.append(len(got))
    assert sum(0 < size < len(rows) for size in sizes) > FILTERS / 3
