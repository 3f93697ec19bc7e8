"""The names and addresses that rows of a day have: a search looks there first, at thousands of values instead of millions of rows.

The writer notes the values of a batch before it writes the rows, so the vocabulary never lacks a value of a stored row. It may hold
values whose rows never came, or are deleted: they only cost a look. A merged row has no value that none of its reports has.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.model.columns import Family, Kind
from meshtrail.store.engine import Engine
from meshtrail.store.limits import VOCABULARY_REMEMBERED_MAX

DAY_US = 86_400_000_000

Value = str | int
"""A text, or an address as a number of 128 bits."""

_Place = tuple[str, int, str]
"""Organisation, day since 1970, column."""


def vocabulary_table(family: Family) -> str:
    """Name of the table."""
    return f"{family.name}_vocabulary"


def create_vocabulary(family: Family) -> str:
    """CREATE TABLE statement. A value is a text, or an address where the column holds addresses."""
    return (
        f"CREATE TABLE IF NOT EXISTS {vocabulary_table(family)} (org_id LowCardinality(String), day Date, "
        "field LowCardinality(String), value String CODEC(ZSTD(1)), address IPv6 CODEC(ZSTD(1))) "
        "ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(day) ORDER BY (org_id, day, field, value, address) "
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )


def fill_vocabulary(family: Family) -> str:
    """INSERT statement for the rows that are stored already."""
    lists = ", ".join(f"('{name}', {_pairs(name, family.columns[name].kind is Kind.address)})" for name in family.searched)
    days = f"SELECT org_id, toDate({family.time}) AS day, arrayJoin([{lists}]) AS list FROM {family.name} GROUP BY org_id, day"
    return (
        f"INSERT INTO {vocabulary_table(family)} SELECT org_id, day, list.1, pair.1, pair.2 FROM (SELECT org_id, day, list, "
        f"arrayJoin(list.2) AS pair FROM ({days}))"
    )


def _pairs(name: str, address: bool) -> str:
    """SQL of the column's values as pairs of text and address."""
    pair = "('', assumeNotNull(each))" if address else "(assumeNotNull(toString(each)), toIPv6('::'))"
    return f"arrayMap(each -> {pair}, groupUniqArray({name}))"


class Vocabulary:
    """Notes values of batches. One thread at a time."""

    def __init__(self, engine: Engine, family: Family) -> None:
        self._engine = engine
        self._family = family
        self._known: dict[_Place, set[Value]] = {}
        """What this process has noted, so that a value is written once a day and not with every batch."""
        self._count = 0

    def note(self, batch: Mapping[str, pa.Array]) -> None:
        """Returns when all values of the batch are durable."""
        if self._count > VOCABULARY_REMEMBERED_MAX:
            self._known.clear()
            self._count = 0
        fresh = [(place, values - self._known.get(place, set())) for place, values in self._values(batch)]
        fresh = [(place, values) for place, values in fresh if values]
        if not fresh:
            return
        self._engine.insert(vocabulary_table(self._family), _rows(fresh))
        for place, values in fresh:
            self._known.setdefault(place, set()).update(values)
            self._count += len(values)

    def _values(self, batch: Mapping[str, pa.Array]) -> Iterator[tuple[_Place, set[Value]]]:
        columns = {name: batch[name] for name in self._family.searched if name in batch}
        for org_id, day, rows in _days(batch["org_id"], batch[self._family.time]):
            for name, column in columns.items():
                yield (org_id, day, name), _distinct(column if rows is None else column.filter(rows))


def _days(organisations: pa.Array, times: pa.Array) -> Iterator[tuple[str, int, pa.Array | None]]:
    """Each organisation and day of the batch with a mask of its rows, or None when it has all of them."""
    if not len(times):
        return
    days = np.asarray(times.cast(pa.int64())) // DAY_US
    codes = organisations.dictionary_encode() if not pa.types.is_dictionary(organisations.type) else organisations
    indices = np.asarray(codes.indices)
    pairs = np.unique(np.stack([indices, days]), axis=1).T if _mixed(indices, days) else np.array([[indices[0], days[0]]])
    for code, day in pairs.tolist():
        rows = None if len(pairs) == 1 else pa.array((indices == code) & (days == day))
        yield codes.dictionary[code].as_py(), day, rows


def _mixed(indices: np.ndarray, days: np.ndarray) -> bool:
    return bool((indices != indices[0]).any() or (days != days[0]).any())


def _distinct(column: pa.Array) -> set[Value]:
    """Known values. Every batch of every sender comes through here, so it is done in whole columns."""
    if pa.types.is_dictionary(column.type):
        used = np.zeros(len(column.dictionary), dtype=bool)
        used[np.asarray(column.indices.drop_null())] = True
        return set(column.dictionary.filter(pa.array(used)).to_pylist())
    return _addresses(column.drop_null())


def _addresses(column: pa.Array) -> set[Value]:
    """As numbers. IPv4 alone differs in its last half only, and 64 bits are told apart ten times faster than 16 bytes."""
    halves = np.frombuffer(column.buffers()[1], dtype=">u8")[column.offset * 2 : (column.offset + len(column)) * 2]
    if halves[::2].any():
        return {int.from_bytes(each) for each in pc.unique(column).to_pylist()}
    return set(pc.unique(pa.array(halves[1::2].astype("<u8"))).to_pylist())


def _rows(values: list[tuple[_Place, set[Value]]]) -> pa.Table:
    rows = [(*place, each) for place, found in values for each in found]
    return pa.table(
        {
            "org_id": pa.array([row[0] for row in rows]),
            "day": pa.array([row[1] for row in rows], pa.int32()).cast(pa.date32()),
            "field": pa.array([row[2] for row in rows]),
            "value": pa.array([row[3] if isinstance(row[3], str) else "" for row in rows]),
            "address": pa.array([row[3].to_bytes(16) if isinstance(row[3], int) else bytes(16) for row in rows], pa.binary(16)),
        }
    )
