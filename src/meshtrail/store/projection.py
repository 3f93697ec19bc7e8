"""How a family's rows are shown: what is selected, and the output format in which one line is one JSON object."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.query import address_text

JSON_ROWS = "JSONEachRow"
RAW_ROWS = "TSVRaw"
"""Values as they are, without escapes: for rows that are made as JSON by the statement itself."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A list of columns for SELECT."""

    sql: str
    form: str = JSON_ROWS


def shown(column: Column) -> str:
    """SQL of a column as the native API shows it."""
    if column.kind is Kind.address:
        return f"{address_text(column.name)} AS {column.name}"
    if column.name == "seq":
        return "toString(seq) AS seq"
    return column.name


def native(family: Family) -> Projection:
    """The native API's: every column but the organisation; 64-bit positions are text because JavaScript's numbers end at 2^53."""
    columns = [column for column in family if column.name != "org_id"]
    if any(column.kind is Kind.json for column in columns):
        return Projection(json_object((column.name, _as_json(column)) for column in columns), RAW_ROWS)
    return Projection(", ".join(shown(column) for column in columns))


def json_object(members: Iterable[tuple[str, str]]) -> str:
    """SQL that makes one JSON object; each member's SQL gives JSON text. The engine has no output format that shows stored JSON
    as it is: its own JSON type leaves out nulls and orders names anew."""
    parts = [f"'{',' if number else '{'}\"{name}\":', {sql}" for number, (name, sql) in enumerate(members)]
    return f"concat({', '.join(parts)}, '}}')"


def as_json(sql: str) -> str:
    """SQL that shows a value as JSON, null when it is unknown."""
    return f"ifNull(toJSONString({sql}), 'null')"


def _as_json(column: Column) -> str:
    if column.kind is Kind.json:
        return f"ifNull({column.name}, 'null')"
    return as_json(shown(column).partition(" AS ")[0])
