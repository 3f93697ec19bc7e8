"""Puts what was found into columns. `which` is the number of each row's rule, -1 where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Words:
    """A text of each rule: distinct texts, and which of them each rule has; the last one of all is -1, for no rule."""

    texts: pa.Array
    codes: np.ndarray

    @staticmethod
    def of(texts: Sequence[str]) -> "Words":
        """The words of rules."""
        known: dict[str, int] = {}
        codes = [known.setdefault(text, len(known)) for text in texts]
        return Words(pa.array([*known], pa.string()), np.array([*codes, -1], dtype=np.int32))

    def of_rows(self, which: np.ndarray) -> tuple[np.ndarray, pa.Array]:
        """The code of each row's text, and the texts: those that occur, when most do not."""
        rows = self.codes[which]
        if len(self.texts) <= len(rows):
            return rows, self.texts
        used = np.unique(rows[rows >= 0])
        return np.where(rows >= 0, np.searchsorted(used, rows), -1).astype(np.int32), self.texts.take(pa.array(used))


def texts(table: pa.Table, name: str, which: np.ndarray, words: Words) -> pa.Table:
    """A column of dictionary-encoded text."""
    rows, found = words.of_rows(which)
    if name in table.column_names:
        given = _whole(table[name])
        known = {text: number for number, text in enumerate(given.dictionary.to_pylist())}
        codes = np.array([known.setdefault(text, len(known)) for text in found.to_pylist()] + [-1], dtype=np.int32)
        rows = np.where(rows >= 0, codes[rows], np.asarray(pc.fill_null(given.indices, -1)))
        found = pa.array([*known], pa.string())
    return _put(table, name, pa.DictionaryArray.from_arrays(pa.array(rows, mask=rows < 0), found, safe=False))


def numbers(table: pa.Table, name: str, which: np.ndarray, found: np.ndarray) -> pa.Table:
    """A column of unsigned 32-bit numbers; `found` has one for each rule, and one for no rule."""
    return values(table, name, pa.array(found[which], mask=which < 0), which >= 0)


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
