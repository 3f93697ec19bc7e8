"""The routes of the dashboard: translate a request, ask for rows, render."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from meshtrail.common.errors import MeshTrailError, NotFoundError
from meshtrail.web import filters as filtering
from meshtrail.web.assets import BRIEFLY, FOREVER, Assets
from meshtrail.web.details import Details, details
from meshtrail.web.filters import Filters
from meshtrail.web.isolation import isolated
from meshtrail.web.joined import UNREADABLE, JoinedReports, joined_reports
from meshtrail.web.navigation import landing
from meshtrail.web.pages import CaptureStatus, Failure, Renderer, Shell, SignInContext
from meshtrail.web.traffic import TrafficPages, one_row, traffic_context, traffic_page
from meshtrail.web.viewer import viewer

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FRAGMENT_HEADER = "X-Fragment"
"""Set by the scripts when they want the side panel alone."""

AnyRequest = Request[Any, Any, Any]
SessionOrg = Callable[[AnyRequest], str | None]
OneConnection = Callable[[str, str], Awaitable[dict[str, Any]]]
"""The connection that the id of a report leads to, for an organisation."""
_LOG = logging.getLogger(__name__)

MoreRoutes = Callable[["Dashboard"], Sequence[Any]]
"""Makes the handlers of a page."""


class Dashboard:
    """What the handlers share."""

    def __init__(
        self, pages: TrafficPages, session_org: SessionOrg, status: Callable[[], CaptureStatus], clock: Callable[[], datetime],
        connections: OneConnection | None = None, provider: str = "",
    ) -> None:  # fmt: skip
        self.pages = pages
        self.connections = connections
        self.provider = provider
        self.session_org = session_org
        self.status = status
        self.clock = clock
        self.assets = Assets()
        self.renderer = Renderer(self.assets)

    async def traffic(self, request: AnyRequest, identifier: str | None) -> Response[Any]:
        """The list, with a side panel when a row is named."""
        org_id = self.session_org(request)
        if org_id is None:
            return sign_in_first(request)
        filters = filtering.parse(query_string(request))
        lifted = filtering.lifted(filters)
        if lifted is not filters and identifier is None:
            return Redirect(lifted.path(), status_code=303)
        if identifier is not None and request.headers.get(FRAGMENT_HEADER) == "panel":
            return await self._panel(request, org_id, filters, identifier)
        return await self._list(request, org_id, filters, identifier)

    async def _list(self, request: AnyRequest, org_id: str, filters: Filters, identifier: str | None) -> Response[str]:
        now, answer, stored, failure, status = self.clock(), _NOTHING, None, None, 200
        opened: Details | None = None
        try:
            answer, stored = await traffic_page(self.pages, org_id, filters, now)
            if identifier is not None:
                opened = await self._details(request, org_id, filters, identifier)
        except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it as a page; it is logged
            status, failure = failure_of(error, request)
        context = traffic_context(filters, self.shell("Traffic", request), now, answer, stored=stored, details=opened, failure=failure)
        return page_response(self.renderer.render("traffic.html", context), status)

    async def _panel(self, request: AnyRequest, org_id: str, filters: Filters, identifier: str) -> Response[str]:
        try:
            opened = await self._details(request, org_id, filters, identifier)
        except Exception as error:  # noqa: BLE001 - as above
            status, failure = failure_of(error, request)
            return Response(
                f"{failure.message} {failure.remedy}".strip(), status_code=status, media_type=MediaType.TEXT,
                headers={"X-Request-Id": failure.request_id},
            )  # fmt: skip
        return page_response(self.renderer.render("_panel.html", opened))

    async def _details(self, request: AnyRequest, org_id: str, filters: Filters, identifier: str) -> Details:
        row, joined = await asyncio.gather(one_row(self.pages, org_id, identifier), self._joined(org_id, identifier))
        if row is None:
            raise HTTPException("There is no such row. It may be past its retention.", status_code=404)
        return details(row, filters, str(request.base_url).rstrip("/"), self.clock(), joined)

    async def _joined(self, org_id: str, identifier: str) -> JoinedReports | None:
        """What others report of the row's connection. It is an addition: without it the row is still shown."""
        if self.connections is None:
            return None
        try:
            return joined_reports(await self.connections(org_id, identifier), identifier, self.clock())
        except NotFoundError:
            return None  # a gap or an aggregate is no connection
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("the other reports of a row could not be read")
            return UNREADABLE

    def shell(self, title: str, request: AnyRequest) -> Shell:
        """The frame of a page for whoever asks; the session must have been looked up."""
        who = viewer(request)
        return Shell(title, self.status(), who.rights, who)

    def sign_in(self, request: AnyRequest) -> Response[str]:
        """The page for people without a session."""
        next_path = local_path(request.query_params.get("next", ""))
        context = SignInContext(Shell("Sign in", self.status()), next_path, self.provider)
        return page_response(self.renderer.render("sign_in.html", context))

    def static(self, request: AnyRequest, digest: str, path: str) -> Response[bytes]:
        """A file by its name; only names of the product's own folder exist."""
        asset = self.assets.files.get(path.lstrip("/"))
        if asset is None:
            return Response(b"There is no such file.", status_code=404, media_type=MediaType.TEXT)
        headers = {"Cache-Control": FOREVER if digest == self.assets.digest else BRIEFLY, "Vary": "Accept-Encoding"}
        if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.compressed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(asset.content, media_type=asset.media_type, headers=headers)


