"""Audit events are checked as reports are; JSON is checked and made compact."""

from typing import Any

import msgspec
import numpy as np
import pytest

from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.ingest import ndjson
from meshtrail.ingest.batch import Batch
from meshtrail.ingest.limits import JSON_BYTES_MAX, MONTHS_PER_BATCH_MAX
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import AUDIT
from tests.audits import audited, body


def checked(*rows: dict[str, Any]) -> Batch:
    """The rows after validation."""
    batch = ndjson.decode(body(list(rows)), AUDIT)
    validate(batch, AUDIT, wall_clock())
    return batch


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("meta", "no json"), ("meta", "[1]"), ("meta", '"text"'), ("before", "{"), ("after", '{"a": NaN}'), ("meta", "[" * 100_000),
        ("meta", '{"a":' * 100_000), ("meta", msgspec.json.encode({"a": "x" * JSON_BYTES_MAX}).decode()),
        ("outcome", "maybe"), ("initiator_ip", "x"), ("status", -1), ("occurred_at", "yesterday"), ("user_agent", "x" * 1_025),
        ("occurred_at", "1999-12-31T00:00:00Z"), ("event_id", ""), ("activity_code", ""), ("reporter_id", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_named(field: str, value: object) -> None:
    """The other rows of the batch stay."""
    good = audited()
    batch = checked(good, audited(**dict[str, Any]({field: value})))
    assert [(refusal.line, refusal.field) for refusal in batch.refusals.shown] == [(2, field)]
    assert batch.table["event_id"].to_pylist() == [good["event_id"]]


def test_json_is_compact() -> None:
    """Blanks and line ends go; an empty text is unknown."""
    batch = checked(audited(meta='{ "a" :\n [1,  2] }', before=""))
    assert (batch.table["meta"].to_pylist(), batch.table["before"].to_pylist()) == (['{"a":[1,2]}'], [None])


def test_months_of_one_batch_are_bounded() -> None:
    """Each month is a partition to write."""
    months = np.arange("2010-01", "2025-01", dtype="datetime64[M]").astype("datetime64[us]").astype(int)
    batch = checked(*(audited(int(month)) for month in months))
    assert batch.table.num_rows == MONTHS_PER_BATCH_MAX
    assert batch.refusals.shown[0].field == "occurred_at"
    assert rfc3339(int(months[0]))[:4] == "2010"
