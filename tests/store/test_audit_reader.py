"""Audit events are read as they were written, paged without loss, and seen by their organisation alone."""

import random
from itertools import chain, repeat
from typing import Any

import msgspec
import pytest

from meshtrail.common.clock import microseconds, wall_clock
from meshtrail.model.activities import Activity
from meshtrail.model.columns import AUDIT, FAMILIES
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.family_reader import array, last_position
from meshtrail.store.pages import Cursor
from meshtrail.store.query import Query, condition
from tests.audits import audited, store_audit
from tests.pipes import store
from tests.rows import NOON_US, report

HOSTILE = (
    '</script><script>alert("x")</script>',
    'quote " backslash \\ tab \t newline \n null \0',
    "\u2028 \u202e ümlaut 🙂", "'; DROP TABLE audit --",
)  # fmt: skip


def rows(engine: EmbeddedEngine, org_id: str, **query: Any) -> list[dict[str, Any]]:
    """All rows that match, newest first."""
    reader = AuditReader(engine)
    found: list[dict[str, Any]] = msgspec.json.decode(array(reader.lines(Query(org_id, family=AUDIT, **query), reader.native, 1000)))
    return found


def test_an_event_comes_back_whole(engine: EmbeddedEngine, org_id: str) -> None:
    """Every field, JSON as JSON: nulls, order and numbers as they were; unknown fields are null."""
    change = {"z": None, "a": [1, {"b": 2.5}], "n": 12345678901234567890, "t": "é\n"}
    sent = audited(NOON_US, before=change, after={}, status=200, error=None)
    store_audit(engine, org_id, [sent])
    (row,) = rows(engine, org_id)
    assert list(row) == [column.name for column in AUDIT if column.name != "org_id"]
    assert (row["before"], row["after"], row["meta"]) == (change, {}, {"name": "Staff to DB"})
    assert list(row["before"]) == list(change)
    assert (row["occurred_at"], row["initiator_ip"], row["outcome"], row["status"]) == (sent["occurred_at"], "192.0.2.7", "success", 200)
    assert (row["error"], row["request_id"], row["reporter_name"]) == (None, None, None)
    assert row["seq"].isdigit()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(engine: EmbeddedEngine, org_id: str, text: str) -> None:
    """In every text field and inside JSON, nothing breaks out of its value."""
    names = ("activity", "error", "initiator_id", "initiator_name", "initiator_email", "user_agent", "session_id", "token_id",
             "request_id", "target_id", "target_type", "target_name", "activity_code", "reporter_name")  # fmt: skip
    fields: dict[str, Any] = dict.fromkeys(names, text)
    store_audit(engine, org_id, [audited(NOON_US, **fields, meta={text: text}, before={text: [text]})])
    (row,) = rows(engine, org_id)
    assert {row[name] for name in names} == {text}
    assert (row["meta"], row["before"]) == ({text: text}, {text: [text]})


def test_the_same_event_delivered_twice_is_one(engine: EmbeddedEngine, org_id: str) -> None:
    """In one batch, from memory, after a restart, and even where the pipe could not know: the rows merge."""
    event, other = audited(NOON_US), audited(NOON_US)
    first, second = store_audit(engine, org_id, [event, event, other], [event])
    assert [(answer.stored, answer.duplicates) for answer in (first, second)] == [(2, 1), (0, 1)]
    before = rows(engine, org_id)
    (third,) = store_audit(engine, org_id, [other, event])
    assert (third.stored, third.duplicates) == (0, 2)
    clock = chain([NOON_US - 1], repeat(wall_clock()))
    (blind,) = store_audit(engine, org_id, [event], clock=lambda: next(clock))
    assert blind.stored == 1
    assert rows(engine, org_id) == before
    assert AuditReader(engine).count(Query(org_id, family=AUDIT), 0) == 2
    engine.execute("OPTIMIZE TABLE audit FINAL")
    assert rows(engine, org_id) == before


def test_resends_are_found_after_the_memory_forgot(engine: EmbeddedEngine, org_id: str) -> None:
    """With a memory of a few events, old ones are looked up in the store."""
    batches = [[audited(NOON_US + step * 1000 + n) for n in range(15)] for step in range(10)]
    answers = store_audit(engine, org_id, *batches, *reversed(batches), slots=64)
    assert [answer.stored for answer in answers] == [15] * 10 + [0] * 10


