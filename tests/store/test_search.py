"""Searches by the vocabulary give the rows that looking into every text gives."""

import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from meshtrail.filter import Moment, parse, resolved
from meshtrail.filter.tree import Match, Or, Word
from meshtrail.filter.values import Text
from meshtrail.model.columns import TRAFFIC
from meshtrail.store import search as module
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.query import Query, compiled
from meshtrail.store.reader import NATIVE_COLUMNS, Reader
from meshtrail.store.search import Search
from tests.filter.random_rows import random_rows
from tests.pipes import store
from tests.rows import NOON_US, report

DAY_US = 86_400_000_000
TEXTS = ("ana", "AN", "10.0.0", "0.0.1", "fd00", "::", "peer", "no such thing", "tcp", "é", "%", "_", "'", "\\", "a\tb", "1")


def looked_into(engine: EmbeddedEngine, query: Query) -> list[str]:
    """Ids of the rows by the texts themselves."""
    part = compiled(query)
    return sorted(engine.read(f"SELECT id FROM traffic FINAL WHERE {part.where}", part.parameters, "TSV").decode().split())


def found(engine: EmbeddedEngine, query: Query) -> list[str]:
    """Ids of the rows that the list gives."""
    rows: list[dict[str, Any]] = msgspec.json.decode(Reader(engine).page(query, NATIVE_COLUMNS, 5_000))
    return sorted(row["id"] for row in rows)


def test_any_text_finds_the_same_rows(engine: EmbeddedEngine, org_id: str) -> None:
    """Parts of names and addresses in any case, signs that mean something elsewhere, windows of days; as search text and as free words,
    also negated and beside other conditions."""
    chance = random.Random(8)
    openings, ends = random_rows(chance, 200)
    odd = [report(NOON_US, user_name=text, destination_name=f"x{text}y") for text in TEXTS]
    odd += [report(NOON_US, source_address=each) for each in ("::1.2.3.4", "::ffff:0:1", "2001:db8::1", "10.0.0.77")]
    store(engine, org_id, [*openings, *odd], ends)
    for number, text in enumerate((*TEXTS, "1.2.3.4", "2001:DB8", "10.0.0.77", "10.0.0.0/8", "77")):
        since = NOON_US - DAY_US if number % 2 else None
        query = Query(org_id, search=text, since=since, until=None if number % 3 else NOON_US + DAY_US)
        assert Search(engine, TRAFFIC).resolved(query).found is not None
        assert found(engine, query) == looked_into(engine, query), text
        for form in ("{}", "not {}", "{} and state = closed", "not ({} or user.id = u1)"):
            word = '"' + text.replace("\\", "\\\\").replace("\t", "\\t") + '"'
            tree = resolved(parse(form.format(word), TRAFFIC), Moment(NOON_US))
            query = Query(org_id, filter=tree, since=since)
            assert found(engine, query) == looked_into(engine, query), (form, text)
    engine.execute("OPTIMIZE TABLE traffic FINAL")  # merges make the indexes of values
    for text in TEXTS:
        query = Query(org_id, search=text)
        assert found(engine, query) == looked_into(engine, query), text


def test_too_many_values_are_looked_for_in_the_rows(engine: EmbeddedEngine, org_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the query stays as it is, and the rows are the same."""
    store(engine, org_id, [report(NOON_US + number, user_name=f"person-{number}") for number in range(20)])
    query = Query(org_id, search="person-", filter=Word(Text("person-")))
    few = Search(engine, TRAFFIC).resolved(query)
    assert few.found is not None
    assert isinstance(few.filter, Or)
    assert [type(each) for each in few.filter.items] == [Match]
    monkeypatch.setattr(module, "SEARCH_VALUES_MAX", 19)
    assert Search(engine, TRAFFIC).resolved(query) == query
    assert len(found(engine, query)) == 20


def test_another_organisation_has_another_vocabulary(engine: EmbeddedEngine, org_id: str) -> None:
    """Its values are not looked at, and its rows not found."""
    store(engine, f"{org_id}-other", [report(NOON_US, user_name="only there")])
    store(engine, org_id, [report(NOON_US, user_name="only here")])
    query = Query(org_id, search="only")
    assert [each.values for each in Search(engine, TRAFFIC).resolved(query).found or ()] == [("only here",)]
    assert len(found(engine, query)) == 1
    assert found(engine, replace(query, search="only there")) == []
