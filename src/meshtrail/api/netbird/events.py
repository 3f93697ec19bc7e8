"""`GET /api/events/audit`, and its other name `/api/events`, in NetBird's shape: all events and not the newest 10,000, with what
its clients do not know as further properties, and with parameters to ask for less."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
from litestar import Response, get
from litestar.datastructures import State
from litestar.response import Stream

from meshtrail.api import parameters as read
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.common.errors import BusyError, InvalidError
from meshtrail.control.service import Permission
from meshtrail.model.columns import AUDIT
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.family_reader import array
from meshtrail.store.pages import Cursor
from meshtrail.store.projection import RAW_ROWS, Projection, as_json, json_object
from meshtrail.store.query import Query, address_text, compiled, condition

JSON = "application/json; charset=UTF-8"
PAGE_ROWS = 1_000
PAGE_ROWS_MAX = 50_000
PAGE_MAX = 1_000_000
STREAM_ROWS = 20_000
"""Events of one read while all are sent: some 15 MB at a time."""

STREAMS_MAX = 4
"""Answers with all events that are under way at the same time."""

EQUAL = {"activity_code": "activity_code", "initiator_id": "initiator_id", "user_id": "initiator_id", "user_email": "initiator_email",
          "user_name": "initiator_name", "source_ip": "initiator_ip", "target_id": "target_id", "target_type": "target_type",
          "outcome": "outcome", "request_id": "request_id"}  # fmt: skip
"""Parameters that choose events; those that the other event routes of NetBird have are named as there."""

_SENTENCE = (
    "concat(CAST(activity, 'String'), multiIf(outcome = 'denied', ' (denied)', outcome = 'failure', ' (failed)', ''))"
)  # fmt: skip
_PAIRS = (
    "arrayConcat(JSONExtractKeysAndValuesRaw(ifNull(meta, '{}')), if(target_type IN ('user', 'service_user') "
    "AND target_name IS NOT NULL AND NOT JSONHas(ifNull(meta, '{}'), 'username'), "
    "[('username', toJSONString(CAST(ifNull(target_name, ''), 'String')))], CAST([], 'Array(Tuple(String, String))')))"
)
_META = (
    "concat('{', arrayStringConcat(arrayMap(pair -> concat(toJSONString(if(pair.1 = 'key_hint', 'key', pair.1)), ':', "
    f"if(startsWith(pair.2, '\"'), pair.2, toJSONString(pair.2))), {_PAIRS}), ','), '}}')"
)
"""All values are text: numbers, lists and objects as JSON in text. NetBird masks the key of a setup key as it is masked here."""


def _text(column: str) -> str:
    return f"toJSONString(CAST(ifNull({column}, ''), 'String'))"


def _known(column: str) -> str:
    return as_json(f"CAST({column}, 'Nullable(String)')")


_FURTHER = ("target_type", "target_name", "initiator_type", "user_agent", "session_id", "token_id", "request_id", "error")

SHOWN = Projection(
    json_object(
        (
            ("id", "toJSONString(toString(seq))"),
            ("timestamp", "toJSONString(occurred_at)"),
            ("activity", f"toJSONString({_SENTENCE})"),
            ("activity_code", _text("activity_code")),
            ("initiator_id", _text("initiator_id")),
            ("initiator_name", _text("initiator_name")),
            ("initiator_email", _text("initiator_email")),
            ("target_id", _text("target_id")),
            ("meta", _META),
            ("outcome", "toJSONString(toString(outcome))"),
            ("status", as_json("status")),
            ("initiator_ip", as_json(address_text("initiator_ip"))),
            *((name, _known(name)) for name in _FURTHER),
            ("before", "ifNull(before, 'null')"),
            ("after", "ifNull(after, 'null')"),
        )
    ),
    RAW_ROWS,
)
"""NetBird's nine properties first, then ours. `id` is the event's position: a decimal number that grows."""

_KEYED = Projection(
    f"concat(toJSONString([toString(toUnixTimestamp64Micro(occurred_at)), CAST(reporter_id, 'String'), event_id]), '\\t', {SHOWN.sql})",
    RAW_ROWS,
)
"""The same with the key before it: JSON holds no tab."""


def audit_query(org_id: str, parameters: read.Parameters) -> Query:
    """The parameters as a query. Unknown ones are ignored, as NetBird does; unusable values are 400."""
    found = [
        condition(column, "", list(values), AUDIT) for name, column in EQUAL.items() if (values := parameters.get(name))
    ]  # fmt: skip
    until = read.time(parameters, "end_date")
    return Query(
        org_id, tuple(found), read.time(parameters, "start_date"), None if until is None else until + 1,
        read.single(parameters, "search") or "", family=AUDIT,
    )  # fmt: skip


def order_of(parameters: read.Parameters) -> bool:
    """Whether the newest come first: `sort_order` is desc (or left out)."""
    order = (read.single(parameters, "sort_order") or "desc").lower()
    if order not in {"asc", "desc"}:
        raise InvalidError(f"sort_order is {order[:20]!r}; it must be asc or desc.")
    return order == "desc"


def page_of(reader: AuditReader, query: Query, parameters: read.Parameters, newest_first: bool) -> bytes:
    """One page, a bare array."""
    page = read.integer(parameters, "page", 1, 1, PAGE_MAX)
    size = read.integer(parameters, "page_size", PAGE_ROWS, 1, PAGE_ROWS_MAX)
    return array(reader.lines(query, SHOWN, size, offset=(page - 1) * size, newest_first=newest_first))


def _parts(reader: AuditReader, query: Query, newest_first: bool) -> Iterator[bytes]:
    """All events, in parts of some rows: lines joined by commas."""
    cursor: Cursor | None = None
    while True:
        lines = reader.lines(query, _KEYED, STREAM_ROWS, cursor=cursor, newest_first=newest_first).rstrip(b"\n").split(b"\n")
        rows = [line.partition(b"\t") for line in lines if line]
        if rows:
            yield b",\n".join(row for _, _, row in rows)
        if len(rows) < STREAM_ROWS:
            return
        time, reporter, own = msgspec.json.decode(rows[-1][0], type=tuple[str, str, str])
        cursor = Cursor(int(time), reporter, own)


async def everything(state: State, query: Query, newest_first: bool) -> AsyncIterator[bytes]:
    """A JSON array of all events. What comes while it is sent is in it or not."""
    parts = _parts(state.audit_reader, query, newest_first)
    state.audit_streams.count += 1
    try:
        separator = b"["
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            yield separator + part
            separator = b",\n"
        yield b"[]" if separator == b"[" else b"]"
    finally:
        state.audit_streams.count -= 1


async def _events(request: AnyRequest, state: State) -> Response[bytes] | Stream:
    parameters = query_string(request)
    query, newest_first = audit_query(request.state.identity.org_id, parameters), order_of(parameters)
    if "page" in parameters or "page_size" in parameters:
        body = await asyncio.to_thread(page_of, state.audit_reader, query, parameters, newest_first)
        return Response(body, media_type=JSON)
    compiled(query)  # what cannot be asked for is said before the answer begins
    if state.audit_streams.count >= STREAMS_MAX:
        raise BusyError(f"{STREAMS_MAX} lists of all events are being sent.", "Try again in a moment, or ask for a page.")
    request.scope["state"]["exported"] = True
    return Stream(everything(state, query, newest_first), media_type=JSON)


@get(
    "/api/events/audit", opt={"permission": Permission.audit_read}, summary="NetBird-shaped audit events",
    operation_id="netbirdAuditEvents",
)  # fmt: skip
async def audit_events(request: AnyRequest, state: State) -> Response[bytes] | Stream:
    """All events, newest first. Filters activity_code, initiator_id (or user_id), user_email, user_name, source_ip, target_id,
    target_type, outcome, request_id, search, start_date, end_date; page, page_size, sort_order."""
    return await _events(request, state)


@get("/api/events", opt={"permission": Permission.audit_read}, summary="The same, by its other name", operation_id="netbirdEvents")
async def events(request: AnyRequest, state: State) -> Response[bytes] | Stream:
    """See /api/events/audit."""
    return await _events(request, state)


ROUTES = (audit_events, events)
