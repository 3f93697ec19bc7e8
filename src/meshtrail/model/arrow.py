"""Arrow types of columns: the form in which batches travel from decoder to store."""

import pyarrow as pa

from meshtrail.model.columns import Column, Family, Kind

_TYPES: dict[Kind, pa.DataType] = {
    Kind.text: pa.string(),
    Kind.name: pa.dictionary(pa.int32(), pa.string()),
    Kind.names: pa.list_(pa.string()),
    Kind.uuid: pa.binary(16),
    Kind.address: pa.binary(16),
    Kind.port: pa.uint16(),
    Kind.u8: pa.uint8(),
    Kind.u32: pa.uint32(),
    Kind.u64: pa.uint64(),
    Kind.time: pa.timestamp("us", "UTC"),
    Kind.json: pa.string(),
    Kind.choice: pa.int8(),
}

_TEXT_KINDS = frozenset({Kind.text, Kind.name, Kind.uuid, Kind.address, Kind.time, Kind.json, Kind.choice})
"""Kinds that are text on the wire: what NDJSON has no type for."""


def stored_type(column: Column) -> pa.DataType:
    """Type of the column in a batch that is ready for the store; addresses and uuids are 16 bytes, network order."""
    return _TYPES[column.kind]


def stored_schema(family: Family) -> pa.Schema:
    """Schema of a batch with all columns that are on disk."""
    return pa.schema(pa.field(c.name, stored_type(c), nullable=c.nullable) for c in family.stored)


def wire_type(column: Column) -> pa.DataType:
    """Type of the column as a sender may write it in NDJSON; Arrow senders may also use `stored_type`."""
    return pa.string() if column.kind in _TEXT_KINDS else _TYPES[column.kind]


def wire_schema(family: Family) -> pa.Schema:
    """Schema of a batch of NDJSON lines before validation: everything may be missing there."""
    return pa.schema(pa.field(c.name, wire_type(c)) for c in family.wire)
