"""NDJSON: one JSON object a line, columns of the family by name.

The fast way has Arrow parse the whole body at once, with the columns that some of its lines name, or else with all of them.
Where Arrow does not accept something, the exact way reads line by line, which is slower and can say what is wrong where.
"""

from functools import cache
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.json

from meshtrail.common.errors import TooLargeError
from meshtrail.ingest.batch import Batch, Refusals
from meshtrail.ingest.limits import BATCH_ROWS_MAX
from meshtrail.model.arrow import wire_schema
from meshtrail.model.columns import Column, Family, Kind

BLOCK_BYTES = 4 * 1024**2
"""Arrow parses blocks of this size; a line cannot be longer. Of 1 to 64 MiB this costs least processor time."""

SAMPLED_LINES = 64
"""Lines whose columns are looked at before a body is parsed; a few microseconds each."""

_ANY_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INTEGERS = {Kind.port: 16, Kind.u8: 8, Kind.u32: 32, Kind.u64: 64}


def decode(body: bytes, family: Family) -> Batch:
    """Columns of wire values. Lines that cannot be read are refused; blank lines are skipped."""
    table = _fast(body, family)
    if table is not None:
        return Batch(table, np.arange(1, table.num_rows + 1), Refusals())
    return _exact(body, family)


def _fast(body: bytes, family: Family) -> pa.Table | None:
    rows = body.count(b"\n") + (not body.endswith(b"\n"))
    if rows > BATCH_ROWS_MAX:
        raise TooLargeError(f"The body has more than {BATCH_ROWS_MAX} lines.", "Send smaller batches.")
    try:
        names = _names(body)
        body.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    whole = wire_schema(family)
    table = _parsed(body, pa.schema(field for field in whole if field.name in names))
    if table is None:  # a line that was not looked at has another column
        table = _parsed(body, whole)
    return table if table is not None and table.num_rows == rows else None


def _names(body: bytes) -> set[str]:
    """The columns of some lines: an agent's lines differ, as some connections have ended and others have not."""
    names: set[str] = set()
    begin, step = 0, len(body) // SAMPLED_LINES
    while True:
        end = body.find(b"\n", begin)
        names.update(_ANY_LINE.decode(body[begin : end if end >= 0 else len(body)]))
        begin = body.find(b"\n", max(end, begin + step)) + 1
        if end < 0 or not 0 < begin < len(body):
            return names


def _parsed(body: bytes, schema: pa.Schema) -> pa.Table | None:
    """The body with those of these columns that have values; None when Arrow does not accept it."""
    try:  # on this thread alone: bodies are decoded side by side, which costs less than to share one among threads
        table = pa.json.read_json(
            pa.BufferReader(body),
            pa.json.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    except pa.ArrowInvalid:
        return None
    return table.select([name for name in table.column_names if table[name].null_count < table.num_rows])


def _field_type(column: Column) -> Any:
    if column.kind in _INTEGERS:
        bits = _INTEGERS[column.kind]
        if bits == 64:
            return Annotated[int, msgspec.Meta(ge=0)] | None
        return Annotated[int, msgspec.Meta(ge=0, le=(1 << bits) - 1)] | None
    if column.kind is Kind.names:
        return list[str] | None
    return str | None


@cache
def _line_decoder(name: str, columns: tuple[Column, ...]) -> msgspec.json.Decoder[Any]:
    fields = [(column.name, _field_type(column), None) for column in columns]
    struct = msgspec.defstruct(f"{name}_line", fields, forbid_unknown_fields=True, kw_only=True)
    return msgspec.json.Decoder(struct)


def _exact(body: bytes, family: Family) -> Batch:
    decoder = _line_decoder(family.name, family.wire)
    refusals = Refusals()
    rows: list[dict[str, object]] = []
    lines: list[int] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        if len(line) > BLOCK_BYTES:
            refusals.add(number, "", f"the line is longer than {BLOCK_BYTES} bytes")
            continue
        try:
            row = msgspec.structs.asdict(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            refusals.add(number, *_located(str(error)))
            continue
        too_large = next((n for n, v in row.items() if isinstance(v, int) and v >= 1 << 64), None)
        if too_large is not None:
            refusals.add(number, too_large, "the number does not fit into 64 bits")
            continue
        rows.append(row)
        lines.append(number)
    schema = wire_schema(family)
    table = pa.Table.from_pylist(rows, schema) if rows else schema.empty_table()
    used = [name for name in table.column_names if table[name].null_count < table.num_rows]
    return Batch(table.select(used), np.array(lines, dtype=np.int64), refusals)


def _located(message: str) -> tuple[str, str]:
    """Field and reason out of msgspec's message: "Expected `int`, got `str` - at `$.protocol`"."""
    reason, _, path = message.partition(" - at `$.")
    if path:
        return path.rstrip("`"), reason[:1].lower() + reason[1:]
    if reason.startswith("Object contains unknown field `"):
        return reason.split("`")[1], "there is no such field"
    return "", reason[:1].lower() + reason[1:]
