"""`/api/networks/{id}/resources` and `/api/networks/{id}/routers` in NetBird's shape."""

import asyncio
from functools import partial

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING, GroupMinimum, group_minimum
from meshtrail.api.once import once
from meshtrail.common.errors import NotFoundError
from meshtrail.control.inventory import Network, Resource, Router, Snapshot
from meshtrail.control.service import Permission


class ResourceAnswer(msgspec.Struct):
    """A resource; `type` follows from the address."""

    id: str
    name: str
    description: str
    type: str
    address: str
    groups: list[GroupMinimum]
    enabled: bool


class ResourceRequest(msgspec.Struct):
    """A resource to make, or what it is to be from now on."""

    name: str
    address: str
    enabled: bool = True
    groups: list[str] | None = None
    description: str | None = None


class RouterAnswer(msgspec.Struct):
    """A router: `peer`, or the peers of `peer_groups`."""

    id: str
    peer: str
    peer_groups: list[str]
    metric: int
    masquerade: bool
    enabled: bool


class RouterRequest(msgspec.Struct):
    """A router to make, or what it is to be from now on."""

    metric: int = 9_999
    masquerade: bool = False
    enabled: bool = True
    peer: str | None = None
    peer_groups: list[str] | None = None

    def router(self, network_id: str, identifier: str = "") -> Router:
        """As the control store has it."""
        return Router(
            id=identifier, network_id=network_id, peer=self.peer or None, peer_groups=tuple(self.peer_groups or ()),
            metric=self.metric, masquerade=self.masquerade, enabled=self.enabled,
        )  # fmt: skip


def resource_answer(snapshot: Snapshot, resource: Resource) -> ResourceAnswer:
    """A resource as NetBird shows it."""
    groups = [group_minimum(snapshot, group) for group in snapshot.groups_of_resources[resource.id]]
    return ResourceAnswer(
        resource.id, resource.name, resource.description, resource.type.value, resource.address, groups, resource.enabled
    )  # fmt: skip


def router_answer(router: Router) -> RouterAnswer:
    """A router as NetBird shows it."""
    return RouterAnswer(router.id, router.peer or "", list(router.peer_groups), router.metric, router.masquerade, router.enabled)


async def network_of(request: AnyRequest, state: State, identifier: str) -> tuple[Snapshot, Network]:
    """The inventory, and the network with this id; `NotFoundError` without one."""
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    network = snapshot.networks.get(identifier)
    if network is None:
        raise NotFoundError(f"There is no network {identifier[:60]!r}.")
    return snapshot, network


async def _resource(request: AnyRequest, state: State, network_id: str, identifier: str) -> ResourceAnswer:
    snapshot, network = await network_of(request, state, network_id)
    found = snapshot.resources.get(identifier)
    if found is None or found.network_id != network.id:
        raise NotFoundError(f"There is no resource {identifier[:60]!r} in this network.")
    return resource_answer(snapshot, found)


async def _router(request: AnyRequest, state: State, network_id: str, identifier: str) -> RouterAnswer:
    snapshot, network = await network_of(request, state, network_id)
    found = snapshot.routers.get(identifier)
    if found is None or found.network_id != network.id:
        raise NotFoundError(f"There is no router {identifier[:60]!r} in this network.")
    return router_answer(found)


_RESOURCES, _RESOURCE = "/api/networks/{network_id:str}/resources", "/api/networks/{network_id:str}/resources/{identifier:str}"
_ROUTERS, _ROUTER = "/api/networks/{network_id:str}/routers", "/api/networks/{network_id:str}/routers/{identifier:str}"
_READ, _WRITE = {"permission": Permission.networks_read}, {"permission": Permission.networks_write}


@get(_RESOURCES, opt=_READ, summary="List resources", operation_id="netbirdListResources")
async def list_resources(request: AnyRequest, state: State, network_id: str) -> list[ResourceAnswer]:
    """The resources of a network."""
    snapshot, network = await network_of(request, state, network_id)
    return [resource_answer(snapshot, each) for each in snapshot.resources.values() if each.network_id == network.id]


