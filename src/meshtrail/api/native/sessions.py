"""Browser sessions: signing in and out, and whose session it is."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post, put
from litestar.datastructures import Cookie, State
from litestar.response import Redirect

from meshtrail.api.auth import PUBLIC, actor, actor_from, origin
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.same_origin import refuse_foreign
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import CallerError, ForbiddenError, InvalidError
from meshtrail.control.service import SESSION_S, Permission
from meshtrail.control.sessions import Started

BODY_BYTES_MAX = 8_192
"""An address, a password or a token; anybody may send one."""


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """What to start a session with: `email` and `password`, or an API `token`."""

    email: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    token: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class SignedIn(msgspec.Struct):
    """Who is signed in, and what may be done. A token of the organisation has no user."""

    organisation_id: str
    user_id: str | None
    name: str
    email: str | None
    role: str | None
    permissions: list[str]


class SessionView(msgspec.Struct):
    """A session, without what proves it."""

    id: str
    created_at: str
    expires_at: str
    address: str | None
    """Where it was started from."""
    user_agent: str | None
    current: bool
    """Whether it is the one that asks."""


class SessionList(msgspec.Struct):
    """Sessions, newest first."""

    data: list[SessionView]


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """A password to set."""

    password: Annotated[str, msgspec.Meta(max_length=1_000)]


def cookie(request: AnyRequest, name: str, value: str, max_age: int) -> Cookie:
    """A cookie out of scripts' reach. To take it away, the value is empty and the age 0: over TLS browsers let go of a cookie
    whose name begins with `__Host-` only when that is said over TLS, too."""
    secure = request.app.state.gate.proxies.secure(request)
    return Cookie(key=name, value=value, max_age=max_age, httponly=True, samesite="lax", path="/", secure=secure)


def session_cookie(request: AnyRequest, state: State, secret: str) -> Cookie:
    """The cookie of a session."""
    return cookie(request, state.gate.cookie_name(request), secret, SESSION_S)


async def end_former(request: AnyRequest, state: State) -> None:
    """End the session that the browser had; whose it was is not asked further."""
    secret = state.gate.cookie(request)
    if not secret:
        return
    try:
        identity = await asyncio.to_thread(state.control.session_identity, secret)
    except CallerError:
        return
    finally:
        state.gate.forget(secret)
    await asyncio.to_thread(state.control.sessions.end, actor_from(identity, origin(request)), secret)


async def _start(request: AnyRequest, state: State, data: SignIn) -> Started:
    where = origin(request)
    if data.token is not None and data.email is None and data.password is None:
        identity = await asyncio.to_thread(state.control.token_identity, data.token)
        if identity.peer_id is not None:
            raise ForbiddenError("A peer's token starts no session.", "Use an API token.")
        by = actor_from(identity, where)
        started: Started = await asyncio.to_thread(
            state.control.sessions.start_with_token, identity.token_id, identity.org_id, by, where
        )  # fmt: skip
        return started
    if data.email is None or data.password is None or data.token is not None:
        raise InvalidError("Signing in takes email and password, or a token.")
    found: Started = await state.sign_ins.run(state.control.sign_in.with_password, data.email, data.password, where)
    return found


@post(
    "/session", opt={"permission": PUBLIC}, status_code=204, summary="Start a browser session", operation_id="startSession",
    request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def start_session(request: AnyRequest, state: State, data: SignIn) -> Response[None]:
    """With e-mail address and password, or with an API token, whose rights the session has then. Sets the session cookie; a
    session that the browser had before ends. 401: wrong, whatever it is; 403: blocked; 429: too many failures."""
    refuse_foreign(request, state.gate.proxies, lenient=True)
    started = await _start(request, state, data)
    await end_former(request, state)
    return Response(None, status_code=204, cookies=[session_cookie(request, state, started.secret)])


@delete("/session", opt={"permission": PUBLIC}, status_code=204, summary="End the browser session", operation_id="endSession")
async def end_session(request: AnyRequest, state: State) -> Response[None]:
    """Forgets the session and the cookie."""
    refuse_foreign(request, state.gate.proxies)
    await end_former(request, state)
    gone = cookie(request, state.gate.cookie_name(request), "", 0)
    return Response(None, status_code=204, headers={"Clear-Site-Data": '"cache"'}, cookies=[gone])


@get("/session", opt={"permission": Permission.profile_read}, summary="Who is signed in", operation_id="getSession")
async def get_session(request: AnyRequest) -> SignedIn:
    """The user or token behind the request, with role and permissions."""
    identity = request.state.identity
    rights = sorted(identity.permissions)
    user = identity.user
    if user is None:
        return SignedIn(identity.org_id, None, identity.token_name or "", None, None, rights)
    return SignedIn(identity.org_id, user.id, user.name, user.email, user.role.value, rights)


async def _sessions_of(request: AnyRequest, state: State, user_id: str) -> SessionList:
    found = await asyncio.to_thread(state.control.sessions.list_of, request.state.identity.org_id, user_id)
    return SessionList([
        SessionView(
            each.id, rfc3339(each.created_at), rfc3339(each.expires_at), each.address, each.user_agent,
            each.id == request.state.identity.session_id,
        )
        for each in found
    ])  # fmt: skip


def _own_id(request: AnyRequest) -> str:
    user = request.state.identity.user
    if user is None:
        raise ForbiddenError("A token of the organisation has no user.", "Use a user's token, or sign in.")
    return str(user.id)


@get("/sessions", opt={"permission": Permission.profile_read}, summary="List one's own sessions", operation_id="listSessions")
async def list_sessions(request: AnyRequest, state: State) -> SessionList:
    """Where one is signed in."""
    return await _sessions_of(request, state, _own_id(request))


async def _revoke(request: AnyRequest, state: State, user_id: str, identifier: str) -> None:
    await asyncio.to_thread(state.control.sessions.revoke, actor(request), request.state.identity.permissions, user_id, identifier)
    state.gate.forget_user(user_id)


@delete("/sessions/{identifier:str}", opt={"permission": Permission.profile_write}, summary="End one of one's own sessions",
        operation_id="deleteSession")  # fmt: skip
async def delete_session(request: AnyRequest, state: State, identifier: str) -> None:
    """Signs another browser out."""
    await _revoke(request, state, _own_id(request), identifier)


@get("/users/{identifier:str}/sessions", opt={"permission": Permission.users_read}, summary="List a user's sessions",
     operation_id="listSessionsOfUser")  # fmt: skip
async def list_sessions_of_user(request: AnyRequest, state: State, identifier: str) -> SessionList:
    """Where the user is signed in."""
    return await _sessions_of(request, state, identifier)


@delete("/users/{identifier:str}/sessions/{session:str}", opt={"permission": Permission.users_write}, summary="End a user's session",
        operation_id="deleteSessionOfUser")  # fmt: skip
async def delete_session_of_user(request: AnyRequest, state: State, identifier: str, session: str) -> None:
    """Signs the user out there."""
    await _revoke(request, state, identifier, session)


@put(
    "/users/{identifier:str}/password", opt={"permission": Permission.users_write}, status_code=204, summary="Set a user's password",
    operation_id="resetPassword", request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def reset_password(request: AnyRequest, state: State, identifier: str, data: NewPassword) -> None:
    """For somebody else, who is signed out everywhere. One's own is changed at `PUT /api/users/{id}/password`."""
    rights = request.state.identity.permissions
    await state.sign_ins.run(state.control.sign_in.reset_password, actor(request), rights, identifier, data.password)
    state.gate.forget_user(identifier)


@get("/sign-in/{code:str}", opt={"permission": PUBLIC}, include_in_schema=False)
async def use_link(request: AnyRequest, state: State, code: str) -> Redirect:
    """The one-time link of the terminal: starts a session and leads to the dashboard."""
    started: Started = await asyncio.to_thread(state.control.sessions.use_link, code, origin(request))
    await end_former(request, state)
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return Redirect("/", status_code=303, cookies=[session_cookie(request, state, started.secret)], headers=headers)


ROUTES = [
    start_session, end_session, get_session, list_sessions, delete_session, list_sessions_of_user, delete_session_of_user,
    reset_password,
]  # fmt: skip
