"""Tokens and sessions."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie, State
from litestar.response import Redirect

from meshtrail.api.auth import PUBLIC, SESSION_COOKIE
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import InvalidError
from meshtrail.control.service import SESSION_S, Scope, TokenInfo

LIFETIME_DAYS_MAX = 3_650


class TokenView(msgspec.Struct):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class TokenList(msgspec.Struct):
    """All tokens of the organisation."""

    data: list[TokenView]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A token to make."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    scopes: list[Scope]
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=LIFETIME_DAYS_MAX)] | None = None


class MadeToken(msgspec.Struct):
    """A new token; `token` is shown this once."""

    id: str
    token: str


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """A token to start a session with."""

    token: Annotated[str, msgspec.Meta(max_length=500)]


def _view(token: TokenInfo) -> TokenView:
    def shown(time: int | None) -> str | None:
        return None if time is None else rfc3339(time)

    return TokenView(
        token.id, token.name, list(token.scopes), rfc3339(token.created_at), shown(token.expires_at), shown(token.last_used_at)
    )


@get("/tokens", opt={"scope": Scope.admin}, summary="List API tokens", operation_id="listTokens")
async def list_tokens(request: AnyRequest, state: State) -> TokenList:
    """All tokens of the organisation, without their secrets."""
    found = await asyncio.to_thread(state.control.list_tokens, request.state.identity.org_id)
    return TokenList([_view(token) for token in found])


@post("/tokens", opt={"scope": Scope.admin}, summary="Make an API token", operation_id="createToken")
async def create_token(request: AnyRequest, state: State, data: NewToken) -> MadeToken:
    """The secret is in this answer and nowhere else."""
    if not data.scopes:
        raise InvalidError("A token needs at least one scope.", "Use read, ingest or admin.")
    lifetime = None if data.expires_in_days is None else data.expires_in_days * 86_400
    identifier, secret = await asyncio.to_thread(
        state.control.add_token, request.state.identity.org_id, data.name, set(data.scopes), lifetime
    )
    return MadeToken(identifier, secret)


@delete("/tokens/{identifier:str}", opt={"scope": Scope.admin}, summary="Delete an API token", operation_id="deleteToken")
async def delete_token(request: AnyRequest, state: State, identifier: str) -> None:
    """The token stops working within seconds."""
    await asyncio.to_thread(state.control.delete_token, request.state.identity.org_id, identifier)


def _cookie(request: AnyRequest, secret: str) -> Cookie:
    return Cookie(
        key=SESSION_COOKIE, value=secret, max_age=SESSION_S, httponly=True, samesite="lax", path="/",
        secure=request.url.scheme == "https",
    )  # fmt: skip


@post("/session", opt={"scope": PUBLIC}, status_code=204, summary="Start a browser session with a token", operation_id="startSession")
async def start_session(request: AnyRequest, state: State, data: SignIn) -> Response[None]:
    """Sets the session cookie; the session has the rights of the token."""
    identity = await asyncio.to_thread(state.control.token_identity, data.token)
    secret = await asyncio.to_thread(state.control.add_session, identity)
    return Response(None, status_code=204, cookies=[_cookie(request, secret)])


@delete("/session", opt={"scope": PUBLIC}, status_code=204, summary="End the browser session", operation_id="endSession")
async def end_session(request: AnyRequest, state: State) -> Response[None]:
    """Forgets the session and the cookie."""
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        await asyncio.to_thread(state.control.end_session, secret)
        state.gate.forget(secret)
    response: Response[None] = Response(None, status_code=204)
    response.delete_cookie(SESSION_COOKIE)
    return response


@get("/sign-in/{code:str}", opt={"scope": PUBLIC}, include_in_schema=False)
async def use_link(request: AnyRequest, state: State, code: str) -> Redirect:
    """The one-time link of the terminal: starts a session and leads to the dashboard."""
    secret = await asyncio.to_thread(state.control.use_sign_in_link, code)
    return Redirect("/", status_code=303, cookies=[_cookie(request, secret)], headers={"Referrer-Policy": "no-referrer"})
