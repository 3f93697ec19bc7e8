"""JSON schema of a family's rows, as the native API shows them."""

from typing import Any

from meshtrail.model.columns import Column, Family, Kind

_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.text: {"type": "string"},
    Kind.name: {"type": "string"},
    Kind.names: {"type": "array", "items": {"type": "string"}},
    Kind.uuid: {"type": "string", "format": "uuid"},
    Kind.address: {"type": "string"},
    Kind.port: {"type": "integer", "minimum": 0, "maximum": 65_535},
    Kind.u8: {"type": "integer", "minimum": 0, "maximum": 255},
    Kind.u32: {"type": "integer", "minimum": 0},
    Kind.u64: {"type": "integer", "minimum": 0},
    Kind.time: {"type": "string", "format": "date-time"},
    Kind.json: {"type": "object"},
}


def column_schema(column: Column) -> dict[str, Any]:
    """JSON schema (2020-12) of one property."""
    if column.choices is not None:
        schema: dict[str, Any] = {"type": "string", "enum": list(column.choices.__members__)}
    elif column.name == "seq":
        schema = {"type": "string", "pattern": "^[0-9]+$"}
    else:
        schema = dict(_TYPES[column.kind])
    if column.nullable and column.kind is not Kind.names:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    unit = f" In {column.unit}." if column.unit else ""
    return {**schema, "description": column.doc + unit}


def row_schema(family: Family) -> dict[str, Any]:
    """JSON schema of a row; every property is always there, unknown ones are null."""
    shown = [column for column in family if column.name != "org_id"]
    return {
        "type": "object",
        "properties": {column.name: column_schema(column) for column in shown},
        "required": [column.name for column in shown],
        "additionalProperties": False,
    }


def wire_row_schema(family: Family) -> dict[str, Any]:
    """JSON schema of a row as a sender writes it."""
    required = [
        column.name for column in family.wire if not column.nullable and (column.name != "occurred_at" or family.time == column.name)
    ]
    return {
        "type": "object",
        "properties": {column.name: column_schema(column) for column in family.wire},
        "required": required,
        "additionalProperties": False,
    }
