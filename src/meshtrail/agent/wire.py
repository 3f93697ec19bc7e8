"""The connection to the server: one, kept open, so that the agent sees its own uplink as one connection and not one a batch.

An *answer* is a status with a body, or `None` when none came. A connection that the server closed while it was idle is
noticed before it is used again, and counted, so that the uplink can learn to keep it busy.
"""

import contextlib
import http.client
import logging
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from meshtrail.agent import limits

_LOG = logging.getLogger(__name__)
USER_AGENT = "meshtrail-agent/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    retry_after_s: float | None


class AddressError(ValueError):
    """The server's address cannot be used."""


class Wire:
    """Requests to one server. For one thread."""

    def __init__(self, server: str, token: Callable[[], str], ca_file: Path | None = None) -> None:
        parts = urlsplit(server)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise AddressError(f"{server!r} is no web address.\nWrite it as http://127.0.0.1:8765 or https://logs.example.org.")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._tls = _trust(ca_file) if parts.scheme == "https" else None
        self._token = token
        self._connection: http.client.HTTPConnection | None = None
        self._silent = False
        self.local_ports: frozenset[int] = frozenset()
        """Local ports of this connection and of the one before."""
        self._port_now = 0
        self.peer: tuple[str, int] | None = None
        """Address and port of the server, as the last connection reached it."""
        self.connects = 0
        self.idle_closes = 0
        """Connections that the server closed while nothing was asked."""
        self.failures = 0

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer | None:
        """One request and its answer; None when there was none."""
        try:
            connection = self._connected()
            connection.request(method, self._prefix + path, body, {**self._identification(), **(headers or {})})
            answer = connection.getresponse()
            content = answer.read(limits.ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            self._fail(error)
            return None
        if answer.will_close:
            self.close()
        self._silent = False
        return Answer(answer.status, content, _seconds(answer.headers.get("Retry-After")))

    def _identification(self) -> dict[str, str]:
        token = self._token()
        return {"User-Agent": USER_AGENT, **({"Authorization": f"Token {token}"} if token else {})}

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and self._closed_by_server(self._connection):
            self.idle_closes += 1
            self.close()
        if self._connection is None:
            if self._tls is not None:
                self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=limits.REQUEST_TIMEOUT_S, context=self._tls)
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=limits.REQUEST_TIMEOUT_S)
            self._connection.connect()
            before, self._port_now = self._port_now, self._connection.sock.getsockname()[1]
            self.peer = self._connection.sock.getpeername()[:2]
            self.local_ports = frozenset({before, self._port_now})
            self.connects += 1
        return self._connection

    def _closed_by_server(self, connection: http.client.HTTPConnection) -> bool:
        """Nothing is asked, so anything to read is the end."""
        if connection.sock is None:
            return True
        return bool(select.select([connection.sock], [], [], 0)[0])

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        if not self._silent:
            _LOG.warning("no answer from the server, reports wait: %s", error or type(error).__name__)
        self._silent = True
        self.close()

    def interrupt(self) -> None:
        """Cut a request off that waits in another thread; it counts as unanswered."""
        connection = self._connection
        opened = connection.sock if connection is not None else None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _seconds(value: str | None) -> float | None:
    """Seconds of a Retry-After header; a date is not used by our server, and is ignored."""
    if value is None or not value.strip().isdigit():
        return None
    return min(float(value), limits.RETRY_AFTER_S_MAX)
