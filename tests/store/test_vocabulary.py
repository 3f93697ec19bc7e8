"""The vocabulary has every value that stored rows have, and each of them once."""

import msgspec
import pytest

from meshtrail.model.columns import TRAFFIC
from meshtrail.store import vocabulary as module
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.vocabulary import create_vocabulary, fill_vocabulary
from tests.pipes import store
from tests.rows import NOON_US, closing, report

DAY_US = 86_400_000_000
TABLE = "traffic_vocabulary"


def vocabulary(engine: EmbeddedEngine, org_id: str, table: str = TABLE) -> list[dict[str, str]]:
    """What is noted."""
    shown = "toString(day) AS day, field, value, toString(address) AS address"
    sql = f"SELECT {shown} FROM {table} FINAL WHERE org_id = {{org:String}} ORDER BY ALL"
    return [msgspec.json.decode(line) for line in engine.read(sql, {"org": org_id}).splitlines()]


def test_values_of_all_days_and_organisations(engine: EmbeddedEngine, org_id: str) -> None:
    """What is noted with the rows is what the rows have: unknown values are none."""
    opening = report(NOON_US, user_name="ana", process_name=None)
    store(engine, f"{org_id}-other", [report(NOON_US, user_name="eve")])
    store(engine, org_id, [opening, report(NOON_US + DAY_US, user_name="bo")], [closing(opening, user_email="ana@example.com")])
    noted = vocabulary(engine, org_id)
    assert [(each["day"], each["value"]) for each in noted if each["field"] == "user_name"] == [
        ("2026-09-21", "ana"), ("2026-09-22", "bo"),
    ]  # fmt: skip
    assert not [each for each in noted if each["field"] == "process_name"]
    assert [each["value"] for each in noted if each["field"] == "user_email"] == ["ana@example.com"]


def test_a_store_of_before_gets_its_vocabulary(engine: EmbeddedEngine, org_id: str) -> None:
    """The step of the store's version finds in the rows what the writer would have noted."""
    store(engine, org_id, [report(NOON_US + day * DAY_US, user_name=f"u{day}", source_address=f"fd00::{day}") for day in range(3)])
    name = "traffic_vocabulary_of_before"
    engine.execute(create_vocabulary(TRAFFIC).replace(TABLE, name))
    engine.execute(fill_vocabulary(TRAFFIC).replace(TABLE, name))
    assert vocabulary(engine, org_id, name) == vocabulary(engine, org_id)
    engine.execute(f"DROP TABLE {name}")


def test_a_known_value_is_not_written_again(engine: EmbeddedEngine, org_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One write of the vocabulary for three batches of the same names; with no memory, one each."""
    written: list[str] = []
    insert = engine.insert

    def noted(table: str, batch: object) -> None:
        written.append(table)
        insert(table, batch)

    monkeypatch.setattr(engine, "insert", noted)
    batches = [[report(NOON_US + number, user_name="ana")] for number in range(3)]
    store(engine, org_id, *batches)
    assert written.count(TABLE) == 1
    monkeypatch.setattr(module, "VOCABULARY_REMEMBERED_MAX", 0)
    store(engine, org_id, *[[report(NOON_US + number, user_name="bo")] for number in range(3, 6)])
    assert written.count(TABLE) == 4
    assert written[0] == TABLE
