"""Saved views of lists: one's own, and those that are shared with the organisation."""

import asyncio

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.errors import AnyRequest
from meshtrail.api.limits import VIEW_BYTES_MAX
from meshtrail.api.once import once
from meshtrail.api.view_query import checked_query
from meshtrail.common.clock import rfc3339
from meshtrail.control.permissions import Permission
from meshtrail.control.views import Listing, Shown, View


class SavedView(msgspec.Struct):
    """A saved view of a list."""

    id: str
    family: Listing
    """The list: `traffic`, `connections`, `audit`."""
    name: str
    query: str
    """The query string of the list's address, without a cursor: filters, window of time, columns."""
    shared: bool
    """Whether everybody of the organisation who may read the list has it."""
    mine: bool
    """Whether who asks has made it."""
    owner_name: str | None
    """Who has made it; null when they are gone, or a token."""
    created_at: str
    updated_at: str


class SavedViews(msgspec.Struct):
    """Views by name."""

    data: list[SavedView]


class ViewChange(msgspec.Struct, forbid_unknown_fields=True):
    """What a view is to be. All of it is replaced."""

    name: str
    query: str = ""
    shared: bool = False


class NewView(ViewChange, forbid_unknown_fields=True, kw_only=True):
    """A view to save."""

    family: Listing


def _shape(view: View, asker: str) -> SavedView:
    shown = view.shown
    return SavedView(
        view.id, view.family, shown.name, shown.query, shown.shared, view.owner_id == asker, view.owner_name,
        rfc3339(view.created_at), rfc3339(view.updated_at),
    )  # fmt: skip


def _shown(data: ViewChange, family: Listing) -> Shown:
    return Shown(data.name, checked_query(family, data.query), data.shared)


async def _answer(request: AnyRequest, state: State, identifier: str) -> SavedView:
    by = actor(request)
    view = await asyncio.to_thread(state.control.views.get, by, request.state.identity.permissions, identifier)
    return _shape(view, by.id)


@get("/views", opt={"permission": Permission.profile_read}, summary="List saved views", operation_id="listViews")
async def list_views(request: AnyRequest, state: State, family: Listing | None = None) -> SavedViews:
    """One's own and the shared ones, of one list or of all that the asker may read."""
    by = actor(request)
    families = Listing if family is None else (family,)
    found = await asyncio.to_thread(state.control.views.list, by, request.state.identity.permissions, families)
    return SavedViews([_shape(view, by.id) for view in found])


@get("/views/{identifier:str}", opt={"permission": Permission.profile_read}, summary="One saved view", operation_id="getView")
async def get_view(request: AnyRequest, state: State, identifier: str) -> SavedView:
    """The view with this id."""
    return await _answer(request, state, identifier)


@post(
    "/views", opt={"permission": Permission.profile_write}, status_code=200, summary="Save a view", operation_id="createView",
    request_max_body_size=VIEW_BYTES_MAX,
)  # fmt: skip
async def create_view(request: AnyRequest, state: State, data: NewView) -> SavedView:
    """Who may read the list may have views of it; to share one needs `views.share`."""
    by, rights = actor(request), request.state.identity.permissions
    shown = _shown(data, data.family)

    def make() -> str:
        return str(state.control.views.create(by, rights, data.family, shown))

    return await _answer(request, state, await once(request, state, make))


@put(
    "/views/{identifier:str}", opt={"permission": Permission.profile_write}, summary="Change a saved view", operation_id="putView",
    request_max_body_size=VIEW_BYTES_MAX,
)  # fmt: skip
async def put_view(request: AnyRequest, state: State, identifier: str, data: ViewChange) -> SavedView:
    """One's own, or with `views.share` one that is shared. Only who made a view can take it back."""
    by, rights = actor(request), request.state.identity.permissions

    def change() -> None:
        family = state.control.views.get(by, rights, identifier).family
        state.control.views.update(by, rights, identifier, _shown(data, family))

    await asyncio.to_thread(change)
    return await _answer(request, state, identifier)


@delete("/views/{identifier:str}", opt={"permission": Permission.profile_write}, summary="Delete a saved view", operation_id="deleteView")
async def delete_view(request: AnyRequest, state: State, identifier: str) -> None:
    """One's own, or with `views.share` one that is shared."""
    await asyncio.to_thread(state.control.views.delete, actor(request), request.state.identity.permissions, identifier)


ROUTES = [list_views, get_view, create_view, put_view, delete_view]
"""Routes below /api/v1."""
