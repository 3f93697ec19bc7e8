"""The page for whoever asked for a page and cannot have it."""

from collections.abc import Callable
from dataclasses import dataclass

from litestar import Response

from meshtrail.web.assets import Assets
from meshtrail.web.isolation import HEADER, VALUE, trustworthy
from meshtrail.web.pages import CaptureStatus, Failure, Renderer, Shell
from meshtrail.web.service import SECURITY_HEADERS, AnyRequest, page_response
from meshtrail.web.viewer import NOBODY, viewer

ErrorPage = Callable[[AnyRequest, int, str, str, str], Response[str]]
"""Makes the page of a request, a status, a message, a remedy and a request id."""

_TITLES = {401: "Not signed in", 403: "Not for you", 404: "Nothing here", 429: "Wait a moment", 503: "Not now"}


@dataclass(frozen=True, slots=True)
class RefusedContext:
    """Everything `refused.html` shows."""

    shell: Shell
    failure: Failure
    known: bool
    """Whether it is known who asks; then the page names what they may see."""


def error_page(status: Callable[[], CaptureStatus]) -> ErrorPage:
    """The maker of such pages."""
    renderer = Renderer(Assets())

    def make(request: AnyRequest, code: int, message: str, remedy: str, request_id: str) -> Response[str]:
        who = viewer(request)
        shell = Shell(_TITLES.get(code, "This did not work"), status(), who.rights, who)
        context = RefusedContext(shell, Failure(message, remedy, request_id), who is not NOBODY)
        response = page_response(renderer.render("refused.html", context), code)
        response.headers.update(SECURITY_HEADERS)
        if trustworthy(request):
            response.headers[HEADER] = VALUE
        return response

    return make
