"""The live tail: rows as they change, as server-sent events (WHATWG HTML, 9.2)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from litestar import get
from litestar.datastructures import State
from litestar.response import Stream

from meshtrail.api import parameters as read
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.common.errors import BusyError
from meshtrail.control.service import Permission
from meshtrail.store.engine import EngineError
from meshtrail.store.limits import CHANGES_ROWS_MAX
from meshtrail.store.query import Query

HEARTBEAT_S = 10.0
"""Silence after which a comment keeps proxies from closing the stream."""

READ_INTERVAL_S = 0.1
"""Time between two reads of one tail: a screen shows no more, and a reader that is slow just gets the next rows later."""

TAILS_MAX = 100
"""Tails open at once; each reads the store several times a second."""


STANDING_S = 5.0
"""How often it is looked whether the reader still may read: who signs out, or is blocked, sees no more rows soon after."""

_LOG = logging.getLogger(__name__)


async def tail(
    state: State, query: Query, after: int, holds: Callable[[], Awaitable[bool]], sample: int | None = None
) -> AsyncIterator[bytes]:
    """Events of rows changed after a position, as long as the reader's right `holds`. `missed` says how many rows were left out
    because too many changed; who asks for a sample of so many rows of each read gets a `tally` of the whole read instead."""
    pipeline, reader = state.pipeline, state.reader
    position = after
    loop = asyncio.get_running_loop()
    look_at = loop.time() + STANDING_S
    state.tails.count += 1
    try:
        yield b": connected\n\n"
        if sample:
            yield _tally(after, {"count": 0, "denied": 0})
        while not pipeline.stopping:
            reached = await pipeline.wait_beyond(position, HEARTBEAT_S)
            if loop.time() >= look_at:
                if not await holds():
                    return
                look_at = loop.time() + STANDING_S
            if reached <= position:
                yield b": heartbeat\n\n"
                continue
            before = position
            rows, position, missed = await asyncio.to_thread(reader.changes, query, before, sample or CHANGES_ROWS_MAX)
            position = max(position, reached)
            if sample and rows:
                yield _tally(position, await asyncio.to_thread(reader.tally, query, before, position))
            elif missed:
                yield b"event: missed\ndata: " + msgspec.json.encode({"count": missed}) + b"\n\n"
            for row in rows:
                yield b"event: traffic\nid: " + _seq(row) + b"\ndata: " + row + b"\n\n"
            await asyncio.sleep(READ_INTERVAL_S)
    except EngineError as error:
        # An answer that has begun cannot say what is wrong any more: it ends, and the reader comes back and goes on where it was.
        _LOG.warning("a live tail ended: the store could not be read", extra={"error": str(error)[:1_000]})
    finally:
        state.tails.count -= 1


def _tally(position: int, counted: dict[str, int]) -> bytes:
    """Everything up to the position is counted: who continues there counts nothing twice."""
    return b"event: tally\nid: %d\ndata: " % position + msgspec.json.encode(counted) + b"\n\n"


class _Positioned(msgspec.Struct):
    seq: str


_POSITIONED = msgspec.json.Decoder(_Positioned)


def _seq(row: bytes) -> bytes:
    return _POSITIONED.decode(row).seq.encode()


@get(
    "/live", opt={"permission": Permission.traffic_read, "follows": True}, summary="Follow rows as they change",
    operation_id="liveTraffic",
)  # fmt: skip
async def live(request: AnyRequest, state: State) -> Stream:
    """Server-sent events `traffic` (a row) and `missed` (a count); takes the filters of the list. `after` or the header
    Last-Event-ID continue after a position. With `rows`, each read sends so many rows at the most, and before them `tally`: how many
    reports it was of (`count`), and how many of them `denied`."""
    parameters = query_string(request)
    sample = read.integer(parameters, "rows", 0, 1, CHANGES_ROWS_MAX)
    query = read.query(request.state.identity.org_id, {name: values for name, values in parameters.items() if name != "rows"})
    if state.tails.count >= TAILS_MAX:
        raise BusyError(f"{TAILS_MAX} live tails are open.", "Close one of them.")
    given = request.headers.get("last-event-id") or read.single(parameters, "after") or ""
    after = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else state.pipeline.position
    headers: dict[str, Any] = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    holds = partial(state.gate.holds, request, Permission.traffic_read)
    return Stream(tail(state, query, after, holds, sample or None), media_type="text/event-stream", headers=headers)
