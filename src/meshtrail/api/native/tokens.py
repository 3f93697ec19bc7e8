"""Tokens of the organisation. Those of users are at `/api/users/{id}/tokens`."""

import asyncio
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.common.clock import rfc3339
from meshtrail.control.service import Permission, TokenInfo

LIFETIME_DAYS_MAX = 3_650


class TokenView(msgspec.Struct):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[str]
    """`read`, `ingest`, `admin`, or single permissions."""
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class TokenList(msgspec.Struct):
    """All tokens of the organisation."""

    data: list[TokenView]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A token to make. It has no right that its maker lacks."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    scopes: list[str]
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=LIFETIME_DAYS_MAX)] | None = None


class MadeToken(msgspec.Struct):
    """A new token; `token` is shown this once."""

    id: str
    token: str


def _view(token: TokenInfo) -> TokenView:
    def shown(time: int | None) -> str | None:
        return None if time is None else rfc3339(time)

    return TokenView(
        token.id, token.name, list(token.scopes), rfc3339(token.created_at), shown(token.expires_at), shown(token.last_used_at)
    )


@get("/tokens", opt={"permission": Permission.tokens_read}, summary="List API tokens", operation_id="listTokens")
async def list_tokens(request: AnyRequest, state: State) -> TokenList:
    """All tokens of the organisation itself, without their secrets."""
    found = await asyncio.to_thread(state.control.tokens.list_all, request.state.identity.org_id)
    return TokenList([_view(token) for token in found])


@post("/tokens", opt={"permission": Permission.tokens_write}, summary="Make an API token", operation_id="createToken")
async def create_token(request: AnyRequest, state: State, data: NewToken) -> MadeToken:
    """The secret is in this answer and nowhere else."""
    lifetime = None if data.expires_in_days is None else data.expires_in_days * 86_400
    rights = request.state.identity.permissions
    identifier, secret = await asyncio.to_thread(state.control.tokens.create, actor(request), rights, data.name, data.scopes, lifetime)
    return MadeToken(identifier, secret)


@delete("/tokens/{identifier:str}", opt={"permission": Permission.tokens_write}, summary="Delete an API token", operation_id="deleteToken")
async def delete_token(request: AnyRequest, state: State, identifier: str) -> None:
    """The token and the sessions that were started with it end."""
    await asyncio.to_thread(state.control.tokens.delete, actor(request), identifier)
    state.gate.forget_token(identifier)


ROUTES = [list_tokens, create_token, delete_token]
