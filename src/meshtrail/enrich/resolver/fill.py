"""Puts what was found into columns. `which` is the number of each row's value, -1 where there is none."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def texts(table: pa.Table, name: str, which: np.ndarray, count: int, read: Callable[[int], str]) -> pa.Table:
    """A column of dictionary-encoded text; `read` gives the text of a number below `count`."""
    dictionary: dict[str, int] = {}
    given = None
    if name in table.column_names:
        given = _whole(table[name])
        dictionary = {text: number for number, text in enumerate(given.dictionary.to_pylist())}
    numbered = np.full(count + 1, -1, dtype=np.int32)
    for number in _used(which, count):
        numbered[number] = dictionary.setdefault(read(number), len(dictionary))
    rows = numbered[which]
    if given is not None:
        rows = np.where(which >= 0, rows, np.asarray(pc.fill_null(given.indices, -1)))
    return _put(table, name, pa.DictionaryArray.from_arrays(pa.array(rows, mask=rows < 0), pa.array([*dictionary], pa.string())))


def numbers(table: pa.Table, name: str, which: np.ndarray, count: int, read: Callable[[int], int]) -> pa.Table:
    """A column of unsigned 32-bit numbers."""
    found = np.zeros(count + 1, dtype=np.uint32)
    for number in _used(which, count):
        found[number] = read(number)
    return values(table, name, pa.array(found[which], mask=which < 0), which >= 0)


def _used(which: np.ndarray, count: int) -> list[int]:
    """The numbers that occur; the last of the counts is that of -1."""
    return [int(number) for number in np.flatnonzero(np.bincount(which + 1, minlength=count + 1)[1:])]


def values(table: pa.Table, name: str, found: pa.Array, rows: np.ndarray) -> pa.Table:
    """A plain column: what was found in these rows, else what is there."""
    if name in table.column_names:
        given = _whole(table[name])
        return _put(table, name, pc.if_else(pa.array(rows), found.cast(given.type), given))
    return _put(table, name, found if rows.all() else pc.if_else(pa.array(rows), found, pa.scalar(None, found.type)))


def lists(table: pa.Table, name: str, which: np.ndarray, found: Sequence[Sequence[str]]) -> pa.Table:
    """A column of lists of text, which no sender sets."""
    choices = pa.array([*found, ()], pa.list_(pa.string()))
    return _put(table, name, choices.take(pa.array(np.where(which >= 0, which, len(found)))))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _put(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)
