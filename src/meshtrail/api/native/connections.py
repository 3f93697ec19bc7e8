"""Connections: the reports of both ends and of the routers between them, joined."""

import asyncio
import re

import msgspec
from litestar import Response, get
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.expected import expecting
from meshtrail.api.native.traffic import JSON, AnyRequest, query_string
from meshtrail.common.errors import InvalidError, NotFoundError
from meshtrail.control.service import Permission
from meshtrail.store.connection_view import AGREEMENTS
from meshtrail.store.connections import CONNECTIONS_MAX, Connections, Expecting, Wanted
from meshtrail.store.query import Query
from meshtrail.store.reader import Cursor

_OWN = frozenset({"agreement", "finding"})
"""Parameters that choose connections; all others choose reports, as in the list of traffic."""

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def choice(parameters: read.Parameters) -> tuple[tuple[str, ...], bool]:
    """Which agreements are asked for (none: all), and whether only findings are."""
    agreement = tuple(parameters.get("agreement", ()))
    for each in agreement:
        if each not in AGREEMENTS:
            raise InvalidError(f"agreement cannot be {each[:40]!r}.", f"It is one of: {', '.join(AGREEMENTS)}.")
    finding = read.single(parameters, "finding") or "false"
    if finding not in {"true", "false"}:
        raise InvalidError(f"finding is {finding[:40]!r}; it must be true or false.")
    return agreement, finding == "true"


def reports_query(org_id: str, parameters: read.Parameters) -> Query:
    """The reports by which connections are found."""
    return read.query(org_id, {name: values for name, values in parameters.items() if name not in _OWN})


def connection_page(connections: Connections, org_id: str, parameters: read.Parameters, who: Expecting, now_us: int) -> bytes:
    """The list's answer: `{"data": [...], "next_cursor": ...}` as bytes."""
    if not read.newest_first(parameters):
        raise InvalidError("Connections come newest first.", "Leave order out, or narrow the time with from and to.")
    chosen, query = Wanted(now_us, who, *choice(parameters)), reports_query(org_id, parameters)
    limit = read.integer(parameters, "limit", read.PAGE_ROWS, 1, CONNECTIONS_MAX)
    after = read.single(parameters, "cursor")
    found = connections.page(query, chosen, limit, Cursor.decode(after) if after else None)
    following = found.following.encode() if found.following is not None else None
    return b'{"data":' + found.array + b',"next_cursor":' + msgspec.json.encode(following) + b"}"


def one_connection(connections: Connections, org_id: str, identifier: str, who: Expecting, now_us: int) -> bytes:
    """The connection that one of its reports' ids leads to, as a JSON object; `NotFoundError` without one."""
    text = identifier.lower()
    row: bytes | None = None
    if _UUID7.fullmatch(text):
        started_ms = int(text.replace("-", "")[:12], 16)
        row = connections.one(org_id, text, started_ms, Wanted(now_us, who))
    if row is None:
        raise NotFoundError(
            f"No report {identifier[:60]!r} of a connection is stored.", "Ids come from the lists of traffic and connections."
        )
    return row


@get(
    "/connections", opt={"permission": Permission.traffic_read}, media_type=JSON,
    summary="List connections with all reports of each, newest first",
    operation_id="listConnections",
)  # fmt: skip
async def list_connections(request: AnyRequest, state: State) -> Response[bytes]:
    """Reports of one connection by both ends and by routers, joined: who reported, what each counted, and whether they agree.
    Takes the filters of the list of traffic: a connection is found by any of its reports. `agreement` and `finding` choose
    further; with them a page can be short, or empty, and still have a next one."""
    org_id = request.state.identity.org_id
    known, now_us = state.collectors.known_since(org_id), state.clock()

    def page() -> bytes:
        return connection_page(state.connections, org_id, query_string(request), expecting(state.control, org_id, known), now_us)

    return Response(await asyncio.to_thread(page), media_type=JSON)


@get(
    "/connections/{identifier:str}", opt={"permission": Permission.traffic_read}, media_type=JSON,
    summary="One connection", operation_id="getConnection",
)  # fmt: skip
async def get_connection(request: AnyRequest, state: State, identifier: str) -> Response[bytes]:
    """The connection with all its reports; the id is that of any of them."""
    org_id = request.state.identity.org_id
    known, now_us = state.collectors.known_since(org_id), state.clock()

    def one() -> bytes:
        return one_connection(state.connections, org_id, identifier, expecting(state.control, org_id, known), now_us)

    return Response(b'{"data":' + await asyncio.to_thread(one) + b"}", media_type=JSON)


ROUTES = (list_connections, get_connection)
"""Routes below /api/v1."""