_NOTHING: Mapping[str, Any] = {"data": []}


def local_path(text: str) -> str:
    """The text when it is a path on this server, else the beginning: a sign-in must not lead to another site."""
    path = unquote(text)
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return text if safe else "/"


def sign_in_first(request: AnyRequest) -> Redirect:
    """To the sign-in page and from there back here."""
    query = query_string(request)
    wanted = request.url.path + (f"?{query}" if query else "")
    return Redirect(f"/sign-in?next={quote(wanted, safe='')}", status_code=303)


def failure_of(error: Exception, request: AnyRequest) -> tuple[int, Failure]:
    """Status and words for an error; what nobody foresaw goes to the log and not to the page."""
    identifier = str(request.scope.get("state", {}).get("request_id", ""))
    if isinstance(error, MeshTrailError):
        return error.status, Failure(error.message, error.remedy, identifier)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return error.status_code, Failure(str(error.detail), "", identifier)
    _LOG.error("page failed", exc_info=error, extra={"request_id": identifier, "path": request.url.path})
    return 500, Failure("The server made a mistake.", "It is in the server's log under this request id.", identifier)


def query_string(request: AnyRequest) -> str:
    """The query string as it came."""
    return bytes(request.scope["query_string"]).decode("latin-1")


def page_response(text: str, status: int = 200) -> Response[str]:
    """A page, which is nobody's to keep."""
    return Response(
        text, status_code=status, media_type=MediaType.HTML,
        headers={"Cache-Control": "no-store", "Vary": f"Cookie, {FRAGMENT_HEADER}"},
    )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


def create_router(
    pages: TrafficPages, session_org: SessionOrg, status: Callable[[], CaptureStatus], clock: Callable[[], datetime] = _now,
    more: Sequence[MoreRoutes] = (), connections: OneConnection | None = None, provider: str = "",
) -> Router:  # fmt: skip
    """The dashboard's routes; `more` are those of further pages, `connections` is asked for the other reports of a row,
    `provider` is the name of the identity provider through which people come in.

    They are open to everybody and check the session themselves: somebody without one is to see the sign-in page and
    not an error.
    """
    dashboard = Dashboard(pages, session_org, status, clock, connections, provider)

    @get("/", name="dashboard", opt={"page": "profile.read"}, sync_to_thread=False)
    def root(request: AnyRequest) -> Redirect:
        if dashboard.session_org(request) is None:
            return sign_in_first(request)
        return Redirect(landing(viewer(request).rights), status_code=303)

    @get("/traffic", name="traffic_page")
    async def traffic_list(request: AnyRequest) -> Response[Any]:
        return await dashboard.traffic(request, None)

    @get("/traffic/{identifier:str}", name="traffic_row_page")
    async def traffic_row(request: AnyRequest, identifier: str) -> Response[Any]:
        return await dashboard.traffic(request, identifier)

    @get("/sign-in", name="sign_in_page", sync_to_thread=False)
    def sign_in(request: AnyRequest) -> Response[str]:
        return dashboard.sign_in(request)

    @get("/static/{digest:str}/{path:path}", name="static_file", sync_to_thread=False)
    def static(request: AnyRequest, digest: str, path: str) -> Response[bytes]:
        return dashboard.static(request, digest, path)

    return Router(
        "/",
        route_handlers=[root, traffic_list, traffic_row, sign_in, static, *(each for make in more for each in make(dashboard))],
        response_headers=SECURITY_HEADERS,
        middleware=[isolated],
        include_in_schema=False,
        opt={"permission": "public"},
    )
