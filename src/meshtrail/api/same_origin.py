"""Whether a page of this server sent a request: a browser attaches the cookie to what other sites make it send, too.

Browsers say where a request comes from, and scripts cannot make them lie: `Sec-Fetch-Site` (Fetch Metadata) where the connection is
trustworthy, `Origin` (RFC 6454) with every request that is no plain GET. A request with a cookie and without both is refused:
whoever is no browser has tokens.
"""

from urllib.parse import urlsplit

from meshtrail.api.origin import Connection, Proxies
from meshtrail.common.errors import ForbiddenError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing, so it does not matter who sends them."""

_PORTS = {"http": 80, "https": 443}


def refuse_foreign(connection: Connection, proxies: Proxies, lenient: bool = False) -> None:
    """`ForbiddenError` unless the request changes nothing or a page of this server sent it. `lenient`: or a program did, which
    says neither; for requests that carry nothing of a person's yet."""
    if str(connection.scope.get("method", "GET")).upper() in SAFE_METHODS:
        return
    fetched, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    if fetched is None and origin is None and lenient:
        return
    if fetched != "same-origin" and (fetched is not None or origin is None or not _is_ours(origin, connection, proxies)):
        raise ForbiddenError("The request does not come from a page of this server.", "Programs send a token instead of a cookie.")


def _is_ours(origin: str, connection: Connection, proxies: Proxies) -> bool:
    scheme = "https" if proxies.secure(connection) else "http"
    return _place(origin) is not None and _place(origin) == _place(f"{scheme}://{proxies.host(connection)}")


def _place(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for `null` and nonsense."""
    try:
        found = urlsplit(text)
        port = found.port
    except ValueError:
        return None
    if found.scheme not in _PORTS or not found.hostname:
        return None
    return found.scheme, found.hostname, port or _PORTS[found.scheme]
