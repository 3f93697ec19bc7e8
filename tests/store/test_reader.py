"""Reads merge reports, page without loss or repetition, and stay inside the organisation."""

import random
from typing import Any

import msgspec
import pytest

from meshtrail.api.native.traffic import list_page
from meshtrail.common.clock import microseconds, rfc3339
from meshtrail.common.errors import InvalidError
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.limits import CHANGES_ROWS_MAX
from meshtrail.store.query import Query, condition
from meshtrail.store.reader import NATIVE_COLUMNS, Cursor, Reader
from tests.pipes import store
from tests.rows import NOON_US, closing, report


def rows(engine: EmbeddedEngine, org_id: str, **parameters: Any) -> list[dict[str, Any]]:
    """All rows that the native list gives."""
    given = {name.replace("__", "."): value if isinstance(value, list) else [value] for name, value in parameters.items()}
    found: list[dict[str, Any]] = msgspec.json.decode(list_page(Reader(engine), org_id, {"limit": ["1000"], **given}))["data"]
    return found


def test_closing_replaces_opening_and_keeps_its_facts(engine: EmbeddedEngine, org_id: str) -> None:
    """The closing report adds end and counters; user and process of the opening stay."""
    opening = report(NOON_US, user_name="ana", process_name="curl", policy_name="Sales to CRM")
    store(engine, org_id, [opening], [closing(opening)])
    (row,) = rows(engine, org_id)
    assert (row["state"], row["close_reason"], row["rx_bytes"], row["duration_ms"]) == ("closed", "fin", 200, 1500)
    assert (row["user_name"], row["process_name"], row["policy_name"], row["starts"], row["ends"]) == (
        "ana", "curl", "Sales to CRM", 1, 1,
    )  # fmt: skip


def test_late_opening_does_not_reopen(engine: EmbeddedEngine, org_id: str) -> None:
    """A state only advances, whatever order reports arrive in."""
    opening = report(NOON_US, user_name="ana")
    store(engine, org_id, [closing(opening)], [opening])
    (row,) = rows(engine, org_id)
    assert (row["state"], row["user_name"]) == ("closed", "ana")


def test_merge_across_midnight_and_restart(engine: EmbeddedEngine, org_id: str) -> None:
    """Reports made on two days, by two server lives, become one row, before and after the engine's own merge."""
    before_midnight = microseconds("2026-09-21T23:59:59.900000Z")
    opening = report(before_midnight)
    store(engine, org_id, [opening])
    store(engine, org_id, [closing(opening, after_us=3_600_000_000)])
    assert [row["state"] for row in rows(engine, org_id)] == ["closed"]
    engine.execute("OPTIMIZE TABLE traffic PARTITION 20260921 FINAL")
    assert [row["duration_ms"] for row in rows(engine, org_id)] == [3_600_000]


