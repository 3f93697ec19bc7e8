"""The connection to the server: one, kept open, so that the agent sees its own uplink as one connection and not one a batch.

An *answer* is a status with a body, or `None` when none came. A connection that the server closed while it was idle is
noticed before it is used again, and counted, so that the uplink can learn to keep it busy.
"""

import contextlib
import http.client
import io
import logging
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from meshtrail.agent import limits

_LOG = logging.getLogger(__name__)
USER_AGENT = "meshtrail-agent/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    retry_after_s: float | None

    @property
    def code(self) -> str:
        """The code of our server's refusals; empty when the answer is not in its words. A proxy, or the page of a hotel's network,
        may answer in its place, and knows nothing of what was asked."""
        try:
            return msgspec.json.decode(self.body, type=_Refusal).error.code
        except (msgspec.MsgspecError, RecursionError):
            return ""


class _Error(msgspec.Struct):
    code: str


class _Refusal(msgspec.Struct):
    error: _Error


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
            content = answer.read(limits.ANSWER_BYTES_MAX + 1)
            if len(content) > limits.ANSWER_BYTES_MAX:
                raise http.client.HTTPException(f"its answer has more than {limits.ANSWER_BYTES_MAX} bytes")
        except (OSError, http.client.HTTPException, ValueError) as error:
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
            self._connection.response_class = _Response
            self._connection.connect()
            before, self._port_now = self._port_now, self._connection.sock.getsockname()[1]
            self.peer = self._connection.sock.getpeername()[:2]
            self.local_ports = frozenset({before, self._port_now})
            self.connects += 1
        self._connection.sock.settimeout(limits.REQUEST_TIMEOUT_S)
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


class _Response(http.client.HTTPResponse):
    """An answer that has to be there in time as a whole: a server that sends a byte now and then would else hold us for ever."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Deadline(sock, self.fp.detach(), time.monotonic() + limits.ANSWER_S_MAX))


class _Deadline(io.RawIOBase):
    """Bytes of a socket up to a moment of the monotonic clock."""

    def __init__(self, opened: socket.socket, source: io.RawIOBase, deadline_s: float) -> None:
        self._socket, self._source, self._deadline_s = opened, source, deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"its answer was not complete within {limits.ANSWER_S_MAX:.0f} s")
        self._socket.settimeout(min(left_s, limits.REQUEST_TIMEOUT_S))
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


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
