"""Who asks, and may they? One guard in front of every route.

Each route names the permission that it needs: `opt={"permission": Permission.…}`, or `PUBLIC`, or `PEER`. A route without one
lets nobody in.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request
from litestar.handlers import BaseRouteHandler

from meshtrail.api.errors import request_id
from meshtrail.api.origin import Connection, Proxies
from meshtrail.api.same_origin import refuse_foreign
from meshtrail.common.errors import CallerError, ForbiddenError, MeshTrailError, UnauthenticatedError
from meshtrail.control.actor import Actor, Origin
from meshtrail.control.service import Control, Identity, Permission
from meshtrail.control.user_rows import actor_of
from meshtrail.model.enums import InitiatorType

SESSION_COOKIE = "meshtrail_session"
SECURE_COOKIE = f"__Host-{SESSION_COOKIE}"
"""Its name over TLS: browsers let nobody but this very host set it, not even a neighbour below the same domain (RFC 6265bis)."""

PUBLIC = "public"
"""Permission of routes that need nobody: health, sign-in, static files."""

_NOBODYS = ("/api/", "/static/", "/sign-in", "/healthz", "/readyz", "/metrics")
"""Beginnings of the paths of public routes that do not ask who is there; all others are pages."""

PEER = "peer"
"""Permission of routes that need a peer's own token."""

IDENTITIES_CACHED_MAX = 1_024
"""Tokens and sessions whose identity is remembered between requests."""

IDENTITY_CACHE_US = 2_000_000
"""How long a token may still be let in, or a role still hold, when another process took it away."""


def origin(request: Request[Any, Any, Any]) -> Origin:
    """Where the request comes from."""
    proxies: Proxies = request.app.state.gate.proxies
    return Origin(proxies.address(request), request.headers.get("user-agent"), request_id(request))


def actor_from(identity: Identity, where: Origin) -> Actor:
    """The identity as audit events name it: a peer, a user (by session or token), or a token of the organisation."""
    if identity.peer_id is not None:
        return where.actor(identity.org_id, identity.peer_id, InitiatorType.agent)
    if identity.user is not None:
        return actor_of(identity.user, where, identity.session_id, identity.token_id)
    by = where.actor(identity.org_id, identity.token_id or "", InitiatorType.token, identity.token_name)
    return replace(by, token_id=identity.token_id, session_id=identity.session_id)


def actor(request: Request[Any, Any, Any]) -> Actor:
    """Who sends the request, as audit events name them. The guard must have let it through."""
    return actor_from(request.state.identity, origin(request))


@dataclass(slots=True)
class _Remembered:
    identity: Identity
    until_us: int


class Gate:
    """Checks each request against the permission of its route."""

    def __init__(self, control: Control, clock: Any, trusted_proxies: Sequence[str] = ()) -> None:
        self._control = control
        self._clock = clock
        self._remembered: dict[tuple[str, str], _Remembered] = {}
        self.proxies = Proxies(trusted_proxies)

    async def guard(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Litestar guard: sets `connection.state.identity` or raises."""
        needed = handler.opt.get("permission")
        if needed == PUBLIC:
            if not str(connection.scope["path"]).startswith(_NOBODYS):
                connection.state.looked_up = await self._looked_up(connection)
            return
        kind, secret = self.presented(connection)
        identity = await self._found(kind, secret)
        connection.state.identity = identity
        if kind == "session":
            refuse_foreign(connection, self.proxies)
        if needed == PEER and identity.peer_id is None:
            raise ForbiddenError("This needs a peer's own token.", "Enrol the machine: the agent gets one.")
        if needed is None or needed not in identity.permissions | ({PEER} if identity.peer_id else frozenset()):
            raise ForbiddenError(f"This needs the right {needed}.", "Use a token that has it, or ask for another role.")

    def presented(self, connection: Connection) -> tuple[str, str]:
        """What the request shows: `token` or `session`, and the secret; `UnauthenticatedError` when it shows nothing."""
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, secret = header.partition(" ")
            if scheme.lower() not in {"token", "bearer"} or not secret or " " in secret:
                raise UnauthenticatedError("no valid authentication provided", "Send: Authorization: Token <token>")
            return "token", secret
        cookie = self.cookie(connection)
        if cookie:
            return "session", cookie
        raise UnauthenticatedError("no valid authentication provided", "Send: Authorization: Token <token>")

    async def _found(self, kind: str, secret: str) -> Identity:
        recent = self._recent(kind, secret)
        return recent if recent is not None else await asyncio.to_thread(self._look_up, kind, secret)

    async def _looked_up(self, connection: Connection) -> Identity | MeshTrailError:
        try:
            return await self._found(*self.presented(connection))
        except MeshTrailError as error:
            return error

    def identify(self, connection: Connection) -> Identity:
        """Of a page that was let through: the identity behind a token header or a session cookie, as the guard has found it;
        `UnauthenticatedError` without one, `ForbiddenError` when its user is blocked."""
        found: Identity | MeshTrailError = connection.state.looked_up
        if isinstance(found, MeshTrailError):
            raise found
        return found

    async def holds(self, connection: Connection, needed: Permission) -> bool:
        """Whether who was let in still would be: for answers that last. While the store does not answer, nobody is turned out."""
        kind, secret = self.presented(connection)
        try:
            identity = await self._found(kind, secret)
        except CallerError:
            return False
        except MeshTrailError:
            return True
        return needed in identity.permissions

    def cookie_name(self, connection: Connection) -> str:
        """Name of the session cookie on this connection."""
        return SECURE_COOKIE if self.proxies.secure(connection) else SESSION_COOKIE

    def cookie(self, connection: Connection) -> str | None:
        """The session's secret, if the request has one."""
        return connection.cookies.get(self.cookie_name(connection))

    def forget(self, secret: str) -> None:
        """Ask the store again for this session."""
        self._remembered.pop(("session", secret), None)

    def forget_peer(self, peer_id: str) -> None:
        """Ask the store again for all tokens of this peer."""
        self._forget_all(lambda identity: identity.peer_id == peer_id)

    def forget_user(self, user_id: str) -> None:
        """Ask the store again for all tokens and sessions of this user."""
        self._forget_all(lambda identity: identity.user is not None and identity.user.id == user_id)

    def forget_token(self, token_id: str) -> None:
        """Ask the store again for this token and its sessions."""
        self._forget_all(lambda identity: identity.token_id == token_id)

    def _forget_all(self, concerns: Any) -> None:
        for known, remembered in list(self._remembered.items()):
            if concerns(remembered.identity):
                self._remembered.pop(known, None)

    def _recent(self, kind: str, secret: str) -> Identity | None:
        found = self._remembered.get((kind, secret))
        return found.identity if found is not None and self._clock() < found.until_us else None

    def _look_up(self, kind: str, secret: str) -> Identity:
        began = self._clock()
        identity = self._control.token_identity(secret) if kind == "token" else self._control.session_identity(secret)
        if len(self._remembered) >= IDENTITIES_CACHED_MAX:
            self._remembered.clear()
        self._remembered[kind, secret] = _Remembered(identity, began + IDENTITY_CACHE_US)
        return identity