def test_id_is_the_same_in_all_reports_and_leads_back(engine: EmbeddedEngine, org_id: str) -> None:
    """The permalink does not change when a connection closes."""
    opening = report(NOON_US)
    store(engine, org_id, [opening])
    before = rows(engine, org_id)[0]["id"]
    store(engine, org_id, [closing(opening)])
    after = rows(engine, org_id)[0]["id"]
    assert before == after
    started_ms = int(before.replace("-", "")[:12], 16)
    assert started_ms == NOON_US // 1000
    found = Reader(engine).row(org_id, started_ms, before)
    assert found is not None
    assert msgspec.json.decode(found)["flow_id"] == opening["flow_id"]
    assert Reader(engine).row("another", started_ms, before) is None


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_cursor_walks_all_rows_once(engine: EmbeddedEngine, org_id: str, order: str) -> None:
    """Pages of any size give every row once and in order, also where many rows start in one microsecond."""
    moments = [NOON_US + (number // 7) * 1000 for number in range(100)]
    openings = [report(moment) for moment in moments]
    store(engine, org_id, openings, [closing(row) for row in openings[::2]])
    reader = Reader(engine)
    seen: list[str] = []
    cursor: list[str] = []
    for _ in range(40):
        page = msgspec.json.decode(list_page(reader, org_id, {"limit": ["9"], "order": [order], "cursor": cursor}))
        seen += [row["flow_id"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = [page["next_cursor"]]
    assert len(seen) == 100
    assert set(seen) == {row["flow_id"] for row in openings}
    times = {row["flow_id"]: row["started_at"] for row in openings}
    walked = [times[flow] for flow in seen]
    assert walked == sorted(walked, reverse=order == "desc")


def test_cursor_of_someone_else_is_refused() -> None:
    """A text that is no cursor gets an error that says so."""
    with pytest.raises(InvalidError, match="cursor"):
        Cursor.decode("nonsense")


def test_organisations_do_not_meet(engine: EmbeddedEngine, org_id: str) -> None:
    """The same flow sent by two organisations is two rows, each seen by its own."""
    row = report(NOON_US)
    store(engine, org_id, [row])
    store(engine, org_id + "x", [row, report(NOON_US)])
    assert len(rows(engine, org_id)) == 1
    assert len(rows(engine, org_id + "x")) == 2


FIELDS: dict[str, list[Any]] = {
    "state": ["open", "closed", "denied"], "protocol": [1, 6, 17], "destination_port": [22, 80, 443],
    "source_address": ["10.0.0.1", "10.0.1.2", "192.168.0.9"], "user_name": ["ana", "Bo'b", "c\\d", None],
}  # fmt: skip


def _random_row(chance: random.Random, number: int) -> dict[str, Any]:
    picked = {name: chance.choice(values) for name, values in FIELDS.items()}
    return report(NOON_US + number, **picked)


def test_filters_agree_with_naive_evaluation(engine: EmbeddedEngine, org_id: str) -> None:
    """200 random combinations of filters give the rows that a loop in Python gives."""
    chance = random.Random(7)
    sent = [_random_row(chance, number) for number in range(300)]
    store(engine, org_id, sent)
    for _ in range(200):
        names = chance.sample(list(FIELDS), chance.randint(1, 3))
        wanted = {name: [str(v) for v in chance.sample([v for v in FIELDS[name] if v], 2)] for name in names}
        negated = chance.random() < 0.3
        key = ".not" if negated else ""
        got = rows(engine, org_id, **{f"{name}{key}": values for name, values in wanted.items()})
        expected = [
            row for row in sent
            if all((str(row.get(name)) in values) != negated for name, values in wanted.items())
        ]  # fmt: skip
        assert {row["flow_id"] for row in got} == {row["flow_id"] for row in expected}


def test_ranges_networks_and_knowledge(engine: EmbeddedEngine, org_id: str) -> None:
    """Ranges, CIDR of both families, known and search select what they say."""
    store(
        engine, org_id,
        [
            report(NOON_US, destination_port=22, source_address="10.1.2.3", user_name="ana"),
            report(NOON_US + 1, destination_port=8443, source_address="172.16.0.1"),
            report(NOON_US + 2, source_address="2001:db8::1", destination_address="2001:db8:1::2", destination_port=53),
        ],
    )  # fmt: skip
    assert len(rows(engine, org_id, destination_port__gte="50", destination_port__lt="9000")) == 2
    assert len(rows(engine, org_id, source_address="10.0.0.0/8")) == 1
    assert len(rows(engine, org_id, source_address=["10.1.2.3", "172.16.0.0/12"])) == 2
    assert [row["source_address"] for row in rows(engine, org_id, source_address="2001:db8::/32")] == ["2001:db8::1"]
    assert len(rows(engine, org_id, user_name__known="false")) == 2
    assert len(rows(engine, org_id, search="AN")) == 1
    assert len(rows(engine, org_id, search="172.16")) == 1
    assert len(rows(engine, org_id, search="%")) == 0
    window = {"from": rfc3339(NOON_US), "to": rfc3339(NOON_US + 2)}
    assert len(rows(engine, org_id, **window)) == 2


def test_count_histogram_and_list_agree(engine: EmbeddedEngine, org_id: str) -> None:
    """Total, bars and rows are the same number, also where reports have not merged."""
    openings = [report(NOON_US + n * 1_000_000, verdict="denied" if n % 5 == 0 else "allowed") for n in range(50)]
    store(engine, org_id, openings, [closing(row) for row in openings])
    reader = Reader(engine)
    bars = reader.histogram(Query(org_id), 10_000)
    assert reader.count(Query(org_id), 1) == 50
    assert sum(bar["denied"] for bar in bars) == 10
    assert sum(bar["allowed"] + bar["denied"] + bar["unknown"] for bar in bars) == 50


def test_sparse_filter_finds_the_few(engine: EmbeddedEngine, org_id: str) -> None:
    """A filter that few rows match finds them although the page cannot be filled."""
    store(engine, org_id, [report(NOON_US + n, user_name="rare" if n in {3, 250} else "usual") for n in range(300)])
    page = Reader(engine).page(Query(org_id, (condition("user_name", "", ["rare"]),)), NATIVE_COLUMNS, 50)
    assert len(msgspec.json.decode(page)) == 2


def test_changes_follow_positions(engine: EmbeddedEngine, org_id: str) -> None:
    """The tail gets a row when it opens and again, as merged, when it closes."""
    opening = report(NOON_US, user_name="ana")
    reader = Reader(engine)
    first = store(engine, org_id, [opening])[0].position
    second = store(engine, org_id, [closing(opening)])[0].position
    found, position, missed = reader.changes(Query(org_id), first - 1)
    assert (len(found), position, missed) == (1, second, 0)
    row = msgspec.json.decode(found[0])
    assert (row["state"], row["user_name"]) == ("closed", "ana")
    assert reader.changes(Query(org_id), second)[0] == []


def test_a_slow_tail_is_told_what_it_missed(engine: EmbeddedEngine, org_id: str) -> None:
    """More changes than one read shows: the newest come, the others are counted."""
    sent = [report(NOON_US + n) for n in range(CHANGES_ROWS_MAX + 25)]
    store(engine, org_id, sent)
    found, _, missed = Reader(engine).changes(Query(org_id), 0)
    assert (len(found), missed) == (CHANGES_ROWS_MAX, 25)
    assert msgspec.json.decode(found[-1])["flow_id"] == sent[-1]["flow_id"]


def test_a_clock_that_jumps_back_loses_nothing(engine: EmbeddedEngine, org_id: str) -> None:
    """Positions run on while the server's clock is wrong; every row is stored and found."""
    now = NOON_US + 3_600_000_000

    def clock() -> int:
        return now

    rows_before = [report(NOON_US + n) for n in range(5)]
    rows_after = [report(NOON_US + 10 + n) for n in range(5)]
    first = store(engine, org_id, rows_before, clock=clock)[0].position
    now = NOON_US - 3_600_000_000
    second = store(engine, org_id, rows_after, clock=clock)[0].position
    assert second > first
    assert len(rows(engine, org_id)) == 10


@pytest.mark.parametrize("limit", [1, 2])
def test_rows_that_only_match_before_they_merge_do_not_end_a_page(engine: EmbeddedEngine, org_id: str, limit: int) -> None:
    """Openings of connections that are closed by now do not hide the open ones that are older."""
    still_open = [report(NOON_US + n) for n in range(2)]
    ended = [report(NOON_US + 1_000 + n) for n in range(20)]
    store(engine, org_id, [*still_open, *ended], [closing(row) for row in ended])
    found = rows(engine, org_id, state="open", limit=str(limit))
    assert [row["flow_id"] for row in found] == [row["flow_id"] for row in reversed(still_open)][:limit]
