"""Rows of bits, one bit a rule: 64 to a word, the first rule the lowest bit of the first word."""

from collections.abc import Iterable

import numpy as np

WORD = 64


def pack(flags: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Rows of bits for `size` things from the flags of each rule, which say to which things it applies."""
    words: list[np.ndarray] = []
    block = np.zeros((WORD, size), dtype=bool)
    filled = 0
    for each in flags:
        block[filled] = each
        filled += 1
        if filled == WORD:
            words.append(_word(block))
            block[:] = False
            filled = 0
    if filled or not words:
        words.append(_word(block))
    return np.ascontiguousarray(np.stack(words, axis=1))


def _word(block: np.ndarray) -> np.ndarray:
    """One word for each column of 64 flags."""
    as_bytes = np.packbits(block, axis=0, bitorder="little")
    return np.ascontiguousarray(as_bytes.T).view("<u8")[:, 0]


def first(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's first bit, or -1, and whether there are more bits."""
    full = rows != 0
    at = full.argmax(axis=1)
    word = rows[np.arange(len(rows)), at]
    lowest = word & (~word + np.uint64(1))
    exponent = np.frexp(lowest.astype(np.float64))[1] - 1
    more = (word != lowest) | (np.add.reduce(full, axis=1, dtype=np.uint16) > 1)
    return np.where(word != 0, at * WORD + exponent, -1), more


def numbers(row: np.ndarray, most: int) -> list[int]:
    """The numbers of a row's first bits."""
    bits = np.unpackbits(row.view(np.uint8), bitorder="little")
    return [int(number) for number in np.flatnonzero(bits)[:most]]


def distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows, and which of them each row is."""
    if not len(rows):
        return rows, np.zeros(0, dtype=np.int32)
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, places, which = np.unique(whole, return_index=True, return_inverse=True)
    return rows[places], which.astype(np.int32)
