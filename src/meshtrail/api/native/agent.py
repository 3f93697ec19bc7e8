"""What agents ask besides sending events: to be let in, a new token, their network map (docs/internals/agent-protocol.md)."""

import asyncio

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.auth import PEER, PUBLIC, origin
from meshtrail.api.native.traffic import JSON, AnyRequest, query_string
from meshtrail.control.limits import SERIAL_MAX, WAIT_S_MAX
from meshtrail.model.network_map import Enrol, Enrolled, Envelope, Renew, Renewed

BODY_BYTES_MAX = 65_536
"""An enrolment with all its addresses is a tenth of it; anybody may send one."""


@post(
    "/agent/enrol", opt={"permission": PUBLIC}, status_code=200, summary="Make a machine a peer by an enrolment key",
    operation_id="enrolPeer", request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def enrol(request: AnyRequest, state: State, data: Enrol) -> Enrolled:
    """The token is in this answer and nowhere else. 403: the key does not let the machine in; 401: the signature is not by
    the key; 400: the clock is wrong or the proof was used before; 429: too many failures of this address."""
    return await asyncio.to_thread(state.agents.enrol, data, origin(request))


@post(
    "/agent/token", opt={"permission": PUBLIC}, status_code=200, summary="Give a peer a new token", operation_id="renewPeerToken",
    request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def renew(request: AnyRequest, state: State, data: Renew) -> Renewed:
    """For a peer that proves to hold its private key. The token before works ten more minutes."""
    return await asyncio.to_thread(state.agents.renew, data, origin(request))


async def _left(request: AnyRequest) -> None:
    """Returns when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@get(
    "/agent/network-map", opt={"permission": PEER}, media_type=JSON,
    summary="A peer's rules, when they changed", operation_id="networkMap",
)  # fmt: skip
async def network_map(request: AnyRequest, state: State) -> Response[bytes]:
    """The signed map (`Envelope`) as soon as its serial is not `serial`; 204 after `wait_s` seconds without news, or when the
    same peer asks again meanwhile."""
    parameters, identity = query_string(request), request.state.identity
    known = read.integer(parameters, "serial", 0, 0, SERIAL_MAX)
    wait_s = read.integer(parameters, "wait_s", 0, 0, WAIT_S_MAX)
    await asyncio.to_thread(state.control.peers.touch, identity.org_id, identity.peer_id)
    news = asyncio.create_task(state.agents.news(identity.org_id, identity.peer_id, known, wait_s), name="network map")
    left = asyncio.create_task(_left(request), name="client left")
    try:
        await asyncio.wait({news, left}, return_when=asyncio.FIRST_COMPLETED)
        envelope: Envelope | None = None if news.cancelled() or not news.done() else news.result()
    finally:
        for task in (news, left):
            task.cancel()
        await asyncio.gather(news, left, return_exceptions=True)
    if envelope is None:
        return Response(b"", status_code=204)
    return Response(msgspec.json.encode(envelope), media_type=JSON)


ROUTES = [enrol, renew, network_map]
