"""A small client of the native API for commands."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from meshtrail.cli.local import local_token
from meshtrail.common.errors import OperationError, UnauthenticatedError

TIMEOUT_S = 60


def call(url: str, token: str, path: str, parameters: list[tuple[str, str]] | None = None, body: object = None) -> Any:
    """The JSON answer of a GET, or of a POST with a body; the server's own message when it refuses."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    return json.loads(fetch(url, token, path + query, None if body is None else json.dumps(body).encode()))


def fetch(url: str, token: str, path: str, body: bytes | None = None, media_type: str = "application/json") -> bytes:
    """The answer as it comes: of a GET, or of a POST when there is a body."""
    if not url.startswith(("http://", "https://")):
        raise OperationError(f"{url!r} is no web address.", "Write it as http://127.0.0.1:8765")
    secret = local_token(token)
    if not secret:
        raise UnauthenticatedError("No token.", "Set MESHTRAIL_TOKEN, or run this on the machine where `meshtrail up` runs.")
    headers = {"Authorization": f"Token {secret}"} | ({"Content-Type": media_type} if body is not None else {})
    request = urllib.request.Request(url + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        try:
            said = json.load(error)["error"]
        except (ValueError, KeyError, TypeError):
            raise OperationError(f"The server answered {error.code}.", "Look at its log.") from None
        raise OperationError(said["message"], said["remedy"]) from None
    except OSError as error:
        raise OperationError(f"No answer from {url}: {error}.", "Start the server with: meshtrail up") from None
