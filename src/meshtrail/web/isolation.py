"""The header that keeps windows of other sites away from ours (Cross-Origin-Opener-Policy), where browsers take it.

Over plain HTTP to another machine they ignore it and complain in the console; there is nothing that it could protect.
"""

import ipaddress
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

HEADER, VALUE = "Cross-Origin-Opener-Policy", "same-origin"
Connection = ASGIConnection[Any, Any, Any, Any]


def trustworthy(connection: Connection) -> bool:
    """Whether a browser takes this connection for safe: TLS, with us or with a proxy that we trust, or this very machine
    (W3C Secure Contexts, 3.1)."""
    gate = connection.app.state.get("gate")
    secure = connection.url.scheme == "https" if gate is None else gate.proxies.secure(connection)
    return bool(secure) or _loopback(connection.url.hostname or "")


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def isolated(app: ASGIApp) -> ASGIApp:
    """Middleware: answers get the header."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_isolated(message: Message) -> None:
            if message["type"] == "http.response.start" and trustworthy(ASGIConnection(scope)):
                MutableScopeHeaders.from_message(message)[HEADER] = VALUE
            await send(message)

        await app(scope, receive, send_isolated)

    return answer
