"""The route of the Live page."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get
from litestar.response import Redirect

from meshtrail.web import filters as filtering
from meshtrail.web.live_page import LIVE_LIST, ROWS, live_context
from meshtrail.web.service import AnyRequest, Dashboard, failure_of, page_response, query_string, sign_in_first


def live_page_routes(dashboard: Dashboard) -> Sequence[Any]:
    """The handlers over a dashboard, for `service.create_router`."""

    @get("/live", name="live_page", opt={"page": "traffic.read"})
    async def live(request: AnyRequest) -> Response[Any]:
        org_id = dashboard.session_org(request)
        if org_id is None:
            return sign_in_first(request)
        given = filtering.parse(query_string(request), LIVE_LIST)
        filters = filtering.lifted(given.at("").within(LIVE_LIST.last))  # a tail has no window and no pages
        if filters.path() != given.path():
            return Redirect(filters.path(), status_code=303)
        now, status, failure, answer = dashboard.clock(), 200, None, {}
        try:
            answer = await dashboard.pages.page(org_id, {**filters.api_parameters(now), "limit": [str(ROWS)]})
        except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
            status, failure = failure_of(error, request)
        context = live_context(filters, dashboard.shell("Live", request), now, answer, failure)
        return page_response(dashboard.renderer.render("live.html", context), status)

    return [live]
