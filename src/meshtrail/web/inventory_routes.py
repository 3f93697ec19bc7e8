"""The routes of the inventory's pages."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Response, get
from litestar.response import Redirect

from meshtrail.common.errors import ForbiddenError
from meshtrail.web.inventory import HEADINGS, SEARCH_CHARACTERS_MAX, TABS, InventoryContext, InventoryPages, tabs
from meshtrail.web.inventory_activity import ActivitySource, activity, subject
from meshtrail.web.service import FRAGMENT_HEADER, AnyRequest, Dashboard, failure_of, page_response, sign_in_first
from meshtrail.web.viewer import Viewer, viewer

_OBJECTS = ("peers", "groups", "policies", "networks", "users")
"""Tabs whose things have pages of their own."""


@get("/inventory", name="inventory_page", sync_to_thread=False)
def _first() -> Redirect:
    return Redirect("/inventory/peers", status_code=303)


def inventory_routes(source: InventoryPages, lately: ActivitySource) -> Callable[[Dashboard], Sequence[Any]]:
    """The handlers over a dashboard, for `service.create_router`."""

    def routes(dashboard: Dashboard) -> Sequence[Any]:
        rights = {name: right for name, _, right in TABS}
        return [
            _first,
            *(_list(dashboard, source, name, rights[name]) for name in rights),
            *(_object(dashboard, source, name, rights[name]) for name in _OBJECTS),
            *(_activity(dashboard, source, lately, name, rights[name]) for name in _OBJECTS),
        ]

    return routes


def _list(dashboard: Dashboard, source: InventoryPages, tab: str, right: str) -> Any:
    @get(f"/inventory/{tab}", name=f"inventory_{tab}", opt={"page": right})
    async def listing(request: AnyRequest) -> Response[Any]:
        async def read(org_id: str, who: Viewer) -> Any:
            return await source.listed(org_id, tab, who, _search(request))

        return await _page(dashboard, request, tab, f"inventory_{tab.replace('-', '_')}.html", read)

    return listing


def _object(dashboard: Dashboard, source: InventoryPages, tab: str, right: str) -> Any:
    @get(f"/inventory/{tab}/{{identifier:str}}", name=f"inventory_one_of_{tab}", opt={"page": right})
    async def one(request: AnyRequest, identifier: str) -> Response[Any]:
        async def read(org_id: str, who: Viewer) -> Any:
            return await source.one(org_id, tab, identifier, who)

        return await _page(dashboard, request, tab, f"inventory_one_{tab}.html", read)

    return one


def _activity(dashboard: Dashboard, source: InventoryPages, lately: ActivitySource, tab: str, right: str) -> Any:
    """Shows traffic, so it takes the right to that too: who reads it is written down."""

    @get(f"/inventory/{tab}/{{identifier:str}}/activity", name=f"inventory_activity_of_{tab}", opt={"page": "traffic.read"})
    async def what_happened(request: AnyRequest, identifier: str) -> Response[Any]:
        async def read(org_id: str, who: Viewer) -> Any:
            if not who.may(right):
                raise ForbiddenError(f"You are signed in, but not with the right {right}.", "Ask an administrator for another role.")
            chosen = subject(tab, await source.one(org_id, tab, identifier, who))
            return activity(chosen, await lately.activity(request, org_id, chosen, identifier, who), identifier, dashboard.clock())

        fragment = request.headers.get(FRAGMENT_HEADER) == "activity"
        return await _page(dashboard, request, tab, "_activity.html" if fragment else "inventory_activity.html", read, whole=not fragment)

    return what_happened


def _search(request: AnyRequest) -> str:
    return (request.query_params.get("search") or "").strip()[:SEARCH_CHARACTERS_MAX]


async def _page(
    dashboard: Dashboard, request: AnyRequest, tab: str, template: str, read: Callable[[str, Viewer], Awaitable[Any]],
    whole: bool = True,
) -> Response[Any]:  # fmt: skip
    """The template, or the failure: on a page of its own when it is a `whole` one."""
    org_id = dashboard.session_org(request)
    if org_id is None:
        return sign_in_first(request)
    who, status, failure, data = viewer(request), 200, None, None
    try:
        data = await read(org_id, who)
    except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
        status, failure = failure_of(error, request)
    context = InventoryContext(
        dashboard.shell(HEADINGS[tab], request), tabs(tab, who), tab, HEADINGS[tab], who, data, dashboard.clock(), failure,
        request.url.path, str(request.base_url).rstrip("/"), _search(request),
    )  # fmt: skip
    return page_response(
        dashboard.renderer.render("inventory_failing.html" if whole and failure is not None else template, context), status
    )
