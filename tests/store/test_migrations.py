"""Steps bring a store of an older release to this one's form, with what is in it."""

import uuid
from typing import Any

import msgspec

from meshtrail.model.columns import TRAFFIC
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.migrations import STEPS, VERSION, current_version, migrate
from meshtrail.store.schema import column_definition, create_table

OLD_ATTRIBUTIONS = "Enum8('none' = 1, 'default_deny' = 2, 'resolved' = 3, 'reported' = 4)"


def rows(engine: EmbeddedEngine, table: str) -> list[dict[str, Any]]:
    """Attributions and candidates as they are read."""
    wanted = f"SELECT attribution, rule_candidates FROM {table} FINAL ORDER BY reporter_id FORMAT JSONEachRow"
    return [msgspec.json.decode(line) for line in engine.read(wanted, {}, "JSONEachRow").splitlines()]


def test_attributions_of_before_stay(engine: EmbeddedEngine) -> None:
    """The fourth step adds words to a column with values, and a column; both merge, the less certain word giving way."""
    name = f"traffic_{uuid.uuid4().hex}"
    attribution, candidates = (column_definition(TRAFFIC.columns[each]) for each in ("attribution", "rule_candidates"))
    kind = attribution[attribution.index("Enum8(") : attribution.index(")", attribution.index("Enum8(")) + 1]
    old = create_table(TRAFFIC).replace("CREATE TABLE traffic", f"CREATE TABLE {name}").replace(kind, OLD_ATTRIBUTIONS)
    engine.execute(old.replace(f"{candidates},\n", ""))
    place = "org_id, reporter_id, started_at, flow_id, seq, occurred_at, received_at, state"
    moment, flow = "fromUnixTimestamp64Micro(1790000000000000, 'UTC')", "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')"
    values = f"'o', '{{}}', {moment}, {flow}, 1, now64(6), now64(6), 'open'"
    for reporter, word in (("a", "'reported'"), ("b", "'none'"), ("c", "NULL")):
        engine.execute(f"INSERT INTO {name} ({place}, attribution) SELECT {values.format(reporter)}, {word}")
    for statement in STEPS[3]:
        engine.execute(statement.replace("ALTER TABLE traffic ", f"ALTER TABLE {name} "))
    assert [row["attribution"] for row in rows(engine, name)] == ["reported", "none", None]
    for reporter in "abc":
        engine.execute(
            f"INSERT INTO {name} ({place}, attribution, rule_candidates) SELECT {values.format(reporter)}, 'ambiguous', ['u1', 'u2']"
        )
    assert rows(engine, name) == [
        {"attribution": word, "rule_candidates": ["u1", "u2"]} for word in ("reported", "none", "ambiguous")
    ]  # fmt: skip
    engine.execute(f"DROP TABLE {name}")


def test_a_new_store_has_this_releases_version(engine: EmbeddedEngine) -> None:
    """And opening it again changes nothing."""
    assert current_version(engine) == VERSION == len(STEPS)
    assert migrate(engine) == VERSION
