"""One table of columns, from which everything else derives and agrees."""

import pyarrow as pa
import pytest

from meshtrail.model.arrow import stored_schema, wire_schema
from meshtrail.model.columns import FAMILIES, TRAFFIC, Column, Family, Merge
from meshtrail.model.document import csv_header, markdown
from meshtrail.model.openapi import row_schema, wire_row_schema
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.schema import create_table

EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@pytest.mark.parametrize(
    "column", [pytest.param(column, id=f"{family.name}.{column.name}") for family in FAMILIES.values() for column in family]
)
def test_every_column_is_documented_and_consistent(column: Column) -> None:
    """A sentence, choices where the kind needs them, and no null in what identifies a row."""
    assert column.doc.endswith(".")
    assert (column.choices is not None) == (column.kind == "choice")
    if column.merge is Merge.key:
        assert not column.nullable
    if column.computed:
        assert not column.wire


@EVERY_FAMILY
def test_names_are_unique_and_derivations_agree(family: Family) -> None:
    """Arrow, API, CSV and documentation have the same fields in the same order."""
    names = [column.name for column in family]
    assert len(names) == len(set(names))
    shown = [name for name in names if name != "org_id"]
    assert list(row_schema(family)["properties"]) == shown
    assert csv_header(family).split(",") == shown
    assert stored_schema(family).names == [column.name for column in family.stored]
    assert wire_schema(family).names == list(wire_row_schema(family)["properties"])
    assert all(f"`{name}`" in markdown(family) for name in names)


@EVERY_FAMILY
def test_sort_key_is_what_identifies_a_row(family: Family) -> None:
    """The organisation leads, and the key columns are exactly the sort key."""
    assert family.sort_key[0] == "org_id"
    assert {column.name for column in family.stored if column.merge is Merge.key} == set(family.sort_key)


@EVERY_FAMILY
def test_the_engine_has_the_columns_of_the_table(engine: EmbeddedEngine, family: Family) -> None:
    """The DDL makes exactly these columns, and its enumerations hold exactly these members."""
    sql = "SELECT name, type FROM system.columns WHERE table = {table:String} AND database = 'default'"
    answer = engine.read(sql, {"table": family.name}, "TSV")
    found = dict(line.split("\t", 1) for line in answer.decode().splitlines())
    assert list(found) == [column.name for column in family]
    for column in family:
        for member in column.choices or ():
            assert f"\\'{member.name}\\' = {member.value}" in found[column.name]
    assert "fsync_after_insert = 1" in create_table(family)


@EVERY_FAMILY
def test_what_is_searched_exists(family: Family) -> None:
    """Search looks into columns of the family."""
    assert set(family.searched) <= set(family.columns)


def test_wire_schema_has_text_where_json_has_no_type() -> None:
    """Times, addresses, ids and choices are text on the wire."""
    schema = wire_schema(TRAFFIC)
    for name in ("started_at", "source_address", "flow_id", "state"):
        assert schema.field(name).type == pa.string()
