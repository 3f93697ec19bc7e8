"""From wire values to typed columns, refusing the rows that cannot be true.

Everything works on whole columns; text of few distinct values (addresses, choices, names) is looked at once per value.
"""

import socket
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.common.clock import microseconds
from meshtrail.ingest.batch import Batch
from meshtrail.ingest.limits import (
    DAYS_PER_BATCH_MAX,
    GROUPS_MAX,
    JSON_BYTES_MAX,
    MONTHS_PER_BATCH_MAX,
    TEXT_BYTES_MAX,
    TIME_AHEAD_US_MAX,
    TIME_EARLIEST_US,
)
from meshtrail.model.arrow import stored_type
from meshtrail.model.columns import Column, Family, Kind, Partition
from meshtrail.model.enums import State

_REQUIRED_OF_CONNECTIONS = ("source_address", "destination_address", "protocol")
_MAPPED = b"\x00" * 10 + b"\xff\xff"
_HEX = np.full(256, 255, dtype=np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
_HEX[np.frombuffer(b"ABCDEF", dtype=np.uint8)] = np.arange(10, 16)
_DASHES = (8, 13, 18, 23)
_PARTITIONS = {Partition.day: ("D", DAYS_PER_BATCH_MAX), Partition.month: ("M", MONTHS_PER_BATCH_MAX)}
"""numpy's unit of a partition, and how many of them a batch may touch."""

_DIGITS = np.array([i for i in range(36) if i not in _DASHES])


def validate(batch: Batch, family: Family, now_us: int) -> None:
    """Type the batch's columns in place and refuse rows; afterwards every column has its stored type, but addresses are
    dictionaries (`indices` into distinct addresses), which enrichment uses."""
    batch.table = batch.table.unify_dictionaries().combine_chunks()
    for name in batch.table.column_names:
        _type_column(batch, family.columns[name])
    _require(batch, family)
    _check_times(batch, family, now_us)
    _check_addresses(batch)


def _column(batch: Batch, name: str) -> pa.Array:
    values = batch.table[name]
    return (
        values.chunk(0) if values.num_chunks == 1 else pa.concat_arrays(values.chunks) if values.num_chunks else (pa.array([], values.type))
    )


def _replace(batch: Batch, name: str, values: pa.Array) -> None:
    batch.table = batch.table.set_column(batch.table.column_names.index(name), name, values)


def _type_column(batch: Batch, column: Column) -> None:
    values = _column(batch, column.name)
    match column.kind:
        case Kind.name | Kind.text:
            typed, bad, reason = _names(values)
        case Kind.names:
            typed, bad, reason = _lists(values)
        case Kind.choice:
            typed, bad, reason = _choices(values, column)
        case Kind.address:
            typed, bad, reason = _addresses(values)
        case Kind.uuid:
            typed, bad, reason = _uuids(values)
        case Kind.time:
            typed, bad, reason = _times(values)
        case Kind.json:
            typed, bad, reason = _objects(values)
        case _:
            typed, bad, reason = _numbers(values, column)
    _replace(batch, column.name, typed)
    if bad is not None:
        batch.refuse(bad, column.name, reason)


type_ = tuple[pa.Array, "np.ndarray | None", str]


def _encoded(values: pa.Array) -> pa.DictionaryArray:
    """Dictionary of distinct, used, non-null values; nulls stand in the indices."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.dictionary_encode()


def _bad_rows(encoded: pa.DictionaryArray, bad: list[bool]) -> np.ndarray | None:
    if not any(bad):
        return None
    flags = pa.array(bad, pa.bool_()).take(encoded.indices)
    return np.asarray(pc.fill_null(flags, False))


def _remapped(encoded: pa.DictionaryArray, values: list[object], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind).take(encoded.indices)


def _names(values: pa.Array) -> type_:
    encoded = _encoded(values)
    texts = encoded.dictionary.to_pylist()
    bad = _bad_rows(encoded, [len(text.encode()) > TEXT_BYTES_MAX for text in texts])
    if "" in texts:
        encoded = _encoded(_remapped(encoded, [text or None for text in texts], pa.string()))
    return encoded.cast(pa.dictionary(pa.int32(), pa.string())), bad, f"the text is longer than {TEXT_BYTES_MAX} bytes"


def _objects(values: pa.Array) -> type_:
    encoded = _encoded(values)
    compact = [_compact(text) for text in encoded.dictionary.to_pylist()]
    bad = _bad_rows(encoded, [text is False for text in compact])
    return _remapped(encoded, [text or None for text in compact], pa.string()), bad, (
        f"it is no JSON object of at most {JSON_BYTES_MAX} bytes"
    )  # fmt: skip


def _compact(text: str) -> str | bool | None:
    """A JSON object without blanks and line ends, None for an empty text, False for anything else."""
    if not text:
        return None
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    compact = msgspec.json.encode(found).decode()
    return compact if len(compact.encode()) <= JSON_BYTES_MAX else False


def _lists(values: pa.Array) -> type_:
    lengths = pc.fill_null(pc.list_value_length(values), 0)
    flat = pc.list_flatten(values)
    parents = np.asarray(pc.list_parent_indices(values))
    bad_items = np.asarray(pc.or_(pc.is_null(flat), pc.greater(pc.fill_null(pc.binary_length(flat), 0), TEXT_BYTES_MAX)))
    bad = np.asarray(pc.greater(lengths, GROUPS_MAX)).copy()
    bad[parents[bad_items]] = True
    typed = pc.if_else(pc.is_valid(values), values, pa.scalar([], values.type)) if values.null_count else values
    return typed, bad, f"a list has at most {GROUPS_MAX} texts of at most {TEXT_BYTES_MAX} bytes"


def _choices(values: pa.Array, column: Column) -> type_:
    assert column.choices is not None
    encoded = _encoded(values)
    texts = encoded.dictionary.to_pylist()
    members = column.choices.__members__
    bad = _bad_rows(encoded, [bool(text) and text not in members for text in texts])
    typed = _remapped(encoded, [int(members[text]) if text in members else None for text in texts], pa.int8())
    return typed, bad, f"it is none of: {', '.join(members)}"


@lru_cache(maxsize=65_536)
def packed(text: str) -> bytes | None:
    """16 bytes of an address in network order, IPv4 mapped; None when the text is no address."""
    try:
        return _MAPPED + socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        pass
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None


def _addresses(values: pa.Array) -> type_:
    encoded = _encoded(values.cast(pa.binary()) if _is_raw(values) else values)
    given = encoded.dictionary.to_pylist()
    texts = [packed(value) if isinstance(value, str) else value for value in given]
    bad = _bad_rows(encoded, [bool(value) and text is None for value, text in zip(given, texts, strict=True)])
    again = _encoded(_remapped(encoded, [text or None for text in texts], pa.binary(16)))
    return again, bad, "it is no IPv4 or IPv6 address"


def _is_raw(values: pa.Array) -> bool:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    return bool(pa.types.is_fixed_size_binary(kind))


def _uuids(values: pa.Array) -> type_:
    reason = "it is no UUID"
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_fixed_size_binary(values.type):
        return values, None, reason
    count = len(values)
    lengths = np.asarray(pc.fill_null(pc.binary_length(values), 0))
    bad = lengths != 36
    if bad.any():
        values = pc.if_else(pa.array(bad), pa.scalar("0" * 8 + ("-" + "0" * 4) * 3 + "-" + "0" * 12), values)
    flat = np.frombuffer(b"".join(_text_buffers(values)), dtype=np.uint8).reshape(count, 36)
    nibbles = _HEX[flat[:, _DIGITS]]
    bad = bad | (nibbles > 15).any(axis=1) | (flat[:, _DASHES] != ord("-")).any(axis=1)
    raw = (nibbles[:, 0::2] << 4) | (nibbles[:, 1::2] & 15)
    typed = pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(raw.tobytes())])
    return typed, bad if bad.any() else None, reason


def _text_buffers(values: pa.Array) -> list[bytes]:
    """The bytes of a text column without nulls."""
    whole = pa.concat_arrays([values.cast(pa.string())])
    offsets = np.frombuffer(whole.buffers()[1], dtype=np.int32)[whole.offset : whole.offset + len(whole) + 1]
    data = whole.buffers()[2]
    return [data.to_pybytes()[offsets[0] : offsets[-1]]] if data is not None else []


def _times(values: pa.Array) -> type_:
    kind = pa.timestamp("us", "UTC")
    reason = "it is no RFC 3339 time with offset"
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_timestamp(values.type):
        return values.cast(kind, safe=False), None, reason
    if pc.all(pc.ends_with(values, "Z")).as_py() is not False:
        try:
            return values.cast(kind), None, reason
        except pa.ArrowInvalid:
            pass
    parsed = [_time(text) for text in values.to_pylist()]
    bad = np.array([time is False for time in parsed])
    return pa.array([time or None for time in parsed], pa.int64()).cast(kind), bad, reason


def _time(text: str | None) -> int | bool | None:
    """Microseconds, None for an unknown time, False for what is no time."""
    if not text:
        return None
    try:
        return microseconds(text)
    except ValueError:
        return False


def _numbers(values: pa.Array, column: Column) -> type_:
    kind = stored_type(column)
    if values.type == kind:
        return values, None, ""
    wide = values.cast(pa.int64(), safe=False) if not pa.types.is_uint64(values.type) else values
    top = (1 << kind.bit_width) - 1
    if kind.bit_width == 64:
        bad = pc.fill_null(pc.less(wide, 0), False)
    else:
        bad = pc.fill_null(pc.or_(pc.less(wide, 0), pc.greater(wide, top)), False)
    mask = np.asarray(bad)
    return pc.if_else(bad, None, wide).cast(kind), mask, f"the number is not between 0 and {top}"


def _require(batch: Batch, family: Family) -> None:
    table = batch.table
    if "occurred_at" not in table.column_names and family.time in table.column_names:
        batch.table = table.append_column("occurred_at", table[family.time])
    for column in family.wire:
        if not column.nullable:
            _refuse_missing(batch, column.name, None)
    if "state" not in family.columns:
        return
    for name in _REQUIRED_OF_CONNECTIONS:
        if batch.table.num_rows:
            connection = np.asarray(pc.not_equal(_column(batch, "state"), int(State.gap)))
            _refuse_missing(batch, name, connection)


def _refuse_missing(batch: Batch, name: str, where: np.ndarray | None) -> None:
    count = batch.table.num_rows
    missing = np.asarray(pc.is_null(_column(batch, name))) if name in batch.table.column_names else np.ones(count, dtype=bool)
    batch.refuse(missing if where is None else missing & where, name, "it is missing")


def _check_times(batch: Batch, family: Family, now_us: int) -> None:
    for column in family.wire:
        if column.kind is not Kind.time or column.name not in batch.table.column_names or not batch.table.num_rows:
            continue
        values = _microseconds(batch, column.name, now_us)
        batch.refuse(values < TIME_EARLIEST_US, column.name, "the time is before the year 2000: the sender's clock is not set")
        values = _microseconds(batch, column.name, now_us)
        reason = "the time is more than a day ahead: the sender's clock is wrong"
        batch.refuse(values > now_us + TIME_AHEAD_US_MAX, column.name, reason)
    if batch.table.num_rows:
        _check_partitions(batch, family, now_us)


def _check_partitions(batch: Batch, family: Family, now_us: int) -> None:
    unit, most = _PARTITIONS[family.partition]
    partitions = _microseconds(batch, family.time, now_us).astype("datetime64[us]").astype(f"datetime64[{unit}]")
    distinct = np.unique(partitions)
    if len(distinct) > most:
        word = family.partition.value
        reason = f"the rows of one request span more than {most} {word}s: send this {word}'s rows apart"
        batch.refuse(partitions > distinct[most - 1], family.time, reason)


def _microseconds(batch: Batch, name: str, unknown: int) -> np.ndarray:
    return np.asarray(pc.fill_null(_column(batch, name).cast(pa.int64()), unknown))


def _check_addresses(batch: Batch) -> None:
    names = batch.table.column_names
    if "source_address" not in names or "destination_address" not in names:
        return
    families = [_is_v4(_column(batch, f"{end}_address")) for end in ("source", "destination")]
    differ = pc.fill_null(pc.not_equal(families[0], families[1]), False)
    batch.refuse(np.asarray(differ), "destination_address", "its family (IPv4, IPv6) is not that of source_address")


def _is_v4(addresses: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(addresses.type):
        addresses = addresses.dictionary_encode()
    return pa.array([value[:12] == _MAPPED for value in addresses.dictionary.to_pylist()], pa.bool_()).take(addresses.indices)
