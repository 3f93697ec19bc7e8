"""Where a request comes from, when proxies may stand before the server.

A proxy says in headers who asked it. Anybody can send such headers, so they count only when the connection comes from a
proxy that was named, and of the addresses in them the last one that is no such proxy is taken.
"""

import ipaddress
from collections.abc import Sequence
from typing import Any

from litestar.connection import ASGIConnection

from meshtrail.common.errors import InvalidError

Connection = ASGIConnection[Any, Any, Any, Any]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOPS_MAX = 32
"""Addresses of one `X-Forwarded-For` that are looked at, from its end: no chain of proxies is longer."""


class Proxies:
    """The proxies that are believed; none unless told."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = tuple(_network(each) for each in trusted)

    def address(self, connection: Connection) -> str | None:
        """Address of who asks: the socket's peer, or who a trusted proxy says it is."""
        peer = connection.client.host if connection.client is not None else None
        if peer is None or not self._is_trusted(peer):
            return peer
        said = [each for line in connection.headers.getall("x-forwarded-for", []) for each in line.split(",")]
        for text in reversed(said[-HOPS_MAX:]):
            hop = _address(text)
            if hop is None:
                return peer
            peer = str(hop)
            if not self._is_trusted(peer):
                return peer
        return peer

    def secure(self, connection: Connection) -> bool:
        """Whether the browser speaks TLS, with us or with a trusted proxy."""
        if self._from_proxy(connection):
            said = connection.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
            if said:
                return said in {"https", "wss"}
        return connection.scope.get("scheme") in {"https", "wss"}

    def host(self, connection: Connection) -> str:
        """Name and port by which the browser knows this server."""
        if self._from_proxy(connection):
            said = connection.headers.get("x-forwarded-host", "").rpartition(",")[2].strip()
            if said:
                return said.lower()
        return connection.headers.get("host", "").strip().lower()

    def _from_proxy(self, connection: Connection) -> bool:
        return connection.client is not None and self._is_trusted(connection.client.host)

    def _is_trusted(self, text: str) -> bool:
        found = _address(text)
        return found is not None and any(found in network for network in self._trusted)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InvalidError(f"--trusted-proxy: {error}.", "Write an address or a network: 10.0.0.5, 10.0.0.0/24.") from None


def _address(text: str) -> _Address | None:
    """The address without a port; an IPv4 address that is written as IPv6 is itself."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        found = ipaddress.ip_address(plain)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found
