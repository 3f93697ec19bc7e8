"""Arrow IPC streams: columns of the family by name, in wire types or in the types of the store."""

import struct

import numpy as np
import pyarrow as pa

from meshtrail.common.errors import InvalidError, TooLargeError
from meshtrail.ingest.batch import Batch, Refusals
from meshtrail.ingest.limits import BATCH_ROWS_MAX, DECOMPRESSED_BYTES_MAX
from meshtrail.model.columns import Column, Family, Kind


def decode(body: bytes, family: Family) -> Batch:
    """Columns of wire values. The schema is checked as a whole: an unknown or mistyped column refuses the body."""
    try:
        table = _read(body)
    except (pa.ArrowException, OSError, EOFError, ValueError, struct.error) as error:
        raise InvalidError(f"The body is no readable Arrow stream: {(str(error) or type(error).__name__).splitlines()[0]}") from None
    wire = {column.name: column for column in family.wire}
    if len(set(table.column_names)) != table.num_columns:
        raise InvalidError("A column comes twice.")
    for field in table.schema:
        if field.name not in wire:
            raise InvalidError(f"There is no field {field.name!r} that a sender may set.")
        if not _acceptable(wire[field.name], field.type):
            raise InvalidError(f"The column {field.name!r} cannot have the type {field.type}.")
    return Batch(table, np.arange(1, table.num_rows + 1), Refusals())


def _read(body: bytes) -> pa.Table:
    _refuse_compression(body)
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
        for batch in stream:
            batch.validate(full=True)
            rows += batch.num_rows
            size += batch.nbytes
            if rows > BATCH_ROWS_MAX:
                raise TooLargeError(f"The body has more than {BATCH_ROWS_MAX} rows.", "Send smaller batches.")
            if size > DECOMPRESSED_BYTES_MAX:
                raise TooLargeError(f"The body holds more than {DECOMPRESSED_BYTES_MAX} bytes of columns.")
            batches.append(batch)
        table = pa.Table.from_batches(batches, stream.schema)
    _ = table.column_names  # names that are not UTF-8 raise here
    return table


_HEADER, _DATA, _COMPRESSION = 2, 1, 3
"""Fields of the tables Message, DictionaryBatch and RecordBatch (Arrow's format/Message.fbs)."""


def _refuse_compression(body: bytes) -> None:
    """Compressed buffers name their unpacked size and Arrow believes it: a few bytes could ask for all memory. The body's
    own encoding is unpacked within a limit instead."""
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        if message.type not in {"record batch", "dictionary"}:
            continue
        metadata = message.metadata.to_pybytes()
        batch = _field(metadata, _root(metadata), _HEADER)
        if batch is not None and message.type == "dictionary":
            batch = _field(metadata, batch, _DATA)
        if batch is not None and _field(metadata, batch, _COMPRESSION) is not None:
            raise InvalidError("The buffers of the Arrow stream are compressed.", "Compress the body: Content-Encoding: zstd.")


def _root(metadata: bytes) -> int:
    return int(struct.unpack_from("<I", metadata)[0])


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Offset of a table's field that is a table itself (FlatBuffers internals), or None when it is absent."""
    directory = table - struct.unpack_from("<i", metadata, table)[0]
    if directory < 0 or 4 + 2 * number >= struct.unpack_from("<H", metadata, directory)[0]:
        return None
    offset = struct.unpack_from("<H", metadata, directory + 4 + 2 * number)[0]
    if not offset:
        return None
    place = table + offset
    return int(place + struct.unpack_from("<I", metadata, place)[0])


def _acceptable(column: Column, given: pa.DataType) -> bool:
    value = given.value_type if pa.types.is_dictionary(given) else given
    text = pa.types.is_string(value) or pa.types.is_large_string(value)
    match column.kind:
        case Kind.name | Kind.text | Kind.choice:
            return bool(text)
        case Kind.uuid | Kind.address:
            return bool(text or value in (pa.binary(16), pa.uuid()))
        case Kind.names:
            return bool(pa.types.is_list(given) and pa.types.is_string(given.value_type))
        case Kind.time:
            return bool(text or (pa.types.is_timestamp(value) and value.tz is not None))
        case _:
            return bool(pa.types.is_integer(value))
