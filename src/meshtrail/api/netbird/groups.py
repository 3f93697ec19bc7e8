"""`/api/groups` in NetBird's shape."""

import asyncio
from functools import partial

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING, ResourceShape
from meshtrail.api.once import once
from meshtrail.common.errors import NotFoundError
from meshtrail.control.inventory import Group, Snapshot
from meshtrail.control.service import Permission


class PeerMinimum(msgspec.Struct):
    """A peer of a group."""

    id: str
    name: str


class GroupShape(msgspec.Struct):
    """A group."""

    id: str
    name: str
    peers_count: int
    resources_count: int
    issued: str
    peers: list[PeerMinimum]
    resources: list[ResourceShape]


class GroupRequest(msgspec.Struct):
    """A group to make, or what it is to be from now on; a list that is left out of a change stays."""

    name: str
    peers: list[str] | None = None
    resources: list[ResourceShape] | None = None


def _shape(snapshot: Snapshot, group: Group) -> GroupShape:
    members = [PeerMinimum(peer.id, peer.name) for peer in snapshot.peers.values() if peer.id in snapshot.members[group.id]]
    things = [ResourceShape(each, snapshot.resources[each].type.value) for each in group.resources if each in snapshot.resources]
    return GroupShape(group.id, group.name, len(members), len(things), "api", members, things)


async def _answer(request: AnyRequest, state: State, identifier: str) -> GroupShape:
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    group = snapshot.groups.get(identifier)
    if group is None:
        raise NotFoundError(f"There is no group {identifier[:60]!r}.")
    return _shape(snapshot, group)


def _ids(things: list[ResourceShape] | None) -> list[str] | None:
    return None if things is None else [each.id for each in things]


@get("/api/groups", opt={"permission": Permission.groups_read}, summary="List groups", operation_id="netbirdListGroups")
async def list_groups(request: AnyRequest, state: State) -> list[GroupShape]:
    """All groups; with `name` the one of this name, or 404."""
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    wanted = read.single(query_string(request), "name")
    found = [_shape(snapshot, group) for group in snapshot.groups.values() if wanted is None or group.name == wanted]
    if wanted is not None and not found:
        raise NotFoundError(f"There is no group named {wanted[:60]!r}.")
    return found


@get("/api/groups/{identifier:str}", opt={"permission": Permission.groups_read}, summary="One group", operation_id="netbirdGetGroup")
async def get_group(request: AnyRequest, state: State, identifier: str) -> GroupShape:
    """The group with this id."""
    return await _answer(request, state, identifier)


@post(
    "/api/groups", opt={"permission": Permission.groups_write}, status_code=200, summary="Make a group", operation_id="netbirdCreateGroup",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_group(request: AnyRequest, state: State, data: GroupRequest) -> GroupShape:
    """Answers the group."""
    values = (data.name, data.peers or [], _ids(data.resources) or [])
    made = await once(request, state, partial(state.control.groups.create, actor(request), *values))
    return await _answer(request, state, made)


@put(
    "/api/groups/{identifier:str}", opt={"permission": Permission.groups_write}, summary="Change a group", operation_id="netbirdPutGroup",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_group(request: AnyRequest, state: State, identifier: str, data: GroupRequest) -> GroupShape:
    """Replaces name, peers and resources."""
    await asyncio.to_thread(state.control.groups.update, actor(request), identifier, data.name, data.peers, _ids(data.resources))
    return await _answer(request, state, identifier)


@delete(
    "/api/groups/{identifier:str}", opt={"permission": Permission.groups_write}, status_code=200, summary="Delete a group",
    operation_id="netbirdDeleteGroup",
)  # fmt: skip
async def delete_group(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """400 while something uses it."""
    await asyncio.to_thread(state.control.groups.delete, actor(request), identifier)
    return NOTHING


ROUTES = [list_groups, get_group, create_group, put_group, delete_group]
