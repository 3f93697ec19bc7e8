"""One table of columns, from which everything else derives and agrees."""

import pyarrow as pa
import pytest

from meshtrail.model.arrow import stored_schema, wire_schema
from meshtrail.model.columns import TRAFFIC, Column, Merge
from meshtrail.model.document import csv_header, markdown
from meshtrail.model.openapi import row_schema, wire_row_schema
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.schema import create_table


@pytest.mark.parametrize("column", list(TRAFFIC), ids=lambda column: column.name)
def test_every_column_is_documented_and_consistent(column: Column) -> None:
    """A sentence, choices where the kind needs them, and no null in what identifies a row."""
    assert column.doc.endswith(".")
    assert (column.choices is not None) == (column.kind == "choice")
    if column.merge is Merge.key:
        assert not column.nullable
    if column.computed:
        assert not column.wire


def test_names_are_unique_and_derivations_agree() -> None:
    """Arrow, API, CSV and documentation have the same fields in the same order."""
    names = [column.name for column in TRAFFIC]
    assert len(names) == len(set(names))
    shown = [name for name in names if name != "org_id"]
    assert list(row_schema(TRAFFIC)["properties"]) == shown
    assert csv_header(TRAFFIC).split(",") == shown
    assert stored_schema(TRAFFIC).names == [column.name for column in TRAFFIC.stored]
    assert wire_schema(TRAFFIC).names == list(wire_row_schema(TRAFFIC)["properties"])
    assert all(f"`{name}`" in markdown(TRAFFIC) for name in names)


def test_sort_key_is_what_identifies_a_row() -> None:
    """The organisation leads, and the key columns are exactly the sort key."""
    assert TRAFFIC.sort_key[0] == "org_id"
    assert {column.name for column in TRAFFIC.stored if column.merge is Merge.key} == set(TRAFFIC.sort_key)


def test_the_engine_has_the_columns_of_the_table(engine: EmbeddedEngine) -> None:
    """The DDL makes exactly these columns, and its enumerations hold exactly these members."""
    answer = engine.read("SELECT name, type FROM system.columns WHERE table = 'traffic' AND database = 'default'", None, "TSV")
    found = dict(line.split("\t", 1) for line in answer.decode().splitlines())
    assert list(found) == [column.name for column in TRAFFIC]
    for column in TRAFFIC:
        for member in column.choices or ():
            assert f"\\'{member.name}\\' = {member.value}" in found[column.name]
    assert "fsync_after_insert = 1" in create_table(TRAFFIC)


def test_wire_schema_has_text_where_json_has_no_type() -> None:
    """Times, addresses, ids and choices are text on the wire."""
    schema = wire_schema(TRAFFIC)
    for name in ("started_at", "source_address", "flow_id", "state"):
        assert schema.field(name).type == pa.string()
