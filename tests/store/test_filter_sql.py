"""The compiled filter chooses what a naive evaluation chooses, from parameters only, and by the keys of the table."""

import random
import re
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from meshtrail.common.clock import microseconds
from meshtrail.filter import Moment, Node, parse, printed, resolved, window
from meshtrail.filter.fields import fields_of
from meshtrail.filter.tree import Match
from meshtrail.filter.values import Text
from meshtrail.model.columns import AUDIT, FAMILIES, TRAFFIC, Family, Kind
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.family_reader import FamilyReader, array
from meshtrail.store.filter_sql import Parameters, filter_clauses
from meshtrail.store.query import Query, compiled
from tests.audits import store_audit
from tests.filter.naive import chooses
from tests.filter.random_filters import RandomFilters
from tests.filter.random_rows import random_events, random_rows
from tests.filter.strategies import TREES
from tests.pipes import store
from tests.rows import NOON_US, report

FILTERS = {"traffic": 2_000, "audit": 500}
ROWS = 200
ALONE = 60
"""Filters of each family that are WHERE clauses of their own; the others share a statement with some others, which is faster."""

TOGETHER = 40


@pytest.fixture(scope="module")
def stored(engine: EmbeddedEngine) -> str:
    """An organisation with random rows of all families; another one has the same."""
    org_id = str(uuid.uuid4())
    for each in (org_id, str(uuid.uuid4())):
        batches = (*random_rows(random.Random(3), ROWS), random_events(random.Random(4), ROWS))
        answers = store(engine, each, *batches[:2]) + store_audit(engine, each, batches[2])
        assert [answer.stored for answer in answers] == [len(batch) for batch in batches], answers
    return org_id


def all_rows(engine: EmbeddedEngine, org_id: str, family: Family) -> list[dict[str, Any]]:
    """Every row of the organisation as the native API shows it; JSON as text."""
    reader = FamilyReader(engine, family)
    rows = msgspec.json.decode(array(reader.lines(Query(org_id, family=family), reader.native, 10 * ROWS)))
    for row in rows:
        for column in family:
            if column.kind is Kind.json and row[column.name] is not None:
                row[column.name] = msgspec.json.encode(row[column.name]).decode()
    return rows


def chosen(engine: EmbeddedEngine, org_id: str, tree: Node, family: Family = TRAFFIC, now: int = NOON_US) -> set[str]:
    """Ids of the rows that the filter chooses as a WHERE clause."""
    part = compiled(Query(org_id, filter=resolved(tree, Moment(now)), family=family))
    sql = f"SELECT id FROM {family.name} FINAL WHERE {part.where}"
    return set(engine.read(sql, part.parameters, "TSV").decode().split())


def chosen_together(engine: EmbeddedEngine, org_id: str, trees: list[Node], family: Family) -> Iterator[set[str]]:
    """The same for several filters in one statement."""
    part = compiled(Query(org_id, family=family))
    sums: list[str] = []
    for tree in trees:
        clauses = filter_clauses(resolved(tree, Moment(NOON_US)), family, part.parameters)
        sums.append(f"groupArrayIf(id, ifNull({' AND '.join(clauses) or '1'}, 0)) AS ids{len(sums)}")
    (line,) = engine.read(f"SELECT {', '.join(sums)} FROM {family.name} FINAL WHERE {part.where}", part.parameters).splitlines()
    return (set(ids) for ids in msgspec.json.decode(line).values())


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_random_filters_agree_with_the_naive_evaluation(engine: EmbeddedEngine, stored: str, family: Family) -> None:
    """Random filters over random rows: printed, parsed, compiled, run; the same rows as in plain Python, all of them inside the
    window that the filter says."""
    rows = all_rows(engine, stored, family)
    assert len(rows) == ROWS
    filters = RandomFilters(family, rows, NOON_US, seed=11)
    trees = [filters.tree() for _ in range(FILTERS[family.name])]
    found = [chosen(engine, stored, tree, family) for tree in trees[:ALONE]]
    for at in range(ALONE, len(trees), TOGETHER):
        found += chosen_together(engine, stored, trees[at : at + TOGETHER], family)
    for tree, ids in zip(trees, found, strict=True):
        text = printed(tree, family)
        assert parse(text, family) == tree, text
        expected = [row for row in rows if chooses(tree, row, NOON_US, family)]
        assert ids == {row["id"] for row in expected}, text
        since, until = window(resolved(tree, Moment(NOON_US)), family.time)
        times = [microseconds(row[family.time]) for row in expected]
        assert all((since is None or since <= time) and (until is None or time < until) for time in times), text
    some = sum(0 < len(ids) < len(rows) for ids in found)
    assert some > len(trees) * 0.4


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_values_are_parameters(tree: Node) -> None:
    """Whatever is asked for, the SQL holds names of columns, words of SQL and places of parameters: no text, no other number."""
    parameters: Parameters = {}
    sql = " AND ".join(filter_clauses(resolved(tree, Moment(NOON_US)), TRAFFIC, parameters))
    places = re.findall(r"\{(p\d+):[A-Za-z0-9()]+\}", sql)
    assert sorted(set(places)) == sorted(parameters)
    left = re.sub(r"\{p\d+:[A-Za-z0-9()]+\}", "", sql).replace("'UTC'", "").replace("'::ffff:'", "").replace("'.'", "")
    assert re.fullmatch(r"[A-Za-z0-9_(),=!<>\- ]*", left), left
    assert set(re.findall(r"\b\d+\b", left)) <= {"0", "1", "8"}


