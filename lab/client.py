"""The API as the lab uses it."""

import http.client
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from lab.limits import READY_S_MAX, ROWS_MAX
from lab.namespace import LabError


class ApiError(LabError):
    """The server refused a request."""

    def __init__(self, request: str, status: int, content: bytes) -> None:
        super().__init__(f"{request} answers {status}: {content[:500].decode(errors='replace')}")
        self.status = status


class Api:
    """Requests with one token. Each opens its own connection, so that it may be used by any thread."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; `ApiError` for any status but 2xx."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=READY_S_MAX)
        headers = {"Authorization": f"Token {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise ApiError(f"{method} {path}", answer.status, content)
        return msgspec.json.decode(content) if content else None

    def get(self, path: str, **parameters: str | int) -> Any:
        """GET with query parameters."""
        return self.call("GET", path + (f"?{urlencode(parameters)}" if parameters else ""))

    def post(self, path: str, body: Any) -> Any:
        """POST a JSON body."""
        return self.call("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """PUT a JSON body."""
        return self.call("PUT", path, body)

    def traffic(self, **parameters: str | int) -> list[dict[str, Any]]:
        """Rows of the traffic list."""
        rows = self.get("/api/v1/traffic", limit=ROWS_MAX, **parameters)["data"]
        if len(rows) >= ROWS_MAX:
            raise LabError(f"There are more than {ROWS_MAX} rows: the lab's run is too long for one look.")
        return list(rows)
