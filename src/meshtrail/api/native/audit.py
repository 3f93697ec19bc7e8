"""Audit events: list, one event, counts over time, the values that fields have, and the catalogue of what can be said."""

import asyncio
import re
from dataclasses import replace

import msgspec
from litestar import Response, get
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.bounds import bounds
from meshtrail.api.facets import Facets, facets_of
from meshtrail.api.limits import BUCKETS_MAX
from meshtrail.api.native.traffic import INTERVALS_MS, JSON, AnyRequest, query_string
from meshtrail.api.questions import asked
from meshtrail.common.clock import microseconds, rfc3339
from meshtrail.common.errors import InvalidError, NotFoundError
from meshtrail.control.service import Permission
from meshtrail.model.activities import Activity
from meshtrail.model.columns import AUDIT
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.engine import Share
from meshtrail.store.family_reader import array
from meshtrail.store.pages import Cursor

PAGE_ROWS_MAX = 10_000
"""Events of one page at the most: with their changes they are ten times as large as connections."""

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_READ = {"permission": Permission.audit_read}


class AuditBucket(msgspec.Struct):
    """One bar: events in [start, start + interval)."""

    start: str
    success: int = 0
    failure: int = 0
    denied: int = 0


class AuditHistogram(msgspec.Struct):
    """All bars of the window, empty ones too."""

    data: list[AuditBucket]
    interval_ms: int


class ActivityView(msgspec.Struct):
    """What an event can say."""

    code: str
    activity: str
    target_type: str
    number: int | None
    """NetBird's number; null for codes that are ours."""
    description: str


class Activities(msgspec.Struct):
    """The whole catalogue."""

    data: list[ActivityView]


class _Key(msgspec.Struct):
    occurred_at: str
    reporter_id: str
    event_id: str


def audit_page(reader: AuditReader, org_id: str, parameters: read.Parameters, now: int) -> bytes:
    """The list's answer: `{"data": [...], "next_cursor": ...}` as bytes."""
    query = read.query(org_id, parameters, AUDIT, now)
    limit = read.integer(parameters, "limit", read.PAGE_ROWS, 1, PAGE_ROWS_MAX)
    after = read.single(parameters, "cursor")
    lines = reader.lines(
        query, reader.native, limit, cursor=Cursor.decode(after) if after else None, newest_first=read.newest_first(parameters)
    )  # fmt: skip
    return b'{"data":' + array(lines) + b',"next_cursor":' + msgspec.json.encode(next_cursor(lines, limit)) + b"}"


def next_cursor(lines: bytes, limit: int) -> str | None:
    """Cursor after the last of the lines, or None when there are fewer than `limit`."""
    rows = lines.rstrip(b"\n").split(b"\n") if lines else []
    if len(rows) < limit:
        return None
    last = msgspec.json.decode(rows[-1], type=_Key)
    return Cursor(microseconds(last.occurred_at), last.reporter_id, last.event_id).encode()


def histogram_of(
    reader: AuditReader, org_id: str, parameters: read.Parameters, now: int, share: Share | None = None
) -> AuditHistogram:  # fmt: skip
    """Counts by outcome over the window; without a window, over the last day of which there are events."""
    query = read.query(org_id, parameters, AUDIT, now)
    buckets = read.integer(parameters, "buckets", read.BUCKETS, 1, BUCKETS_MAX)
    since, until = bounds(reader, query, now)
    interval = next((width for width in INTERVALS_MS if (until - since) / 1_000 / width <= buckets), INTERVALS_MS[-1])
    first, last = since // 1_000 // interval, (until - 1) // 1_000 // interval
    if last - first >= 2 * BUCKETS_MAX:
        raise InvalidError("The window is too long for a histogram.", "Narrow it with from and to.")
    counted = reader.histogram(replace(query, since=since, until=until), interval, share)
    found = {row["bucket"]: row for row in counted}
    bars = []
    for bucket in range(first, last + 1):
        row = found.get(bucket, {})
        bars.append(AuditBucket(rfc3339(bucket * interval * 1_000), row.get("success", 0), row.get("failure", 0), row.get("denied", 0)))
    return AuditHistogram(bars, interval)


def one_event(reader: AuditReader, org_id: str, identifier: str) -> bytes:
    """The event with this id as JSON; `NotFoundError` without one."""
    text = identifier.lower()
    row: bytes | None = None
    if _UUID7.fullmatch(text):
        row = reader.row(org_id, int(text.replace("-", "")[:12], 16), text)
    if row is None:
        raise NotFoundError(f"There is no audit event {identifier[:60]!r}.", "Ids come from the list of audit events.")
    return row


@get(
    "/audit", opt=_READ, media_type=JSON, summary="List audit events, newest first", operation_id="listAudit",
)  # fmt: skip
async def list_audit(request: AnyRequest, state: State) -> Response[bytes]:
    """Who changed, tried or read what, from where, and with which outcome. Filters on every field are query parameters."""
    org_id, now = request.state.identity.org_id, state.clock()
    body = await asyncio.to_thread(audit_page, state.audit_reader, org_id, query_string(request), now)
    return Response(body, media_type=JSON)


@get("/audit/histogram", opt=_READ, summary="Count audit events over time", operation_id="auditHistogram")
async def audit_histogram(request: AnyRequest, state: State) -> AuditHistogram:
    """Events by outcome for each interval; takes the filters of the list."""
    org_id, now, parameters = request.state.identity.org_id, state.clock(), query_string(request)
    return await asked(request, org_id, lambda share: histogram_of(state.audit_reader, org_id, parameters, now, share))


@get("/audit/facets", opt=_READ, summary="Values that fields of audit events have", operation_id="auditFacets")
async def audit_facets(request: AnyRequest, state: State) -> Facets:
    """The most frequent values of each `field`, with their counts; takes the filters of the list."""
    org_id, now, parameters = request.state.identity.org_id, state.clock(), query_string(request)
    return await asked(request, org_id, lambda share: facets_of(state.audit_reader, org_id, parameters, now, share))


@get("/audit/activities", opt=_READ, sync_to_thread=False, summary="What audit events can say", operation_id="auditActivities")
def audit_activities() -> Activities:
    """The closed list of codes with their meaning."""
    return Activities([ActivityView(each.value, each.sentence, each.target.value, each.number, each.doc) for each in Activity])


@get("/audit/{identifier:str}", opt=_READ, media_type=JSON, summary="One audit event", operation_id="getAudit")
async def get_audit(request: AnyRequest, state: State, identifier: str) -> Response[bytes]:
    """The event with this id."""
    row = await asyncio.to_thread(one_event, state.audit_reader, request.state.identity.org_id, identifier)
    return Response(b'{"data":' + row + b"}", media_type=JSON)


ROUTES = (list_audit, audit_histogram, audit_facets, audit_activities, get_audit)
"""Routes below /api/v1."""
