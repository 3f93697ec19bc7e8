"""The route of the page of all components."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get

from meshtrail.web.service import AnyRequest, Dashboard, page_response, sign_in_first
from meshtrail.web.ui import ui_context


def ui_routes(dashboard: Dashboard) -> Sequence[Any]:
    """The handlers over a dashboard, for `service.create_router`."""

    @get("/ui", name="ui_page", opt={"page": "profile.read"}, sync_to_thread=False)
    def ui(request: AnyRequest) -> Response[Any]:
        if dashboard.session_org(request) is None:
            return sign_in_first(request)
        context = ui_context(dashboard.shell("Components", request), dashboard.assets, dashboard.clock())
        return page_response(dashboard.renderer.render("ui.html", context))

    return [ui]
