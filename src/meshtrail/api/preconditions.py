"""Changes that rely on what was seen: an `ETag` with each thing of the inventory, `If-Match` with its change.

The tag is of the content that the route's GET answers. It is looked at before the change, and the change itself then fails when
anything in the organisation was changed in between: so nobody overwrites what they have not seen.
"""

import asyncio
import hashlib
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from meshtrail.api.errors import AnyRequest
from meshtrail.api.native.settings import SettingsView
from meshtrail.api.native.views import SavedView
from meshtrail.api.netbird.groups import GroupShape
from meshtrail.api.netbird.network_parts import ResourceAnswer, RouterAnswer
from meshtrail.api.netbird.networks import NetworkShape
from meshtrail.api.netbird.peers import PeerShape
from meshtrail.api.netbird.policies import PolicyShape
from meshtrail.api.netbird.setup_keys import SetupKeyShape
from meshtrail.common.errors import InvalidError, OutdatedError
from meshtrail.control.database import EXPECTED_REVISION, Expected

TAGGED = (GroupShape, NetworkShape, PeerShape, PolicyShape, ResourceAnswer, RouterAnswer, SavedView, SettingsView, SetupKeyShape)
"""What has a tag."""

_VOLATILE = frozenset({"connected", "key", "last_seen", "last_used", "state", "used_times", "valid"})
"""Fields that nobody changes by a request, and a secret that is shown once: they are not part of the tag."""

_CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
_TAG_CHARACTERS = 32


def tag(content: object) -> str:
    """The tag of an answer."""
    fields = msgspec.to_builtins(content)
    stable = {name: value for name, value in fields.items() if name not in _VOLATILE}
    return f'"{hashlib.sha256(msgspec.json.encode(stable, order="deterministic")).hexdigest()[:_TAG_CHARACTERS]}"'


async def add_tag(response: Response[Any]) -> Response[Any]:
    """Litestar's `after_request`: the answer gets its tag."""
    if isinstance(response.content, TAGGED):
        response.headers["ETag"] = tag(response.content)
    return response


async def check_tag(request: AnyRequest) -> None:
    """Before a change with `If-Match`: `OutdatedError` when the thing is not what the sender has seen. The change that follows
    in this request fails alike when somebody was faster."""
    given = request.headers.get("if-match")
    if given is None or request.method not in _CHANGING:
        return
    getter = _getter(request)
    if getter is None:
        raise InvalidError("If-Match: what this route changes has no ETag.", "Leave the header out.")
    org_id, database = request.state.identity.org_id, request.app.state.control.database
    revision = await asyncio.to_thread(database.revision, org_id)
    content = await getter.fn(request=request, state=request.app.state, **request.path_params)
    wanted = {each.strip().removeprefix("W/") for each in given.split(",")}
    if "*" not in wanted and tag(content) not in wanted:
        raise OutdatedError("It has been changed since you have seen it.", "Read it again, and decide again.")
    EXPECTED_REVISION.set(Expected(org_id, revision))


def _getter(request: AnyRequest) -> HTTPRouteHandler | None:
    """The handler that answers what the request is about to change."""
    handler = request.scope["route_handler"]
    for route in request.app.routes:
        if isinstance(route, HTTPRoute) and "GET" in route.route_handler_map and handler in _handlers(route):
            found = route.route_handler_map["GET"][0]
            answered = found.parsed_fn_signature.return_type.annotation
            return found if answered in TAGGED else None
    return None


def _handlers(route: HTTPRoute) -> list[HTTPRouteHandler]:
    return [handler for handler, _ in route.route_handler_map.values()]
