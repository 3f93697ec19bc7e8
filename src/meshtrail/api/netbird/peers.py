"""`/api/peers` in NetBird's shape: the enrolled machines. What only NetBird's own client has is empty or false."""

import asyncio
import ipaddress

import msgspec
from litestar import delete, get, put
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING, GroupMinimum, group_minimum, time
from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control.inventory import PeerRecord, Snapshot
from meshtrail.control.limits import CONNECTED_S
from meshtrail.control.service import Permission


class PeerShape(msgspec.Struct):
    """A peer."""

    id: str
    name: str
    ip: str
    ipv6: str
    connection_ip: str
    connected: bool
    last_seen: str
    os: str
    kernel_version: str
    version: str
    ui_version: str
    hostname: str
    serial_number: str
    country_code: str
    city_name: str
    geoname_id: int
    groups: list[GroupMinimum]
    user_id: str
    dns_label: str
    extra_dns_labels: list[str]
    ssh_enabled: bool
    login_expiration_enabled: bool
    login_expired: bool
    inactivity_expiration_enabled: bool
    approval_required: bool
    ephemeral: bool
    last_login: str
    created_at: str
    accessible_peers_count: int = 0


class PeerRequest(msgspec.Struct):
    """What a peer is to be from now on. Only the name can differ from what the peer has."""

    name: str
    ssh_enabled: bool = False
    login_expiration_enabled: bool = False
    inactivity_expiration_enabled: bool = False
    approval_required: bool = False
    ip: str | None = None
    ipv6: str | None = None


_NOT_OFFERED = ("ssh_enabled", "login_expiration_enabled", "inactivity_expiration_enabled", "approval_required")


def _shape(snapshot: Snapshot, peer: PeerRecord, addresses: tuple[str, ...], seen_us: int, now_us: int) -> PeerShape:
    by_version = {ipaddress.ip_address(each.partition("/")[0]).version: each.partition("/")[0] for each in reversed(addresses)}
    return PeerShape(
        id=peer.id, name=peer.name, ip=by_version.get(4, ""), ipv6=by_version.get(6, ""), connection_ip="",
        connected=now_us - seen_us <= CONNECTED_S * 1_000_000, last_seen=time(seen_us), os=peer.facts.os or "", kernel_version="",
        version="", ui_version="", hostname=peer.facts.name, serial_number="", country_code="", city_name="", geoname_id=0,
        groups=[group_minimum(snapshot, group) for group in snapshot.groups_of_peers[peer.id]], user_id="",
        dns_label=peer.facts.dns_label or "", extra_dns_labels=[], ssh_enabled=False, login_expiration_enabled=False,
        login_expired=False, inactivity_expiration_enabled=False, approval_required=False, ephemeral=False,
        last_login=time(peer.enrolled_at), created_at=time(peer.enrolled_at),
    )  # fmt: skip


def _shapes(state: State, org_id: str) -> list[PeerShape]:
    snapshot: Snapshot = state.control.snapshot(org_id)
    seen, now = state.control.peers.last_seen(org_id), state.clock()
    return [_shape(snapshot, peer, snapshot.overlay[peer.id], seen.get(peer.id, 0), now) for peer in snapshot.peers.values()]


async def _answer(request: AnyRequest, state: State, identifier: str) -> PeerShape:
    found = await asyncio.to_thread(_shapes, state, request.state.identity.org_id)
    for peer in found:
        if peer.id == identifier:
            return peer
    raise NotFoundError(f"There is no peer {identifier[:60]!r}.")


@get("/api/peers", opt={"permission": Permission.peers_read}, summary="List peers", operation_id="netbirdListPeers")
async def list_peers(request: AnyRequest, state: State) -> list[PeerShape]:
    """All enrolled machines; `name` and `ip` are parts of what is looked for."""
    parameters = query_string(request)
    name, ip = (read.single(parameters, each) or "" for each in ("name", "ip"))
    found = await asyncio.to_thread(_shapes, state, request.state.identity.org_id)
    return [peer for peer in found if name in peer.name and (ip in peer.ip or ip in peer.ipv6)]


@get("/api/peers/{identifier:str}", opt={"permission": Permission.peers_read}, summary="One peer", operation_id="netbirdGetPeer")
async def get_peer(request: AnyRequest, state: State, identifier: str) -> PeerShape:
    """The peer with this id."""
    return await _answer(request, state, identifier)


@put(
    "/api/peers/{identifier:str}", opt={"permission": Permission.peers_write}, summary="Rename a peer", operation_id="netbirdPutPeer",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_peer(request: AnyRequest, state: State, identifier: str, data: PeerRequest) -> PeerShape:
    """Events carry the new name from now on."""
    peer = await _answer(request, state, identifier)
    for field in _NOT_OFFERED:
        if getattr(data, field):
            raise UnusableError(f"{field}: this is not offered here; leave it false.")
    for field in ("ip", "ipv6"):
        if getattr(data, field) not in {None, "", getattr(peer, field)}:
            raise UnusableError(f"{field}: a peer's address is the one that its machine has.")
    await asyncio.to_thread(state.control.peers.rename, actor(request), identifier, data.name)
    return await _answer(request, state, identifier)


@delete(
    "/api/peers/{identifier:str}", opt={"permission": Permission.peers_write}, status_code=200, summary="Remove a peer",
    operation_id="netbirdDeletePeer",
)  # fmt: skip
async def delete_peer(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """Its tokens and its key are refused from now on."""
    await asyncio.to_thread(state.control.peers.remove, actor(request), identifier)
    state.gate.forget_peer(identifier)
    return NOTHING


ROUTES = [list_peers, get_peer, put_peer, delete_peer]