@get(_RESOURCE, opt=_READ, summary="One resource", operation_id="netbirdGetResource")
async def get_resource(request: AnyRequest, state: State, network_id: str, identifier: str) -> ResourceAnswer:
    """The resource with this id."""
    return await _resource(request, state, network_id, identifier)


@post(
    _RESOURCES, opt=_WRITE, status_code=200, summary="Make a resource", operation_id="netbirdCreateResource",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_resource(request: AnyRequest, state: State, network_id: str, data: ResourceRequest) -> ResourceAnswer:
    """`address`: a host (10.0.0.5), a subnet (10.0.0.0/24), a domain (db.example.org) or all below one (*.example.org)."""
    by = actor(request)

    def make() -> str:
        made: str = state.control.networks.create_resource(
            by, network_id, data.name, data.address, data.groups or (), data.description,
            enabled=data.enabled,
        )  # fmt: skip
        return made

    return await _resource(request, state, network_id, await once(request, state, make))


@put(_RESOURCE, opt=_WRITE, summary="Change a resource", operation_id="netbirdPutResource", request_max_body_size=JSON_BYTES_MAX)
async def put_resource(request: AnyRequest, state: State, network_id: str, identifier: str, data: ResourceRequest) -> ResourceAnswer:
    """Replaces the resource."""
    by = actor(request)

    def change() -> None:
        state.control.networks.update_resource(
            by, network_id, identifier, data.name, data.address, data.groups or (), data.description,
            enabled=data.enabled,
        )  # fmt: skip

    await asyncio.to_thread(change)
    return await _resource(request, state, network_id, identifier)


@delete(_RESOURCE, opt=_WRITE, status_code=200, summary="Delete a resource", operation_id="netbirdDeleteResource")
async def delete_resource(request: AnyRequest, state: State, network_id: str, identifier: str) -> dict[str, str]:
    """It leaves its groups."""
    await asyncio.to_thread(state.control.networks.delete_resource, actor(request), network_id, identifier)
    return NOTHING


@get(_ROUTERS, opt=_READ, summary="List routers", operation_id="netbirdListRouters")
async def list_routers(request: AnyRequest, state: State, network_id: str) -> list[RouterAnswer]:
    """The routers of a network."""
    snapshot, network = await network_of(request, state, network_id)
    return [router_answer(each) for each in snapshot.routers.values() if each.network_id == network.id]


@get(_ROUTER, opt=_READ, summary="One router", operation_id="netbirdGetRouter")
async def get_router(request: AnyRequest, state: State, network_id: str, identifier: str) -> RouterAnswer:
    """The router with this id."""
    return await _router(request, state, network_id, identifier)


@post(
    _ROUTERS, opt=_WRITE, status_code=200, summary="Make a router", operation_id="netbirdCreateRouter",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_router(request: AnyRequest, state: State, network_id: str, data: RouterRequest) -> RouterAnswer:
    """A peer, or the peers of groups, lead into the network from now on."""
    made = await once(request, state, partial(state.control.networks.create_router, actor(request), data.router(network_id)))
    return await _router(request, state, network_id, made)


@put(_ROUTER, opt=_WRITE, summary="Change a router", operation_id="netbirdPutRouter", request_max_body_size=JSON_BYTES_MAX)
async def put_router(request: AnyRequest, state: State, network_id: str, identifier: str, data: RouterRequest) -> RouterAnswer:
    """Replaces the router."""
    await asyncio.to_thread(state.control.networks.update_router, actor(request), data.router(network_id, identifier))
    return await _router(request, state, network_id, identifier)


@delete(_ROUTER, opt=_WRITE, status_code=200, summary="Delete a router", operation_id="netbirdDeleteRouter")
async def delete_router(request: AnyRequest, state: State, network_id: str, identifier: str) -> dict[str, str]:
    """Nobody leads into the network by it any more."""
    await asyncio.to_thread(state.control.networks.delete_router, actor(request), network_id, identifier)
    return NOTHING


ROUTES = [
    list_resources, get_resource, create_resource, put_resource, delete_resource,
    list_routers, get_router, create_router, put_router, delete_router,
]  # fmt: skip
