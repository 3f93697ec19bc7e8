"""Signing in at an identity provider: the way there and the way back."""

import re

from litestar import get
from litestar.datastructures import State
from litestar.response import Redirect

from meshtrail.api.auth import PUBLIC, origin
from meshtrail.api.errors import AnyRequest
from meshtrail.api.native.sessions import cookie, end_former, session_cookie
from meshtrail.common.errors import InvalidError, NotFoundError
from meshtrail.control.oidc.limits import ATTEMPT_S
from meshtrail.control.oidc.sign_in import Begun, Finished, SignInElsewhere

BEGIN_PATH = "/sign-in/oidc"
RETURN_PATH = "/sign-in/oidc/callback"
"""Where the provider sends the browser back to; it has to be registered there."""

ATTEMPT_COOKIE = "meshtrail_sign_in"
_HOST = re.compile(r"[a-z0-9.:\[\]_-]{1,255}")
_HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@get(BEGIN_PATH, opt={"permission": PUBLIC}, include_in_schema=False)
async def begin_elsewhere(request: AnyRequest, state: State) -> Redirect:
    """To the provider; `next` is the path on this server to return to."""
    next_path = request.query_params.get("next", "")
    begun: Begun = await state.exchanges.run(_elsewhere(state).begin, _return_address(request, state), next_path)
    kept = cookie(request, _cookie_name(request, state), begun.cookie, ATTEMPT_S)
    return Redirect(begun.url, status_code=303, cookies=[kept], headers=_HEADERS)


@get(RETURN_PATH, opt={"permission": PUBLIC}, include_in_schema=False)
async def return_from_elsewhere(request: AnyRequest, state: State) -> Redirect:
    """Back from the provider: always a new session; one that the browser had before ends."""
    name = _cookie_name(request, state)
    answer = {key: request.query_params[key] for key in request.query_params}
    finished: Finished = await state.exchanges.run(_elsewhere(state).finish, request.cookies.get(name), answer, origin(request))
    await end_former(request, state)
    state.gate.forget_user(finished.user.id)
    cookies = [session_cookie(request, state, finished.started.secret), cookie(request, name, "", 0)]
    return Redirect(finished.next_path, status_code=303, cookies=cookies, headers=_HEADERS)


def _elsewhere(state: State) -> SignInElsewhere:
    found: SignInElsewhere | None = state.elsewhere
    if found is None:
        raise NotFoundError("No identity provider is set up here.", "Sign in with a password, a token or a link.")
    return found


def _cookie_name(request: AnyRequest, state: State) -> str:
    """As with sessions: over TLS nobody but this very host can set it."""
    return f"__Host-{ATTEMPT_COOKIE}" if state.gate.proxies.secure(request) else ATTEMPT_COOKIE


def _return_address(request: AnyRequest, state: State) -> str:
    """The whole address of `RETURN_PATH` as the browser knows it. A host that somebody made up helps nobody: the provider leads only
    to addresses that are registered."""
    host = state.gate.proxies.host(request)
    if not _HOST.fullmatch(host):
        raise InvalidError("The request names no host.")
    return f"{'https' if state.gate.proxies.secure(request) else 'http'}://{host}{RETURN_PATH}"


ROUTES = [begin_elsewhere, return_from_elsewhere]