@pytest.mark.parametrize("newest_first", [True, False])
def test_cursor_walks_all_events_once(engine: EmbeddedEngine, org_id: str, newest_first: bool) -> None:
    """Also where many happened in one microsecond, and over months."""
    events = [audited(NOON_US - (n // 7) * 86_400_000_000 * 3) for n in range(100)]
    random.Random(5).shuffle(events)
    store_audit(engine, org_id, events)
    reader, seen, cursor = AuditReader(engine), [], None
    for _ in range(40):
        page = [msgspec.json.decode(line) for line in reader.lines(
            Query(org_id, family=AUDIT), reader.native, 9, cursor=cursor, newest_first=newest_first).splitlines()]  # fmt: skip
        seen += page
        if len(page) < 9:
            break
        last = page[-1]
        cursor = Cursor(microseconds(last["occurred_at"]), last["reporter_id"], last["event_id"])
    assert sorted(row["event_id"] for row in seen) == sorted(event["event_id"] for event in events)
    times = [row["occurred_at"] for row in seen]
    assert times == sorted(times, reverse=newest_first)


def test_one_row_by_its_id_and_only_for_its_organisation(engine: EmbeddedEngine, org_id: str) -> None:
    """The id is a UUIDv7 of the event's millisecond."""
    store_audit(engine, org_id, [audited(NOON_US), audited(NOON_US)])
    reader = AuditReader(engine)
    for row in rows(engine, org_id):
        assert int(row["id"].replace("-", "")[:12], 16) == NOON_US // 1000
        found = reader.row(org_id, NOON_US // 1000, row["id"])
        assert found is not None and msgspec.json.decode(found) == row
        assert reader.row("another", NOON_US // 1000, row["id"]) is None
    assert rows(engine, "another") == []


def test_conditions_alternatives_and_search(engine: EmbeddedEngine, org_id: str) -> None:
    """Exact values, beginnings, any of several fields, text in changes and addresses."""
    store_audit(engine, org_id, [
        audited(NOON_US, Activity.policy_add, target_name="one"), audited(NOON_US + 1, Activity.policy_delete, target_name="two"),
        audited(NOON_US + 2, Activity.group_add, target_name="three", initiator_email=None, initiator_name="Jun"),
        audited(NOON_US + 3, Activity.request_refuse, target_name="four", outcome="denied", after={"port": "5432x"}),
    ])  # fmt: skip

    def names(**query: Any) -> list[str]:
        return [row["target_name"] for row in rows(engine, org_id, **query)]

    def given(name: str, operator: str, *values: str) -> Any:
        return condition(name, operator, list(values), AUDIT)

    assert names(conditions=(given("activity_code", "starts", "policy."),)) == ["two", "one"]
    assert names(conditions=(given("activity_code", "starts", "x", "group"),)) == ["three"]
    assert names(conditions=(given("outcome", "", "denied", "failure"),)) == ["four"]
    either = (given("initiator_email", "", "ana@example.com"), given("initiator_name", "", "Jun"))
    assert names(alternatives=(either, (given("outcome", "", "success"),))) == ["three", "two", "one"]
    assert names(alternatives=((given("error", "", "x"),),)) == []
    assert names(search="5432X") == ["four"]
    assert names(search="192.0.2") == ["four", "three", "two", "one"]
    assert names(search="GROUP.ADD") == ["three"]
    assert names(since=NOON_US + 1, until=NOON_US + 3) == ["three", "two"]


def test_histogram_facets_and_changes(engine: EmbeddedEngine, org_id: str) -> None:
    """Counts by outcome, the most frequent values first, and what came after a position."""
    store_audit(engine, org_id, [audited(NOON_US, outcome="denied"), audited(NOON_US), audited(NOON_US + 2_000_000, target_name=None)])
    reader, query = AuditReader(engine), Query(org_id, family=AUDIT)
    bars = reader.histogram(query, 1_000)
    assert [(bar["success"], bar["failure"], bar["denied"]) for bar in bars] == [(1, 0, 1), (1, 0, 0)]
    assert reader.facet(query, "outcome") == [("success", 2), ("denied", 1)]
    assert reader.facet(query, "target_name")[1] == (None, 1)
    lines, position, missed = reader.changes(query, 0)
    assert (len(lines), missed) == (3, 0)
    store_audit(engine, org_id, [audited(NOON_US - 5, target_name="late")])
    lines, after, _ = reader.changes(query, position)
    assert [msgspec.json.decode(line)["target_name"] for line in lines] == ["late"]
    assert reader.changes(query, after) == ([], after, 0)


def test_positions_are_unique_across_families(engine: EmbeddedEngine, org_id: str) -> None:
    """The store's last position is the largest of all families; what is written next lies behind it."""
    store(engine, org_id, [report(NOON_US)])
    (first,) = store_audit(engine, org_id, [audited(NOON_US)])
    assert last_position(engine) == first.position
    (second,) = store(engine, org_id, [report(NOON_US)])
    assert second.position > first.position
    assert last_position(engine) == second.position
    union = " UNION ALL ".join(f"SELECT seq FROM {name} WHERE org_id = {{org:String}}" for name in FAMILIES)
    answer = engine.read(f"SELECT count(), uniqExact(seq) FROM ({union})", {"org": org_id}, "TSV").split()
    assert answer[0] == answer[1] == b"3"
