"""The route of the settings page."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Response, get

from meshtrail.web.service import AnyRequest, Dashboard, failure_of, page_response, sign_in_first
from meshtrail.web.settings import SettingsContext, SettingsPages
from meshtrail.web.viewer import viewer


def settings_routes(source: SettingsPages) -> Callable[[Dashboard], Sequence[Any]]:
    """The handlers over a dashboard, for `service.create_router`."""

    def routes(dashboard: Dashboard) -> Sequence[Any]:
        @get("/settings", name="settings_page", opt={"page": "profile.read"})
        async def settings(request: AnyRequest) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            who, status, failure, data = viewer(request), 200, None, None
            try:
                data = await source.read(org_id, who)
            except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
                status, failure = failure_of(error, request)
            context = SettingsContext(dashboard.shell("Settings", request), who, data, failure)
            return page_response(dashboard.renderer.render("settings.html", context), status)

        return [settings]

    return routes
