"""`/api/networks` in NetBird's shape, with the resources and routers of each network."""

import asyncio
from functools import partial

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.netbird.network_parts import ROUTES as PARTS
from meshtrail.api.netbird.network_parts import ResourceAnswer, RouterAnswer, network_of, resource_answer, router_answer
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING
from meshtrail.api.once import once
from meshtrail.control.inventory import Network, PolicyRule, Snapshot
from meshtrail.control.service import Permission


class NetworkShape(msgspec.Struct):
    """A network; members by id."""

    id: str
    name: str
    description: str
    routers: list[str]
    resources: list[str]
    policies: list[str]
    routing_peers_count: int


class NetworkRequest(msgspec.Struct):
    """A network to make, or what it is to be from now on."""

    name: str
    description: str | None = None


def _shape(snapshot: Snapshot, network: Network) -> NetworkShape:
    inside = {each.id for each in snapshot.resources.values() if each.network_id == network.id}
    leading = [each for each in snapshot.routers.values() if each.network_id == network.id]
    peers = {each.peer for each in leading if each.peer in snapshot.peers}
    peers.update(*(snapshot.members.get(group, ()) for each in leading for group in each.peer_groups))
    policies = [policy.id for policy in snapshot.policies.values() if any(_reaches(snapshot, rule, inside) for rule in policy.rules)]
    return NetworkShape(
        network.id, network.name, network.description, [each.id for each in leading], sorted(inside), policies, len(peers)
    )  # fmt: skip


def _reaches(snapshot: Snapshot, rule: PolicyRule, inside: set[str]) -> bool:
    if rule.destination_resource is not None:
        return rule.destination_resource.id in inside
    groups = (snapshot.groups[each] for each in rule.destinations if each in snapshot.groups)
    return any(not inside.isdisjoint(group.resources) for group in groups)


async def _answer(request: AnyRequest, state: State, identifier: str) -> NetworkShape:
    return _shape(*await network_of(request, state, identifier))


@get("/api/networks", opt={"permission": Permission.networks_read}, summary="List networks", operation_id="netbirdListNetworks")
async def list_networks(request: AnyRequest, state: State) -> list[NetworkShape]:
    """All networks."""
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    return [_shape(snapshot, network) for network in snapshot.networks.values()]


@get(
    "/api/networks/routers", opt={"permission": Permission.networks_read},
    summary="List all routers", operation_id="netbirdListAllRouters",
)  # fmt: skip
async def list_all_routers(request: AnyRequest, state: State) -> list[RouterAnswer]:
    """The routers of all networks."""
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    return [router_answer(router) for router in snapshot.routers.values()]


@get(
    "/api/networks/resources", opt={"permission": Permission.networks_read},
    summary="List all resources", operation_id="netbirdListAllResources",
)  # fmt: skip
async def list_all_resources(request: AnyRequest, state: State) -> list[ResourceAnswer]:
    """The resources of all networks."""
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    return [resource_answer(snapshot, resource) for resource in snapshot.resources.values()]


@get(
    "/api/networks/{identifier:str}", opt={"permission": Permission.networks_read},
    summary="One network", operation_id="netbirdGetNetwork",
)  # fmt: skip
async def get_network(request: AnyRequest, state: State, identifier: str) -> NetworkShape:
    """The network with this id."""
    return await _answer(request, state, identifier)


@post(
    "/api/networks", opt={"permission": Permission.networks_write}, status_code=200,
    summary="Make a network", operation_id="netbirdCreateNetwork",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_network(request: AnyRequest, state: State, data: NetworkRequest) -> NetworkShape:
    """Answers the network."""
    made = await once(request, state, partial(state.control.networks.create, actor(request), data.name, data.description))
    return await _answer(request, state, made)


@put(
    "/api/networks/{identifier:str}", opt={"permission": Permission.networks_write},
    summary="Change a network", operation_id="netbirdPutNetwork",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_network(request: AnyRequest, state: State, identifier: str, data: NetworkRequest) -> NetworkShape:
    """Replaces name and description."""
    await asyncio.to_thread(state.control.networks.update, actor(request), identifier, data.name, data.description)
    return await _answer(request, state, identifier)


@delete(
    "/api/networks/{identifier:str}", opt={"permission": Permission.networks_write}, status_code=200, summary="Delete a network",
    operation_id="netbirdDeleteNetwork",
)  # fmt: skip
async def delete_network(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """With its resources and routers."""
    await asyncio.to_thread(state.control.networks.delete, actor(request), identifier)
    return NOTHING


ROUTES = [
    list_networks, list_all_routers, list_all_resources, get_network, create_network, put_network, delete_network, *PARTS,
]  # fmt: skip
