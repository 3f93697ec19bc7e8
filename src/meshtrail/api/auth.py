"""Who asks, and may they? One guard in front of every route."""

from dataclasses import dataclass, replace
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from meshtrail.api.errors import request_id
from meshtrail.common.errors import ForbiddenError, UnauthenticatedError
from meshtrail.control.actor import Actor, Origin
from meshtrail.control.service import Control, Identity
from meshtrail.model.enums import InitiatorType

SESSION_COOKIE = "meshtrail_session"
PUBLIC = "public"
"""Scope of routes that need nobody: health, sign-in, static files."""

PEER = "peer"
"""Scope of routes that need a peer's own token."""

IDENTITIES_CACHED_MAX = 1_024
"""Tokens and sessions whose identity is remembered between requests."""

IDENTITY_CACHE_US = 2_000_000
"""How long a deleted token may still be let in."""


LOCAL_ID = "local"
"""Initiator of what is done in a session that a link of the server's terminal started."""


def origin(request: Request[Any, Any, Any]) -> Origin:
    """Where the request comes from."""
    address = request.client.host if request.client is not None else None
    return Origin(address, request.headers.get("user-agent"), request_id(request))


def actor(request: Request[Any, Any, Any]) -> Actor:
    """Who sends the request, as audit events name them. The guard must have let it through."""
    identity: Identity = request.state.identity
    where = origin(request)
    if identity.peer_id is not None:
        return where.actor(identity.org_id, identity.peer_id, InitiatorType.agent)
    if identity.token_id is not None:
        return replace(where.actor(identity.org_id, identity.token_id, InitiatorType.token), token_id=identity.token_id)
    return where.actor(identity.org_id, LOCAL_ID, InitiatorType.user)


@dataclass(slots=True)
class _Remembered:
    identity: Identity
    until_us: int


class Gate:
    """Checks each request against the scope of its route."""

    def __init__(self, control: Control, clock: Any) -> None:
        self._control = control
        self._clock = clock
        self._remembered: dict[tuple[str, str], _Remembered] = {}

    def guard(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Litestar guard: sets `connection.state.identity` or raises."""
        scope = handler.opt.get("scope")
        if scope == PUBLIC:
            return
        identity = self.identify(connection)
        if scope == PEER and identity.peer_id is None:
            raise ForbiddenError("This needs a peer's own token.", "Enrol the machine: the agent gets one.")
        if scope is None or scope not in identity.scopes | ({PEER} if identity.peer_id else frozenset()):
            raise ForbiddenError(f"This needs the right {scope}.", "Use a token that has it.")
        connection.state.identity = identity

    def identify(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Identity:
        """The identity behind a token header or a session cookie; `UnauthenticatedError` without one."""
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, secret = header.partition(" ")
            if scheme.lower() not in {"token", "bearer"} or not secret or " " in secret:
                raise UnauthenticatedError("no valid authentication provided", "Send: Authorization: Token <token>")
            return self._known("token", secret)
        cookie = connection.cookies.get(SESSION_COOKIE)
        if cookie:
            return self._known("session", cookie)
        raise UnauthenticatedError("no valid authentication provided", "Send: Authorization: Token <token>")

    def forget(self, secret: str) -> None:
        """Ask the store again for this secret."""
        self._remembered.pop(("session", secret), None)

    def forget_peer(self, peer_id: str) -> None:
        """Ask the store again for all tokens of this peer."""
        for known, remembered in list(self._remembered.items()):
            if remembered.identity.peer_id == peer_id:
                self._remembered.pop(known, None)

    def _known(self, kind: str, secret: str) -> Identity:
        now = self._clock()
        found = self._remembered.get((kind, secret))
        if found is not None and now < found.until_us:
            return found.identity
        look_up = self._control.token_identity if kind == "token" else self._control.session_identity
        identity = look_up(secret)
        if len(self._remembered) >= IDENTITIES_CACHED_MAX:
            self._remembered.clear()
        self._remembered[kind, secret] = _Remembered(identity, now + IDENTITY_CACHE_US)
        return identity