HOSTILE = (
    "' OR 1 = 1 --", "\\", "\\'", "') OR org_id != (''", "{p0:String}", "%", "_", "\\%", "\t\n\r", "\u202e\u2028🙂", "*/ /*", "$$", "`",
    "?", "\x01", "x\\n", "NULL", "\\N",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(engine: EmbeddedEngine, org_id: str, text: str) -> None:
    """Alone, in a list, as a part, as a pattern, as a word: the one row that has the text."""
    store(engine, org_id, [report(NOON_US, source_name=text), report(NOON_US, source_name="other"), report(NOON_US)])
    (row,) = [each for each in all_rows(engine, org_id, TRAFFIC) if each["source_name"] == text]
    quoted = printed(Match(fields_of(TRAFFIC).all[0], (Text(text),)), TRAFFIC).partition("= ")[2]
    part = f'"{quoted[1:-1]}*"'
    texts = (f"= {quoted}", f'in ({quoted}, {quoted[:-1]}.")', f"contains {quoted}", f"starts_with {quoted}", f"= {part}")
    filters = [f"source.name {each}" for each in texts] + [quoted, f"{part} and not other"]
    for each in filters:
        assert chosen(engine, org_id, parse(each, TRAFFIC)) == {row["id"]}, each


@pytest.mark.parametrize(
    "text", ["", "x or not x", "not nothing", "state missing or state exists", "not (source.name = nobody)", "id exists"]
)
def test_no_filter_leaves_the_organisation(engine: EmbeddedEngine, stored: str, text: str) -> None:
    """What is true of every row is true of the organisation's rows."""
    found = chosen(engine, stored, parse(text, TRAFFIC))
    assert found == {row["id"] for row in all_rows(engine, stored, TRAFFIC)}


def test_an_id_is_found_by_the_keys(engine: EmbeddedEngine, stored: str) -> None:
    """The id is computed, and still leads to its rows: by the time inside it."""
    for family in (TRAFFIC, AUDIT):
        ids = sorted(row["id"] for row in all_rows(engine, stored, family))[:3]
        for text in (f"id = {ids[0]}", f"id in ({', '.join(ids)})"):
            tree = parse(text, family)
            assert chosen(engine, stored, tree, family) == set(ids[: len(tree.values)])  # type: ignore[union-attr]
            part = compiled(Query(stored, filter=tree, family=family))
            assert f"{family.time} >= " in part.where


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("started_at >= 2026-09-21T00:00:00Z", "started_at"),
        ("started_at in 2026-09-21", "started_at"),
        ("started_at > now-1h and verdict = denied or started_at in yesterday", "started_at"),
        ("reporter.id in (peer-1, router)", "reporter_id"),
        ("seq > 9000000000000000000", "seq_range"),
    ],
)
def test_conditions_use_keys_and_indexes(engine: EmbeddedEngine, stored: str, text: str, used: str) -> None:
    """The engine finds the condition in the sort key, the partition or a skip index."""
    part = compiled(Query(stored, filter=resolved(parse(text, TRAFFIC), Moment(NOON_US))))
    plan = engine.read(f"SELECT explain FROM (EXPLAIN indexes = 1 SELECT id FROM traffic WHERE {part.where})", part.parameters, "TSV")
    assert used.encode() in plan.partition(b"Indexes:")[2], plan.decode()


def test_relative_times_are_resolved_first() -> None:
    """The compiler has no clock."""
    for text in ("started_at > now-2h", "started_at in today..now", "not (started_at < 2026-09-21)"):
        tree = parse(text, TRAFFIC)
        with pytest.raises(ValueError, match="relative"):
            filter_clauses(tree, TRAFFIC, {})
        assert filter_clauses(resolved(tree, Moment(NOON_US)), TRAFFIC, {})


def test_the_largest_filters_run(engine: EmbeddedEngine, stored: str) -> None:
    """What the language allows, the engine takes."""
    addresses = ", ".join(f"10.0.{number >> 8}.{number & 255}" for number in range(1_000))
    names = ", ".join(f'"name {number}"' for number in range(1_000))
    networks = ", ".join(f"10.{number}.0.0/16" for number in range(200))
    nested = "not (" * 16 + "source.port = 40000" + ")" * 16
    regexes = " or ".join(f"source.name ~ /^(?:[a-z]{{1,30}}.){{1,9}}x{number}$/i" for number in range(16))
    many = " or ".join(f"either.port = {number}" for number in range(256))
    words = " or ".join(f"word{number}" for number in range(16))
    patterns = " or ".join('source.name = "a*b*c*d*e*f*g*h*i"' for _ in range(200))
    for text in (f"address in ({addresses})", f"name in ({names})", f"address in ({networks})", nested, regexes, many, words, patterns):
        tree = parse(text, TRAFFIC)
        rows = all_rows(engine, stored, TRAFFIC)
        assert chosen(engine, stored, tree) == {row["id"] for row in rows if chooses(tree, row, NOON_US)}, text[:60]
