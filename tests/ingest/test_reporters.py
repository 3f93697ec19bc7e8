"""A bound sender speaks for itself only."""

import numpy as np
import pyarrow as pa
import pytest

from meshtrail.ingest.batch import Batch, Refusals
from meshtrail.ingest.reporters import refuse_others

VALUES = ["peer-1", "peer-2", None, "peer-1", ""]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(VALUES), pa.array(VALUES, pa.large_string()), pa.array(VALUES).dictionary_encode(),
        pa.chunked_array([VALUES[:2], VALUES[2:]], pa.string()),
    ],
)  # fmt: skip
def test_rows_of_others_are_refused(column: pa.Array) -> None:
    """Whatever type the column has; a missing reporter is for validation to say."""
    batch = Batch(pa.table({"reporter_id": column}), np.arange(1, 6), Refusals())
    refuse_others(batch, "peer-1")
    assert batch.table["reporter_id"].to_pylist() == ["peer-1", None, "peer-1"]
    assert [(each.line, each.field) for each in batch.refusals.shown] == [(2, "reporter_id"), (5, "reporter_id")]
    assert "peer-1" in batch.refusals.shown[0].reason


def test_without_the_column_nothing_is_refused_here() -> None:
    """Validation refuses every row of it."""
    batch = Batch(pa.table({"flow_id": ["x"]}), np.arange(1, 2), Refusals())
    refuse_others(batch, "peer-1")
    assert batch.table.num_rows == 1
