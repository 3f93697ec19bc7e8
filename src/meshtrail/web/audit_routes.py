"""The routes of the pages of audit events."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Response, get
from litestar.response import Redirect

from meshtrail.web import filters as filtering
from meshtrail.web.audit import AuditPages, audit_context, event_context
from meshtrail.web.listed import AUDIT_LIST
from meshtrail.web.listing import PAGE_ROWS
from meshtrail.web.service import AnyRequest, Dashboard, failure_of, page_response, query_string, sign_in_first

_READS = {"page": "audit.read"}


def audit_routes(source: AuditPages) -> Callable[[Dashboard], Sequence[Any]]:
    """The handlers over a dashboard, for `service.create_router`."""

    def routes(dashboard: Dashboard) -> Sequence[Any]:
        @get("/audit", name="audit_page", opt=_READS)
        async def listing(request: AnyRequest) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            filters = filtering.parse(query_string(request), AUDIT_LIST)
            lifted = filtering.lifted(filters)
            if lifted is not filters:
                return Redirect(lifted.path(), status_code=303)
            now, status, failure, answer = dashboard.clock(), 200, None, {}
            try:
                answer = await source.page(org_id, {**filters.api_parameters(now), "limit": [str(PAGE_ROWS)]})
            except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
                status, failure = failure_of(error, request)
            context = audit_context(filters, dashboard.shell("Audit", request), now, answer, failure)
            return page_response(dashboard.renderer.render("audit.html", context), status)

        @get("/audit/{identifier:str}", name="audit_event_page", opt=_READS)
        async def one(request: AnyRequest, identifier: str) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            status, failure, row = 200, None, None
            try:
                row = await source.one(org_id, identifier)
            except Exception as error:  # noqa: BLE001 - as above
                status, failure = failure_of(error, request)
            context = event_context(row, dashboard.shell("Audit event", request), dashboard.clock(), request.url.path, failure)
            return page_response(dashboard.renderer.render("audit_event.html", context), status)

        return [listing, one]

    return routes
