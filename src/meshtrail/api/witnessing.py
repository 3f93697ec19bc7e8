"""What requests leave in the audit trail besides changes: refused and failed attempts, and readings of logs."""

from typing import Any
from urllib.parse import unquote_plus

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from meshtrail.api.attempts import ATTEMPTS, DATA, REFUSALS
from meshtrail.api.auth import PUBLIC, actor_from, origin
from meshtrail.common.errors import MeshTrailError
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target
from meshtrail.control.coalescing import Occurrence
from meshtrail.control.service import Identity, Permission
from meshtrail.control.throttle import subscriber
from meshtrail.control.witness import Witness
from meshtrail.model.activities import Activity, TargetType
from meshtrail.model.enums import InitiatorType, Outcome

UNKNOWN_ID = "unknown"
"""Initiator of a request of which nobody knows whose it is."""

FAMILIES: dict[str, str] = {Permission.traffic_read: "traffic", Permission.audit_read: "audit"}
"""Which log is read by whom has the right."""

EXPORT_ROWS = 1_000
"""Rows of one answer from which reading it is an export: nobody looks at that many."""

_TEXT_CHARACTERS_MAX = 300
_UNCHANGING = frozenset({"GET", "HEAD", "OPTIONS"})
AnyRequest = Request[Any, Any, Any]


def witness_refusal(request: AnyRequest, error: Exception, status: int, message: str) -> None:
    """Write down that the request was refused, or that a change failed. Called from the one place where errors become answers."""
    witness: Witness | None = request.app.state.get("witness")
    handler = request.scope.get("route_handler")
    if witness is None or not isinstance(handler, HTTPRouteHandler) or (isinstance(error, MeshTrailError) and error.recorded):
        return
    operation = handler.operation_id if isinstance(handler.operation_id, str) else handler.handler_name
    changing = request.method not in _UNCHANGING and operation not in DATA
    if not (status in {401, 403} or (changing and status not in {429, 503})):
        return
    if handler.opt.get("permission") == PUBLIC and operation not in REFUSALS:
        return
    by = _initiator(request, error, witness)
    if by is None:
        return
    occurrence = _attempt(request, operation, by, error, status, message)
    witness.refused((operation, status, by.id, subscriber(by.address or "")), occurrence)


def _attempt(request: AnyRequest, operation: str, by: Actor, error: Exception, status: int, message: str) -> Occurrence:
    denied = status in {401, 403}
    tried = ATTEMPTS.get(operation)
    activity = REFUSALS.get(operation) or (tried if tried is not None and not denied else Activity.request_refuse)
    meta = {"method": request.method, "operation": operation}
    if denied and tried is not None and tried is not activity:
        meta["activity_code"] = tried.value
    details = {} if activity is Activity.sign_in_fail else {"path": request.scope["path"][:_TEXT_CHARACTERS_MAX]}
    return Occurrence(
        by, activity, _target(request, error, tried), Outcome.denied if denied else Outcome.failure, status, message, meta, details
    )


def _target(request: AnyRequest, error: Exception, tried: Activity | None) -> Target | None:
    if isinstance(error, MeshTrailError) and error.concerns is not None and error.concerns.initiator is None:
        return Target(error.concerns.id, error.concerns.name)
    identifier = request.scope.get("path_params", {}).get("identifier")
    return None if identifier is None or tried is None else Target(str(identifier), type=tried.target)


def _initiator(request: AnyRequest, error: Exception, witness: Witness) -> Actor | None:
    where = origin(request)
    identity = getattr(request.state, "identity", None)
    if isinstance(identity, Identity):
        return actor_from(identity, where)
    concerned = error.concerns if isinstance(error, MeshTrailError) else None
    if concerned is not None and concerned.initiator is not None:
        return where.actor(concerned.org_id, concerned.id, InitiatorType[concerned.initiator], concerned.name)
    org_id = concerned.org_id if concerned is not None else witness.home()
    return None if org_id is None else where.actor(org_id, UNKNOWN_ID, InitiatorType.unknown)


async def witness_reading(message: Any, scope: Any) -> None:
    """Litestar's hook before an answer is sent: write down which log was read."""
    if message["type"] != "http.response.start" or not 200 <= message["status"] < 300 or scope["method"] == "OPTIONS":
        return
    identity = scope.get("state", {}).get("identity")
    handler = scope.get("route_handler")
    if not isinstance(identity, Identity) or not isinstance(handler, HTTPRouteHandler):
        return
    needed = handler.opt.get("permission")
    if needed == PUBLIC:
        needed = handler.opt.get("page", Permission.traffic_read)
    family = FAMILIES.get(needed) if isinstance(needed, str) else None
    witness: Witness | None = scope["app"].state.get("witness") if "app" in scope else None
    if family is None or witness is None:
        return
    request: AnyRequest = Request(scope)
    by, activity = actor_from(identity, origin(request)), _reading(request, handler)
    query = unquote_plus(scope["query_string"].decode("latin-1"))[:_TEXT_CHARACTERS_MAX]
    target = Target(family, type=TargetType.log)
    details = {"path": scope["path"][:_TEXT_CHARACTERS_MAX], "filter": query}
    occurrence = Occurrence(by, activity, target, status=message["status"], meta={"family": family}, details=details)
    witness.read((activity, family, by.id, by.session_id, subscriber(by.address or "")), occurrence)


def _reading(request: AnyRequest, handler: HTTPRouteHandler) -> Activity:
    if handler.opt.get("follows"):
        return Activity.log_follow
    return Activity.log_export if _takes_many(request) or request.scope.get("state", {}).get("exported") else Activity.log_read


def _takes_many(request: AnyRequest) -> bool:
    asked = [request.query_params.get(name, "") for name in ("limit", "page_size")]
    return any(text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= EXPORT_ROWS for text in asked)
