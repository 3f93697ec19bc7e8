"""Rows that cannot be true are refused with line, field and reason; the others go on."""

import uuid
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtrail.common.errors import InvalidError
from meshtrail.ingest import arrow_ipc, ndjson
from meshtrail.ingest.batch import Batch
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import TRAFFIC
from tests.rows import NOON_US, report


def checked(lines: list[bytes]) -> Batch:
    """The batch of these lines after validation."""
    batch = ndjson.decode(b"\n".join(lines), TRAFFIC)
    validate(batch, TRAFFIC, NOON_US + 1_000_000)
    return batch


def line(**fields: Any) -> bytes:
    """A line of NDJSON."""
    return msgspec.json.encode(report(NOON_US, **fields))


BAD = [
    (b"{", "", "truncated"),
    (b"[]", "", "object"),
    (b"nonsense", "", "malformed"),
    (b'"\xff"', "", ""),
    (line(nonsense=1), "nonsense", "no such field"),
    (line(org_id="x"), "org_id", "no such field"),
    (line(seq=1), "seq", "no such field"),
    (line(protocol="6"), "protocol", "expected"),
    (line(protocol=256), "protocol", "255"),
    (line(source_port=65_536), "source_port", "65535"),
    (line(source_port=-1), "source_port", ">= 0"),
    (line(rx_bytes=1 << 64), "rx_bytes", ""),
    (line(rx_bytes=1.5), "rx_bytes", "expected"),
    (line(source_address="10.0.0.256"), "source_address", "no IPv4 or IPv6 address"),
    (line(source_address="10.0.0.1:80"), "source_address", "no IPv4 or IPv6 address"),
    (line(source_address="::1"), "destination_address", "family"),
    (line(state="opened"), "state", "none of"),
    (line(flow_id="123"), "flow_id", "UUID"),
    (line(flow_id="zz" + str(uuid.uuid4())[2:]), "flow_id", "UUID"),
    (line(started_at="2026-13-01T00:00:00Z"), "started_at", "RFC 3339"),
    (line(started_at="2026-09-21T10:00:00"), "started_at", "RFC 3339"),
    (line(started_at="1999-12-31T23:59:59Z"), "started_at", "before the year 2000"),
    (line(started_at="2096-01-01T00:00:00Z"), "started_at", "more than a day ahead"),
    (line(ended_at="2096-01-01T00:00:00Z"), "ended_at", "more than a day ahead"),
    (line(user_name="x" * 2_000), "user_name", "longer"),
    (line(source_groups=["x"] * 1_000), "source_groups", "at most"),
    (line(source_groups="x"), "source_groups", "expected"),
    (line(reporter_id=None), "reporter_id", "missing"),
    (line(source_address=None), "source_address", "missing"),
    (line(protocol=None), "protocol", "missing"),
    (line(reporter_id=""), "reporter_id", "missing"),
]


@pytest.mark.parametrize(("bad", "name", "reason"), BAD, ids=[f"{n}-{f or 'line'}" for n, (_, f, _) in enumerate(BAD)])
def test_a_bad_line_is_named_and_takes_no_other_with_it(bad: bytes, name: str, reason: str) -> None:
    """Line number (blank lines counted), field and reason are told; both good lines go on."""
    batch = checked([line(), b"", bad, line()])
    assert batch.table.num_rows == 2
    assert batch.refusals.count == 1
    refusal = batch.refusals.shown[0]
    assert refusal.line == 3
    assert refusal.field == name
    assert reason in refusal.reason


def test_several_bad_lines_keep_their_numbers() -> None:
    """Refusals by different checks name the lines of the body."""
    batch = checked([line(), line(state="x"), line(), line(source_address="x"), line(started_at="x"), line()])
    assert sorted(refusal.line for refusal in batch.refusals.shown) == [2, 4, 5]
    assert list(batch.lines) == [1, 3, 6]


def test_both_ways_of_reading_give_the_same_columns() -> None:
    """The exact reader, taken when a line is bad, agrees with the fast one."""
    lines = [line(user_name=f"u{n}", rx_bytes=n, source_groups=["a", "b"], ended_at="2026-09-21T14:13:20.5Z") for n in range(9)]
    fast, exact = checked(lines), checked([*lines, b"{"])
    assert fast.table.column_names
    for name in fast.table.column_names:
        left, right = fast.table[name].to_pylist(), exact.table[name].to_pylist()
        assert left == right, name


def test_times_with_offsets_and_nanoseconds() -> None:
    """An offset is applied; digits below a microsecond are cut."""
    batch = checked([line(started_at="2026-09-21T12:00:00.1234567+02:00")])
    assert batch.table["started_at"].to_pylist()[0].isoformat() == "2026-09-21T10:00:00.123456+00:00"


