"""Whose events these are: a sender that is bound to one reporter speaks for this one only."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.ingest.batch import Batch


def refuse_others(batch: Batch, reporter_id: str) -> None:
    """Refuse the rows of other reporters. Rows without a reporter are left for validation to refuse."""
    if "reporter_id" not in batch.table.column_names:
        return
    given = batch.table["reporter_id"]
    if pa.types.is_dictionary(given.type):
        given = given.cast(given.type.value_type)
    others = pc.fill_null(pc.not_equal(given, pa.scalar(reporter_id, given.type)), False)
    batch.refuse(np.asarray(others), "reporter_id", f"the token is of the peer {reporter_id}, which reports for itself only")
