"""NDJSON: the fast way and the exact way say the same."""

import msgspec
import pytest

from meshtrail.ingest import ndjson
from meshtrail.model.columns import TRAFFIC
from tests.rows import NOON_US, closing, report


def _body(rows: list[dict[str, object]]) -> bytes:
    return b"\n".join(msgspec.json.encode(row) for row in rows)


@pytest.mark.parametrize("lines", [2, 2 * ndjson.SAMPLED_LINES, 50 * ndjson.SAMPLED_LINES])
def test_lines_with_other_columns_are_fast(lines: int) -> None:
    """An agent's lines differ: some connections have ended. They are read as one body all the same, with the same answer."""
    rows = [report(NOON_US + number) for number in range(lines)]
    rows[-1] = closing(rows[-1])
    rows[lines // 2] |= {"policy_name": "Staff"}
    body = _body(rows)
    fast = ndjson._fast(body, TRAFFIC)
    assert fast is not None
    exact = ndjson._exact(body, TRAFFIC).table
    assert fast.select(sorted(fast.column_names)).equals(exact.select(sorted(exact.column_names)))


@pytest.mark.parametrize("body", [b"", b"\n", b"{}\n[]", b'{"state":"open"}\n{"stat":"open"}', b'{"state":1}', b"\xff", b"{"])
def test_what_the_fast_way_leaves(body: bytes) -> None:
    """Blank, foreign and broken lines are for the exact way, which says what is wrong where."""
    assert ndjson._fast(body, TRAFFIC) is None or body == b""
    ndjson.decode(body, TRAFFIC)
