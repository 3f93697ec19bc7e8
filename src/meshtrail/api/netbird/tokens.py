"""`/api/users/{id}/tokens` in NetBird's shape: personal access tokens, of oneself and of users for programs."""

import asyncio

import msgspec
from litestar import delete, get, post
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING, time
from meshtrail.api.netbird.users import refuse_others
from meshtrail.common.errors import ForbiddenError, UnusableError
from meshtrail.control.service import Identity, Permission, TokenInfo
from meshtrail.control.user import UserKind

DAYS_MAX = 365
"""NetBird's longest life of a token."""


class TokenShape(msgspec.Struct, omit_defaults=True):
    """A token without its secret; `scopes` is ours: none means all that the user may."""

    id: str
    name: str
    created_by: str
    created_at: str
    expiration_date: str
    scopes: list[str]
    last_used: str | None = None


class NewToken(msgspec.Struct):
    """A token to make: `expires_in` days."""

    name: str
    expires_in: int
    scopes: list[str] | None = None


class MadeToken(msgspec.Struct):
    """A new token; `plain_token` is shown this once."""

    plain_token: str
    personal_access_token: TokenShape


def _shape(token: TokenInfo) -> TokenShape:
    return TokenShape(
        token.id, token.name, token.created_by or "", time(token.created_at), time(token.expires_at), list(token.scopes),
        None if token.last_used_at is None else time(token.last_used_at),
    )  # fmt: skip


def _one(state: State, org_id: str, user_id: str, identifier: str) -> TokenShape:
    return _shape(state.control.tokens.get_of(org_id, user_id, identifier))


def _check_whose(state: State, identity: Identity, user_id: str) -> None:
    """A token is made by its user, and for a user for programs by who may; nobody makes one for another person."""
    refuse_others(identity, user_id, Permission.tokens_write)
    if identity.user is not None and identity.user.id == user_id:
        return
    if state.control.users.get(identity.org_id, user_id).kind is not UserKind.service:
        raise ForbiddenError("A person makes tokens alone.", "Make a service user for programs.")


@get("/api/users/{user_id:str}/tokens", opt={"permission": Permission.profile_read}, summary="List a user's tokens",
     operation_id="netbirdListTokens")  # fmt: skip
async def list_tokens(request: AnyRequest, state: State, user_id: str) -> list[TokenShape]:
    """Without their secrets."""
    identity: Identity = request.state.identity
    refuse_others(identity, user_id, Permission.tokens_read)
    return [_shape(each) for each in await asyncio.to_thread(state.control.tokens.list_of, identity.org_id, user_id)]


@get("/api/users/{user_id:str}/tokens/{identifier:str}", opt={"permission": Permission.profile_read}, summary="One of a user's tokens",
     operation_id="netbirdGetToken")  # fmt: skip
async def get_token(request: AnyRequest, state: State, user_id: str, identifier: str) -> TokenShape:
    """Without its secret."""
    identity: Identity = request.state.identity
    refuse_others(identity, user_id, Permission.tokens_read)
    return await asyncio.to_thread(_one, state, identity.org_id, user_id, identifier)


@post(
    "/api/users/{user_id:str}/tokens", opt={"permission": Permission.profile_write}, status_code=200, summary="Make a token",
    operation_id="netbirdCreateToken", request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_token(request: AnyRequest, state: State, user_id: str, data: NewToken) -> MadeToken:
    """For oneself, or for a user for programs. The secret is in this answer and nowhere else."""
    identity: Identity = request.state.identity
    if not 1 <= data.expires_in <= DAYS_MAX:
        raise UnusableError(f"expires_in: it is {data.expires_in}; it must be from 1 to {DAYS_MAX} days.")

    def make() -> tuple[str, str]:
        _check_whose(state, identity, user_id)
        made: tuple[str, str] = state.control.tokens.create_for(
            actor(request), identity.permissions, user_id, data.name, data.scopes or (), data.expires_in * 86_400
        )
        return made

    identifier, secret = await asyncio.to_thread(make)
    return MadeToken(secret, await asyncio.to_thread(_one, state, identity.org_id, user_id, identifier))


@delete(
    "/api/users/{user_id:str}/tokens/{identifier:str}", opt={"permission": Permission.profile_write}, status_code=200,
    summary="Delete a token", operation_id="netbirdDeleteToken",
)  # fmt: skip
async def delete_token(request: AnyRequest, state: State, user_id: str, identifier: str) -> dict[str, str]:
    """It and the sessions that were started with it end. Whoever may manage tokens may delete a person's, too: it may be stolen."""
    identity: Identity = request.state.identity
    refuse_others(identity, user_id, Permission.tokens_write)
    await asyncio.to_thread(state.control.tokens.delete_of, actor(request), identity.permissions, user_id, identifier)
    state.gate.forget_token(identifier)
    return NOTHING


ROUTES = [list_tokens, get_token, create_token, delete_token]
