"""The writer: gives a batch its positions and makes it durable."""

import numpy as np
import pyarrow as pa

from meshtrail.model.arrow import stored_type
from meshtrail.model.columns import TRAFFIC, Family, Kind
from meshtrail.store.engine import Engine
from meshtrail.store.positions import Positions
from meshtrail.store.vocabulary import Vocabulary


class Writer:
    """Writes batches of one family. One thread at a time."""

    def __init__(self, engine: Engine, family: Family, positions: Positions) -> None:
        self._engine = engine
        self._family = family
        self._positions = positions
        self._vocabulary = Vocabulary(engine, family) if family is TRAFFIC else None

    def write(self, batch: pa.Table) -> int:
        """Make the batch durable and return the last position given; the batch has stored columns without `seq`."""
        first, step = self._positions.take(batch.num_rows)
        seq = np.arange(batch.num_rows, dtype=np.uint64) * np.uint64(step) + np.uint64(first)
        columns = {name: self._ready(name, batch[name]) for name in batch.column_names}
        columns["seq"] = pa.array(seq)
        if self._vocabulary is not None:
            self._vocabulary.note(columns)
        self._engine.insert(self._family.name, pa.table(columns))
        return int(seq[-1])

    def _ready(self, name: str, values: pa.ChunkedArray) -> pa.Array:
        column = self._family.columns[name]
        whole = values.combine_chunks()
        if isinstance(whole, pa.ChunkedArray):
            whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
        if pa.types.is_dictionary(whole.type) and column.kind is not Kind.name:
            whole = whole.dictionary_decode()
        if column.kind is Kind.uuid:
            return swapped(whole)
        return whole if whole.type == stored_type(column) else whole.cast(stored_type(column))


def swapped(uuids: pa.Array) -> pa.Array:
    """UUIDs between network order and the engine's memory layout: two little-endian halves. Its own inverse."""
    flat = np.frombuffer(uuids.buffers()[1], dtype=">u8")[uuids.offset * 2 : (uuids.offset + len(uuids)) * 2]
    return pa.Array.from_buffers(pa.binary(16), len(uuids), [None, pa.py_buffer(flat.astype("<u8").tobytes())])
