"""One request to an identity provider: bounded in time and size, never redirected."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from meshtrail.common.errors import UnavailableError
from meshtrail.control.oidc.limits import ANSWER_BYTES_MAX, FETCH_S

_REMEDY = "Try again in a moment. If it stays so, an administrator finds the cause in the server's log."


class ProviderUnavailableError(UnavailableError):
    """The provider does not answer, or not as the standard says. `reason` is for the log: it may say more than people should read."""

    def __init__(self, reason: str) -> None:
        super().__init__("The identity provider does not answer as it should.", _REMEDY)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    media_type: str

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; `ProviderUnavailableError` when it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ProviderUnavailableError(f"the answer is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise ProviderUnavailableError("the answer is no JSON object")
        return found


def fetch(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, *, seconds: float = FETCH_S
) -> Answer:
    """Ask, and read all of the answer; `ProviderUnavailableError` when there is none in time, or too much of it."""
    try:
        with contextlib.closing(_connected(url, seconds)) as connection:
            answer, content = _asked(connection, method, url, body, headers or {}, seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProviderUnavailableError(f"{method} {url}: {type(error).__name__}: {error}") from error
    if len(content) > ANSWER_BYTES_MAX:
        raise ProviderUnavailableError(f"{method} {url}: the answer has more than {ANSWER_BYTES_MAX} bytes")
    if answer.length:
        raise ProviderUnavailableError(f"{method} {url}: the answer broke off")
    return Answer(answer.status, content, answer.headers.get_content_type())


def document(url: str) -> dict[str, Any]:
    """The JSON object at an address."""
    answer = fetch("GET", url)
    if answer.status != http.HTTPStatus.OK:
        raise ProviderUnavailableError(f"GET {url}: status {answer.status}")
    return answer.document()


def _connected(url: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=seconds, context=ssl.create_default_context()
        )  # fmt: skip
    else:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _asked(
    connection: http.client.HTTPConnection, method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float
) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer and what of its body may be read. The socket's own time limit does not see an answer that comes byte by byte, so
    it is cut off after its time."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    late = threading.Event()
    watch = threading.Timer(seconds, _cut, [connection.sock, late])
    watch.daemon = True
    watch.start()
    try:
        connection.request(method, path, body, {"Accept": "application/json", "User-Agent": "MeshTrail", **headers})
        with connection.getresponse() as answer:
            content = answer.read(ANSWER_BYTES_MAX + 1)
    finally:
        watch.cancel()
    if late.is_set():
        raise TimeoutError(f"it is not over after {seconds} s")
    return answer, content


def _cut(taken: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        socket.socket.shutdown(taken, socket.SHUT_RDWR)