def test_empty_text_is_unknown() -> None:
    """An empty string never looks like a fact."""
    assert checked([line(user_name="")]).table["user_name"].to_pylist() == [None]


def test_gap_rows_need_no_addresses() -> None:
    """A gap says only who, when and why."""
    row = report(NOON_US, state="gap", source_address=None, destination_address=None, protocol=None, gap_cause="restart")
    assert checked([msgspec.json.encode(row)]).table.num_rows == 1


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_body_breaks_the_reader(pieces: list[bytes]) -> None:
    """Whatever bytes come, every line is stored or refused."""
    body = b"\n".join([line(), *pieces, line()])
    batch = ndjson.decode(body, TRAFFIC)
    validate(batch, TRAFFIC, NOON_US)
    filled = sum(1 for text in body.split(b"\n") if text.strip())
    assert batch.table.num_rows + batch.refusals.count == filled
    assert batch.table.num_rows >= 2


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from([c.name for c in TRAFFIC.wire]), st.one_of(
    st.none(), st.integers(-(1 << 70), 1 << 70), st.text(max_size=9), st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(max_size=3), max_size=3), st.booleans()), max_size=6))  # fmt: skip
def test_no_values_break_validation(fields: dict[str, Any]) -> None:
    """Any JSON in any field is stored or refused by name, and never raises."""
    batch = checked([line(), msgspec.json.encode({**report(NOON_US), **fields}), line()])
    assert batch.table.num_rows + batch.refusals.count == 3
    assert batch.table.num_rows >= 2


def _stream(columns: dict[str, pa.Array], **options: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _columns(count: int = 3) -> dict[str, pa.Array]:
    rows = [report(NOON_US + n) for n in range(count)]
    return {name: pa.array([row[name] for row in rows]) for name in rows[0]}


def test_arrow_rows_are_validated_like_lines() -> None:
    """Wrong values in Arrow columns are refused by row."""
    columns = _columns()
    columns["protocol"] = pa.array([6, 300, -1])
    batch = arrow_ipc.decode(_stream(columns), TRAFFIC)
    validate(batch, TRAFFIC, NOON_US)
    assert [(refusal.line, refusal.field) for refusal in batch.refusals.shown] == [(2, "protocol"), (3, "protocol")]
    assert batch.table.num_rows == 1


def test_arrow_takes_stored_types() -> None:
    """Addresses and UUIDs of 16 bytes, dictionaries and timestamps come in as they are."""
    columns = _columns(2)
    flows = [uuid.UUID(text).bytes for text in columns["flow_id"].to_pylist()]
    columns |= {
        "flow_id": pa.array(flows, pa.binary(16)),
        "source_address": pa.array([b"\0" * 10 + b"\xff\xff\x0a\0\0\x01"] * 2, pa.binary(16)),
        "started_at": pa.array([NOON_US] * 2, pa.timestamp("us", "UTC")),
        "state": pa.array(["open", "open"]).dictionary_encode(),
    }
    batch = arrow_ipc.decode(_stream(columns), TRAFFIC)
    validate(batch, TRAFFIC, NOON_US)
    assert batch.refusals.count == 0
    assert batch.table["flow_id"].to_pylist() == flows


@pytest.mark.parametrize(
    "columns",
    [
        {"nonsense": pa.array([1])}, {"seq": pa.array([1])}, {"protocol": pa.array(["6"])}, {"started_at": pa.array([1])},
        {"started_at": pa.array([1], pa.timestamp("us"))}, {"source_groups": pa.array(["a"])}, {"state": pa.array([1])},
    ],
)  # fmt: skip
def test_arrow_schema_is_checked(columns: dict[str, pa.Array]) -> None:
    """A column that does not exist or cannot have that type refuses the body and is named."""
    with pytest.raises(InvalidError, match=next(iter(columns))):
        arrow_ipc.decode(_stream(columns), TRAFFIC)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damaged_arrow_is_refused(data: st.DataObject) -> None:
    """Truncated or flipped bytes give an error of ours or values that validation judges; never anything else."""
    body = bytearray(_stream(_columns()))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    try:
        batch = arrow_ipc.decode(bytes(body[:cut]), TRAFFIC)
        validate(batch, TRAFFIC, NOON_US)
    except InvalidError:
        return
    assert isinstance(batch.lines, np.ndarray)


def test_compressed_arrow_buffers_are_refused() -> None:
    """Compression inside the stream would unpack without a limit; the body's encoding does it within one."""
    with pytest.raises(InvalidError, match="compressed"):
        arrow_ipc.decode(_stream(_columns(), compression="zstd"), TRAFFIC)
