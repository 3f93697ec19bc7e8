"""The door for batches: NDJSON and Arrow IPC; and what agents ask and say besides."""

import asyncio
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import JSON, AnyRequest, query_string
from meshtrail.common.errors import ForbiddenError, InvalidError, TooLargeError, UnavailableError, UnsupportedError
from meshtrail.control.service import Identity, Permission
from meshtrail.enrich.directory import Peer
from meshtrail.ingest import arrow_ipc, ndjson
from meshtrail.ingest.batch import Batch, Refusal
from meshtrail.ingest.body import decompressed
from meshtrail.ingest.limits import BODY_BYTES_MAX, REQUEST_TIME_S_MAX
from meshtrail.ingest.pipeline import Decode
from meshtrail.ingest.reporters import refuse_others
from meshtrail.model.columns import Family
from meshtrail.store.reader import rows_in

OPEN_FLOWS_MAX = 10_000
"""Open connections of one answer; the cursor leads to the others."""

_DECODERS: dict[str, tuple[str, Decode]] = {
    "application/x-ndjson": ("ndjson", ndjson.decode),
    "application/ndjson": ("ndjson", ndjson.decode),
    "application/jsonl": ("ndjson", ndjson.decode),
    "application/json": ("ndjson", ndjson.decode),
    "application/vnd.apache.arrow.stream": ("arrow", arrow_ipc.decode),
}


class IngestAnswer(msgspec.Struct):
    """What became of a batch. `stored` rows are durable."""

    stored: int
    duplicates: int
    """Rows that were stored before; nothing changed."""
    refused: int
    """Rows that are not stored, for their content."""
    errors: list[Refusal]
    """The first refusals: line (from 1), field, reason."""


class Facts(msgspec.Struct):
    """What an agent says of its machine."""

    id: str
    name: str
    os: str | None = None
    dns_label: str | None = None
    addresses: list[str] = []
    users: dict[str, str] = {}
    metrics: dict[str, Any] = {}


async def read_body(request: AnyRequest) -> bytes:
    """The request's body; `TooLargeError` as soon as it is past the limit."""
    declared = request.headers.get("content-length", "")
    limit = TooLargeError(f"The body is larger than {BODY_BYTES_MAX} bytes.", "Send smaller batches.")
    if declared.isdigit() and int(declared) > BODY_BYTES_MAX:
        raise limit
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(REQUEST_TIME_S_MAX):
            async for piece in request.stream():
                size += len(piece)
                if size > BODY_BYTES_MAX:
                    raise limit
                pieces.append(piece)
    except TimeoutError:
        raise UnavailableError(f"The body did not arrive within {REQUEST_TIME_S_MAX} seconds.", "Send smaller batches.") from None
    return b"".join(pieces)


@post(
    "/ingest/traffic", opt={"permission": Permission.ingest}, status_code=200, summary="Store a batch of traffic events",
    operation_id="ingestTraffic", request_max_body_size=None,
)  # fmt: skip
async def ingest_traffic(request: AnyRequest, state: State) -> IngestAnswer:
    """NDJSON (`application/x-ndjson`) or an Arrow IPC stream (`application/vnd.apache.arrow.stream`), plain or with
    `Content-Encoding: zstd` or `gzip`. Answers when the rows are durable. With `Idempotency-Key` a repeated request gets
    the same answer."""
    kind = request.headers.get("content-type", "application/x-ndjson").partition(";")[0].strip().lower()
    if kind not in _DECODERS:
        raise UnsupportedError(f"The content type {kind[:60]!r} is not known.", f"Use one of: {', '.join(_DECODERS)}.")
    protocol, decode = _DECODERS[kind]
    encoding = request.headers.get("content-encoding", "").strip().lower()
    source = "agent" if request.headers.get("user-agent", "").startswith("meshtrail-agent/") else protocol
    key = request.headers.get("idempotency-key", "")[:200]

    identity = request.state.identity
    if key and identity.peer_id is not None:
        key = f"{identity.peer_id}/{key}"

    def decode_body(body: bytes, family: Family) -> Batch:
        batch = decode(decompressed(body, encoding), family)
        if identity.peer_id is not None:
            refuse_others(batch, identity.peer_id)
        return batch

    answer = await state.pipeline.submit(identity.org_id, source, await read_body(request), decode_body, key)
    refusals = answer.refusals
    return IngestAnswer(answer.stored, answer.duplicates, refusals.count, refusals.shown)


def _check_reporter(identity: Identity, reporter_id: str) -> None:
    """A peer's token speaks for this peer only."""
    if identity.peer_id is not None and identity.peer_id != reporter_id:
        raise ForbiddenError(f"The token is of the peer {identity.peer_id}, not of {reporter_id[:60]!r}.", "Use that peer's own token.")


@post(
    "/ingest/facts",
    opt={"permission": Permission.ingest},
    status_code=204,
    summary="What an agent says of its machine",
    operation_id="ingestFacts",
)
async def ingest_facts(request: AnyRequest, state: State) -> None:
    """Host name, operating system, addresses and local users of the reporter: events are named by them from now on."""
    try:
        facts = msgspec.json.decode(await request.body(), type=Facts)
    except msgspec.MsgspecError as error:
        raise InvalidError(f"The facts cannot be read: {error}") from None
    identity = request.state.identity
    _check_reporter(identity, facts.id)
    peer = Peer(facts.id, facts.name, facts.os, facts.dns_label, tuple(facts.addresses), facts.users)
    await asyncio.to_thread(state.directories.put, actor(request), peer)
    state.collectors.hear(identity.org_id, facts.id, facts.name, facts.metrics)


@get(
    "/ingest/open", opt={"permission": Permission.ingest}, media_type=JSON,
    summary="A reporter's open connections", operation_id="openFlows",
)  # fmt: skip
async def open_flows(request: AnyRequest, state: State) -> Response[bytes]:
    """Connections that the store still holds open for `reporter_id`: an agent that starts again continues them."""
    given = query_string(request)
    reporter = read.single(given, "reporter_id")
    if not reporter:
        raise InvalidError("reporter_id is missing.")
    _check_reporter(request.state.identity, reporter)
    rows = await asyncio.to_thread(
        state.reader.open_flows, request.state.identity.org_id, reporter, read.single(given, "cursor") or "", OPEN_FLOWS_MAX
    )
    following: str | None = None
    if rows_in(rows) >= OPEN_FLOWS_MAX:
        following = msgspec.json.decode(rows)[-1]["flow_id"]
    return Response(b'{"data":' + rows + b',"next_cursor":' + msgspec.json.encode(following) + b"}", media_type=JSON)
