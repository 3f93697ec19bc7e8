"""The routes of the connections pages."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Response, get
from litestar.response import Redirect

from meshtrail.web import filters as filtering
from meshtrail.web.connections import ConnectionPages, connection_context, connections_context
from meshtrail.web.listed import CONNECTIONS_LIST
from meshtrail.web.listing import PAGE_ROWS
from meshtrail.web.service import AnyRequest, Dashboard, failure_of, page_response, query_string, sign_in_first


def connection_routes(source: ConnectionPages) -> Callable[[Dashboard], Sequence[Any]]:
    """The handlers over a dashboard, for `service.create_router`."""

    def routes(dashboard: Dashboard) -> Sequence[Any]:
        @get("/connections", name="connections_page")
        async def listing(request: AnyRequest) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            filters = filtering.parse(query_string(request), CONNECTIONS_LIST)
            lifted = filtering.lifted(filters)
            if lifted is not filters:
                return Redirect(lifted.path(), status_code=303)
            now, status, failure, answer = dashboard.clock(), 200, None, {}
            try:
                answer = await source.page(org_id, {**filters.api_parameters(now), "limit": [str(PAGE_ROWS)]})
            except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
                status, failure = failure_of(error, request)
            context = connections_context(filters, dashboard.shell("Connections", request), now, answer, failure)
            return page_response(dashboard.renderer.render("connections.html", context), status)

        @get("/connections/{identifier:str}", name="connection_page")
        async def one(request: AnyRequest, identifier: str) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            status, failure, row = 200, None, None
            try:
                row = await source.one(org_id, identifier)
            except Exception as error:  # noqa: BLE001 - as above
                status, failure = failure_of(error, request)
            context = connection_context(row, dashboard.shell("Connection", request), dashboard.clock(), request.url.path, failure)
            return page_response(dashboard.renderer.render("connection.html", context), status)

        return [listing, one]

    return routes
