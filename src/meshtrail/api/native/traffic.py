"""Traffic: list, one row, histogram."""

import asyncio
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.bounds import bounds
from meshtrail.api.limits import BUCKETS_MAX, PAGE_ROWS_MAX, QUERY_FIELDS_MAX
from meshtrail.api.questions import asked
from meshtrail.common.clock import microseconds, rfc3339, wall_clock
from meshtrail.common.errors import InvalidError, NotFoundError
from meshtrail.control.service import Identity, Permission
from meshtrail.store.engine import Share
from meshtrail.store.reader import NATIVE_COLUMNS, Cursor, Reader, rows_in

JSON = "application/json"
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INTERVALS_MS = (
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000, 2_592_000_000,
)  # fmt: skip
"""Widths of histogram bars that people can read."""


AnyRequest = Request[Identity, Any, State]


HOUR_MS = 3_600_000
WHOLE_HOURS_MS = 900_000
"""Bars of a quarter of an hour and wider become bars of an hour where there are many rows: whole hours are counted beforehand."""


class HistogramBucket(msgspec.Struct):
    """One bar: rows that started in [start, start + interval)."""

    start: str
    allowed: int = 0
    denied: int = 0
    unknown: int = 0


class Histogram(msgspec.Struct):
    """All bars of the window, empty ones too."""

    data: list[HistogramBucket]
    interval_ms: int


def query_string(request: AnyRequest) -> dict[str, list[str]]:
    """The query string, every name with its values."""
    try:
        return parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=False, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise InvalidError(f"The query has more than {QUERY_FIELDS_MAX} fields.", "Ask for less at once.") from None


def list_page(reader: Reader, org_id: str, parameters: read.Parameters) -> bytes:
    """The list's answer: `{"data": [...], "next_cursor": ...}` as bytes."""
    query = read.query(org_id, parameters)
    limit = read.integer(parameters, "limit", read.PAGE_ROWS, 1, PAGE_ROWS_MAX)
    after = read.single(parameters, "cursor")
    rows = reader.page(
        query, NATIVE_COLUMNS, limit, cursor=Cursor.decode(after) if after else None,
        newest_first=read.newest_first(parameters),
    )  # fmt: skip
    return b'{"data":' + rows + b',"next_cursor":' + msgspec.json.encode(_next_cursor(rows, limit)) + b"}"


class _Key(msgspec.Struct):
    started_at: str
    reporter_id: str
    flow_id: str


def _next_cursor(rows: bytes, limit: int) -> str | None:
    """Cursor after the last row, or None when the page is not full and so was the last."""
    if rows_in(rows) < limit:
        return None
    last = msgspec.json.decode(rows[rows.rfind(b"\n{") + 1 : -1].lstrip(b"["), type=_Key)
    return Cursor(microseconds(last.started_at), last.reporter_id, last.flow_id).encode()


def histogram_of(reader: Reader, org_id: str, parameters: read.Parameters, share: Share | None = None) -> Histogram:
    """Counts by verdict over the window; without a window, over the last day of which there are rows."""
    query = read.query(org_id, parameters)
    buckets = read.integer(parameters, "buckets", read.BUCKETS, 1, BUCKETS_MAX)
    since, until = bounds(reader, query, wall_clock())
    interval = next((width for width in INTERVALS_MS if (until - since) / 1_000 / width <= buckets), INTERVALS_MS[-1])
    if WHOLE_HOURS_MS <= interval < HOUR_MS and not reader.few(replace(query, since=since, until=until)):
        interval = HOUR_MS
    first, last = since // 1_000 // interval, (until - 1) // 1_000 // interval
    if last - first >= 2 * BUCKETS_MAX:
        raise InvalidError("The window is too long for a histogram.", "Narrow it with from and to.")
    bounded = replace(query, since=since, until=until)
    counted = {row["bucket"]: row for row in reader.histogram(bounded, interval, share)}
    bars = [_bar(bucket, interval, counted.get(bucket, {})) for bucket in range(first, last + 1)]
    return Histogram(bars, interval)


def _bar(bucket: int, interval: int, row: dict[str, int]) -> HistogramBucket:
    start = rfc3339(bucket * interval * 1_000)
    return HistogramBucket(start, row.get("allowed", 0), row.get("denied", 0), row.get("unknown", 0))


@get(
    "/traffic", opt={"permission": Permission.traffic_read}, media_type=JSON, summary="List connections and denied attempts, newest first",
    operation_id="listTraffic",
)  # fmt: skip
async def list_traffic(request: AnyRequest, state: State) -> Response[bytes]:
    """A page of rows; filters on every field are query parameters."""
    org_id = request.state.identity.org_id
    body = await asyncio.to_thread(list_page, state.reader, org_id, query_string(request))
    return Response(body, media_type=JSON)


@get("/traffic/histogram", opt={"permission": Permission.traffic_read}, summary="Count rows over time", operation_id="trafficHistogram")
async def traffic_histogram(request: AnyRequest, state: State) -> Histogram:
    """Rows by verdict for each interval; takes the filters of the list."""
    org_id, parameters = request.state.identity.org_id, query_string(request)
    return await asked(request, org_id, lambda share: histogram_of(state.reader, org_id, parameters, share))


@get(
    "/traffic/{identifier:str}", opt={"permission": Permission.traffic_read}, media_type=JSON,
    summary="One row", operation_id="getTraffic",
)  # fmt: skip
async def get_traffic(request: AnyRequest, state: State, identifier: str) -> Response[bytes]:
    """The row with this id."""
    text = identifier.lower()
    row: bytes | None = None
    if _UUID7.fullmatch(text):
        started_ms = int(text.replace("-", "")[:12], 16)
        row = await asyncio.to_thread(state.reader.row, request.state.identity.org_id, started_ms, text)
    if row is None:
        raise NotFoundError(f"There is no traffic row {identifier[:60]!r}.", "Ids come from the list of traffic.")
    return Response(b'{"data":' + row + b"}", media_type=JSON)
