"""The routes of the Overview: the page, which waits for nothing, and its parts, each asked for by itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get
from litestar.response import Redirect

from meshtrail.common.errors import NotFoundError
from meshtrail.web import filters as filtering
from meshtrail.web.outlook import Outlook, parse
from meshtrail.web.overview import OverviewContext, PartContext, overview_context
from meshtrail.web.overview_changes import changes
from meshtrail.web.overview_decisions import decisions
from meshtrail.web.overview_denied import denied
from meshtrail.web.overview_health import collectors, unused
from meshtrail.web.overview_heat import heat
from meshtrail.web.overview_news import news
from meshtrail.web.overview_places import places
from meshtrail.web.overview_reached import reached
from meshtrail.web.overview_source import Asker, OverviewSource
from meshtrail.web.overview_talkers import talkers
from meshtrail.web.overview_totals import totals
from meshtrail.web.pages import Failure
from meshtrail.web.service import FRAGMENT_HEADER, AnyRequest, Dashboard, failure_of, page_response, query_string, sign_in_first
from meshtrail.web.viewer import viewer


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page."""

    title: str
    about: str
    """One sentence below the title."""
    ask: Callable[[Asker], Awaitable[Any]]
    right: str = "traffic.read"
    """What somebody needs to see it."""


PARTS: Mapping[str, Part] = {
    "totals": Part("Totals", "", totals),
    "changes": Part("What changed", "", changes),
    "decisions": Part("Decisions over time", "", decisions),
    "denied": Part("Denied", "Who was denied where, and why.", denied),
    "talkers": Part("Top talkers", "Bytes both ways. Choose one to see it alone.", talkers),
    "reached": Part("Who reached what", "", reached),
    "new": Part("New this week", "", news),
    "heat": Part("When", "", heat),
    "places": Part("Where", "Public addresses by country.", places),
    "unused": Part("Policies nobody uses", "", unused, "policies.read"),
    "collectors": Part("Collectors", "", collectors, "collectors.read"),
}
"""In the order of the page."""


def overview_routes(source: OverviewSource) -> Callable[[Dashboard], Sequence[Any]]:
    """The handlers over a dashboard, for `service.create_router`."""

    def routes(dashboard: Dashboard) -> Sequence[Any]:
        @get("/overview", name="overview_page", opt={"page": "traffic.read"}, sync_to_thread=False)
        def overview(request: AnyRequest) -> Response[Any]:
            if dashboard.session_org(request) is None:
                return sign_in_first(request)
            outlook = parse(query_string(request), dashboard.clock())
            lifted = filtering.lifted(outlook.filters)
            if lifted is not outlook.filters:
                return Redirect(outlook.with_filters(lifted).path(), status_code=303)
            return page_response(dashboard.renderer.render("overview.html", _page(dashboard, request, outlook)))

        @get("/overview/{part:str}", name="overview_part", opt={"page": "traffic.read"})
        async def one(request: AnyRequest, part: str) -> Response[Any]:
            org_id = dashboard.session_org(request)
            if org_id is None:
                return sign_in_first(request)
            return await _part(dashboard, source, request, org_id, part)

        return [overview, one]

    return routes


def _page(dashboard: Dashboard, request: AnyRequest, outlook: Outlook) -> OverviewContext:
    who = viewer(request)
    parts = {name: (part.title, part.about) for name, part in PARTS.items() if who.may(part.right)}
    return overview_context(outlook, dashboard.shell("Overview", request), parts)


async def _part(dashboard: Dashboard, source: OverviewSource, request: AnyRequest, org_id: str, name: str) -> Response[str]:
    """A part alone for the scripts, or in a page of its own."""
    alone = request.headers.get(FRAGMENT_HEADER) == "part"
    outlook, who = parse(query_string(request), dashboard.clock()), viewer(request)
    status, failure, data = 200, None, None
    part = PARTS.get(name)
    try:
        if part is None or not who.may(part.right):
            raise NotFoundError("The Overview has no such part.", "Go back to the whole Overview.")
        asker = Asker(source, request, org_id, outlook, who, dashboard.status(), dashboard.clock(), not alone)
        data = await part.ask(asker)
    except Exception as error:  # noqa: BLE001 - whatever fails, a person reads it in the part's place; it is logged
        status, failure = failure_of(error, request)
    context = _part_context(dashboard, request, outlook, name if part else "failed", part, data, failure)
    return page_response(dashboard.renderer.render("overview_alone.html" if alone else "overview_part.html", context), status)


def _part_context(
    dashboard: Dashboard, request: AnyRequest, outlook: Outlook, name: str, part: Part | None, data: Any, failure: Failure | None
) -> PartContext:  # fmt: skip
    title = part.title if part else "Overview"
    shell = dashboard.shell(title, request)
    return PartContext(overview_context(outlook, shell, {}), shell, name, title, part.about if part else "", data, failure,
                       outlook.path(name) if part else "/overview", outlook.path())  # fmt: skip
