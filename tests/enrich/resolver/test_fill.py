"""Values are put into columns, beside those that are there."""

import numpy as np
import pyarrow as pa

from meshtrail.enrich.resolver import fill
from meshtrail.enrich.resolver.fill import Words

WORDS = Words.of(["a", "b", "a"])
"""Texts of three rules, two of which say the same."""


def which(*numbers: int) -> np.ndarray:
    """The rule of each row."""
    return np.array(numbers, dtype=np.int32)


def test_texts_of_a_new_column() -> None:
    """Each text once, nulls where there is no rule; only texts that occur when most do not."""
    table = fill.texts(pa.table({"n": [1, 2, 3, 4]}), "name", which(2, -1, 0, 1), WORDS)
    assert table["name"].to_pylist() == ["a", None, "a", "b"]
    assert table["name"].chunk(0).dictionary.to_pylist() == ["a", "b"]
    small = fill.texts(pa.table({"n": [1]}), "name", which(1), WORDS)
    assert small["name"].chunk(0).dictionary.to_pylist() == ["b"]
    nothing = fill.texts(pa.table({"n": [1]}), "name", which(-1), WORDS)
    assert nothing["name"].to_pylist() == [None]


def test_texts_beside_others() -> None:
    """What is there stays, and its dictionary grows."""
    given = pa.array(["b", None, "z"]).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string()))
    table = fill.texts(pa.table({"name": given}), "name", which(-1, 0, -1), WORDS)
    assert table["name"].to_pylist() == ["b", "a", "z"]
    assert table["name"].type == pa.dictionary(pa.int32(), pa.string())


def test_numbers_and_values() -> None:
    """Of their type, where there is a rule."""
    versions = np.array([7, 8, 0], dtype=np.uint32)
    table = fill.numbers(pa.table({"n": [1, 2]}), "version", which(1, -1), versions)
    assert (table["version"].to_pylist(), table["version"].type) == ([8, None], pa.uint32())
    again = fill.numbers(table, "version", which(-1, 0), versions)
    assert again["version"].to_pylist() == [8, 7]
    codes = fill.values(pa.table({"n": [1, 2]}), "code", pa.array([3, 4], pa.int8()), np.array([False, True]))
    assert codes["code"].to_pylist() == [None, 4]


def test_lists() -> None:
    """Empty ones where there are none."""
    table = fill.lists(pa.table({"n": [1, 2, 3]}), "candidates", which(1, -1, 0), [("a",), ("b", "c")])
    assert table["candidates"].to_pylist() == [["b", "c"], [], ["a"]]
