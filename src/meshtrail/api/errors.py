"""How errors look from outside: one shape for native routes, NetBird's for NetBird's.

Native: `{"error": {"code", "message", "remedy", "request_id", "details"}}`. NetBird: `{"message", "code"}`.
"""

import logging
import secrets
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from meshtrail.common.errors import MeshTrailError
from meshtrail.store.engine import EngineError, QueryTooLargeError, ReadCancelledError

NATIVE_PREFIX = "/api/v1/"
NETBIRD_PREFIX = "/api/"
"""All that is not native below it speaks as NetBird does."""

RETRY_AFTER_S = 1
"""What senders are told to wait when the pipe is full or the store is closed."""

TOO_BROAD_REMEDY = "Narrow the time or the filter, group by fewer or coarser fields, or ask for less at once."
"""What somebody can do whose question reads too many rows, takes too long, or takes too much memory."""

_LOG = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]


class ErrorBody(msgspec.Struct):
    """The one error of native routes."""

    code: str
    """Stable word for programs."""
    message: str
    """What happened, for people."""
    remedy: str
    """What to do about it; may be empty."""
    request_id: str
    """The same as the header X-Request-Id."""
    details: list[dict[str, Any]]


def request_id(request: AnyRequest) -> str:
    """Id of this request, made when first asked for."""
    state = request.scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = secrets.token_hex(10)
    return str(state["request_id"])


def _translated(error: Exception) -> tuple[int, str, str, str, list[dict[str, Any]]]:
    match error:
        case MeshTrailError():
            return error.status, error.code, error.message, error.remedy, error.details
        case EngineError():
            return *_of_engine(error), []
        case ValidationException(extra=[{"key": key, "message": text}, *_]):
            return 400, "invalid", f"{'the body' if key == 'data' else key}: {str(text)[:300]}.", "", []
        case HTTPException(status_code=status) if status < 500:
            return status, _CODES.get(status, "invalid"), str(error.detail), "", []
        case _:
            return 500, "internal", _MISTAKE, "", []


def _of_engine(error: EngineError) -> tuple[int, str, str, str]:
    match error:
        case QueryTooLargeError():
            message = "The question is too broad: it reads more than one answer may."
            return 422, "too_broad", message, TOO_BROAD_REMEDY
        case ReadCancelledError():
            return 499, "cancelled", "The client left before the answer.", ""
        case _:
            return 500, "internal", _MISTAKE, ""


_MISTAKE = "The server made a mistake; it is in its log under this request id."


def _as_netbird(request: AnyRequest, error: Exception, status: int, message: str) -> tuple[int, str]:
    """The status and the words that NetBird's clients look for."""
    if status == 401 and "authorization" in request.headers and "unknown" in message:
        return status, "token invalid"
    if isinstance(error, ValidationException):
        return 422, message
    if isinstance(error, HTTPException) and isinstance(error.__cause__, SerializationException):
        return status, "couldn't parse JSON request"
    return status, message


_CODES = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def on_error(request: AnyRequest, error: Exception) -> Response[Any]:
    """Litestar's exception handler for everything."""
    status, code, message, remedy, details = _translated(error)
    identifier = request_id(request)
    refusals = request.app.state.get("refusals")
    if refusals is not None:
        refusals(request, error, status, message)
    if status >= 500:
        known = isinstance(error, MeshTrailError | EngineError)
        _LOG.error("request failed", extra={"request_id": identifier, "path": request.url.path, "error": str(error)[:1000]},
                   exc_info=None if known else error)  # fmt: skip
    headers = {"X-Request-Id": identifier}
    if status in {429, 503}:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:
        headers["WWW-Authenticate"] = "Token"
    path = request.url.path
    page = request.app.state.get("error_page")
    if page is not None and not path.startswith(NETBIRD_PREFIX) and "text/html" in request.headers.get("accept", ""):
        shown: Response[Any] = page(request, status, message, remedy, identifier)
        shown.headers.update(headers)
        return shown
    if path.startswith(NETBIRD_PREFIX) and not path.startswith(NATIVE_PREFIX):
        status, text = _as_netbird(request, error, status, message)
        return Response({"message": text, "code": status}, status_code=status, headers=headers)
    body = ErrorBody(code, message, remedy, identifier, details)
    return Response({"error": body}, status_code=status, headers=headers)
