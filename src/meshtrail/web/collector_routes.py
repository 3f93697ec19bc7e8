"""The route of the collectors page."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Response, get

from meshtrail.web.collectors import CollectorPages, collectors_context
from meshtrail.web.service import AnyRequest, Dashboard, failure_of, page_response, sign_in_first


def collector_routes(source: CollectorPages) -> Callable[[Dashboard], Sequence[Any]]:
    """The handlers over a dashboard, for `service.create_router`."""

    def routes(dashboard: Dashboard) -> Sequence[Any]:
        @get("/collectors", name="collectors_page", opt={"page": "collectors.read"})
        async def collectors(request: AnyRequest) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            shell, origin = dashboard.shell("Collectors", request), str(request.base_url).rstrip("/")
            status, failure, answer = 200, None, {}
            try:
                answer = await source.collectors(org_id)
            except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
                status, failure = failure_of(error, request)
            context = collectors_context(answer, shell, dashboard.clock(), origin, failure)
            return page_response(dashboard.renderer.render("collectors.html", context), status)

        return [collectors]

    return routes
