"""Every route, and who may use it: the table that the matrix of tests is made from.

It says again what the routes say themselves, so that a right is only changed on purpose; a route that is not here fails a test.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from meshtrail.api.auth import PEER, PUBLIC, Gate
from meshtrail.api.service import Rooms, create_app
from meshtrail.common.clock import wall_clock
from meshtrail.control.directories import Directories
from meshtrail.control.permissions import Permission
from meshtrail.server import Server, ServerConfig

P = Permission
NOBODY = "nobody"
"""What nobody may do with others, only with oneself."""

RULE: dict[str, Any] = {
    "name": "r", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "tcp", "ports": ["443"], "sources": ["{group}"],
    "destinations": ["{group}"],
}  # fmt: skip
POLICY = {"name": "p", "enabled": True, "rules": [RULE]}
RESOURCE = {"name": "r", "address": "10.9.9.9", "enabled": True, "groups": []}
ROUTER = {"peer_groups": ["{group}"], "metric": 100, "masquerade": True, "enabled": True}
SETUP_KEY = {"name": "k", "type": "one-off", "expires_in": 86_400, "auto_groups": [], "usage_limit": 0}
CHECK = {"source": "100.64.0.77", "destination": "10.7.7.7", "protocol": "tcp", "port": 443}
FACTS = {"id": "matrix", "name": "matrix"}
VIEW = {"name": "v", "query": "verdict=denied"}


@dataclass(frozen=True)
class Route:
    """What a route needs, and a request that it understands."""

    needs: str | None
    """Permission, `PUBLIC`, `PEER`; None: nobody gets through."""
    ids: tuple[str, ...] = ()
    """What the ids in its path are of, in their order."""
    body: object = None
    """A body that is right; `{group}` in it stands for a group of the organisation that asks."""
    of_others: str | None = None
    """What it needs besides when it is not about oneself."""
    page: str | None = None
    """Permission of a page, which checks the session itself."""


_SCHEMA = {
    ("GET", f"/api/v1/schema{each}"): Route(None)
    for each in (
        "", "/elements", "/oauth2-redirect.html", "/openapi.json", "/openapi.yaml", "/openapi.yml", "/rapidoc", "/redoc", "/swagger",
        "/{path}",
    )
}  # fmt: skip
"""Pages of the HTTP library; the description is at /api/v1/openapi.json."""

_INVENTORY = {
    ("GET", f"/inventory/{tab}{rest}"): Route(PUBLIC, ids=(one,) if rest else (), page=right)
    for tab, one, right in (
        ("peers", "peer", P.peers_read), ("groups", "group", P.groups_read), ("policies", "policy", P.policies_read),
        ("networks", "network", P.networks_read), ("users", "user", P.users_read), ("enrolment-keys", "", P.enrolment_keys_read),
    )
    for rest in ("", "/{identifier}")
    if one or not rest
}  # fmt: skip
"""Pages of the inventory."""

_ACTIVITY = {
    ("GET", f"/inventory/{tab}/{{identifier}}/activity"): Route(PUBLIC, ids=(one,), page=P.traffic_read)
    for tab, one in (("peers", "peer"), ("groups", "group"), ("policies", "policy"), ("networks", "network"), ("users", "user"))
}
"""What happened lately to things of the inventory."""

ROUTES: dict[tuple[str, str], Route] = {
    **_SCHEMA,
    ("GET", "/"): Route(PUBLIC, page=P.profile_read),
    ("GET", "/sign-in"): Route(PUBLIC),
    ("GET", "/sign-in/{code}"): Route(PUBLIC),
    ("GET", "/sign-in/oidc"): Route(PUBLIC),
    ("GET", "/sign-in/oidc/callback"): Route(PUBLIC),
    ("GET", "/static/{digest}/{path}"): Route(PUBLIC),
    ("GET", "/overview"): Route(PUBLIC, page=P.traffic_read),
    ("GET", "/overview/{part}"): Route(PUBLIC, page=P.traffic_read),
    ("GET", "/traffic"): Route(PUBLIC, page=P.traffic_read),
    ("GET", "/traffic/{identifier}"): Route(PUBLIC, ids=("row",), page=P.traffic_read),
    ("GET", "/ui"): Route(PUBLIC, page=P.profile_read),
    ("GET", "/live"): Route(PUBLIC, page=P.traffic_read),
    ("GET", "/audit"): Route(PUBLIC, page=P.audit_read),
    ("GET", "/audit/{identifier}"): Route(PUBLIC, ids=("event",), page=P.audit_read),
    ("GET", "/connections"): Route(PUBLIC, page=P.traffic_read),
    ("GET", "/connections/{identifier}"): Route(PUBLIC, ids=("row",), page=P.traffic_read),
    ("GET", "/collectors"): Route(PUBLIC, page=P.collectors_read),
    ("GET", "/inventory"): Route(PUBLIC),
    **_INVENTORY,
    **_ACTIVITY,
    ("GET", "/settings"): Route(PUBLIC, page=P.profile_read),
    ("GET", "/healthz"): Route(PUBLIC),
    ("GET", "/readyz"): Route(PUBLIC),
    ("GET", "/metrics"): Route(PUBLIC),
    ("GET", "/api/v1/openapi.json"): Route(PUBLIC),
    ("POST", "/api/v1/agent/enrol"): Route(PUBLIC),
    ("POST", "/api/v1/agent/token"): Route(PUBLIC),
    ("POST", "/api/v1/session"): Route(PUBLIC),
    ("DELETE", "/api/v1/session"): Route(PUBLIC),
    ("GET", "/api/v1/agent/network-map"): Route(PEER),
    ("POST", "/api/v1/ingest/traffic"): Route(P.ingest),
    ("POST", "/api/v1/ingest/facts"): Route(P.ingest, body=FACTS),
    ("GET", "/api/v1/ingest/open"): Route(P.ingest),
    ("GET", "/api/v1/traffic"): Route(P.traffic_read),
    ("GET", "/api/v1/traffic/histogram"): Route(P.traffic_read),
    ("GET", "/api/v1/traffic/aggregate"): Route(P.traffic_read),
    ("GET", "/api/v1/traffic/facets"): Route(P.traffic_read),
    ("GET", "/api/v1/traffic/new-pairs"): Route(P.traffic_read),
    ("GET", "/api/v1/traffic/{identifier}"): Route(P.traffic_read, ids=("row",)),
    ("GET", "/api/v1/live"): Route(P.traffic_read),
    ("GET", "/api/v1/connections"): Route(P.traffic_read),
    ("GET", "/api/v1/connections/{identifier}"): Route(P.traffic_read, ids=("row",)),
    ("GET", "/api/v1/filter/complete"): Route(P.traffic_read),
    ("GET", "/api/v1/filter/explain"): Route(P.traffic_read),
    ("GET", "/api/v1/filter/check"): Route(P.traffic_read),
    ("GET", "/api/events/network-traffic"): Route(P.traffic_read),
    ("GET", "/api/events"): Route(P.audit_read),
    ("GET", "/api/events/audit"): Route(P.audit_read),
    ("GET", "/api/v1/audit"): Route(P.audit_read),
    ("GET", "/api/v1/audit/activities"): Route(P.audit_read),
    ("GET", "/api/v1/audit/aggregate"): Route(P.audit_read),
    ("GET", "/api/v1/audit/facets"): Route(P.audit_read),
    ("GET", "/api/v1/audit/histogram"): Route(P.audit_read),
    ("GET", "/api/v1/audit/{identifier}"): Route(P.audit_read, ids=("event",)),
    ("GET", "/api/v1/collectors"): Route(P.collectors_read),
    ("GET", "/api/v1/collectors/{identifier}"): Route(P.collectors_read, ids=("reporter",)),
    ("GET", "/api/v1/status"): Route(P.collectors_read),
    ("GET", "/api/v1/inventory"): Route(P.policies_read),
    ("POST", "/api/v1/inventory/plan"): Route(P.policies_read, body={}),
    ("POST", "/api/v1/inventory/apply"): Route(P.policies_read, body={}),
    ("GET", "/api/v1/settings"): Route(P.settings_read),
    ("PUT", "/api/v1/settings"): Route(P.settings_write, body={}),
    ("GET", "/api/accounts"): Route(P.settings_read),
    ("PUT", "/api/accounts/{identifier}"): Route(P.settings_write, ids=("organisation",), body={"settings": {}}),
    ("GET", "/api/groups"): Route(P.groups_read),
    ("POST", "/api/groups"): Route(P.groups_write, body={"name": "g"}),
    ("GET", "/api/groups/{identifier}"): Route(P.groups_read, ids=("group",)),
    ("PUT", "/api/groups/{identifier}"): Route(P.groups_write, ids=("group",), body={"name": "g2"}),
    ("DELETE", "/api/groups/{identifier}"): Route(P.groups_write, ids=("group",)),
    ("GET", "/api/policies"): Route(P.policies_read),
    ("POST", "/api/policies"): Route(P.policies_write, body=POLICY),
    ("GET", "/api/policies/{identifier}"): Route(P.policies_read, ids=("policy",)),
    ("PUT", "/api/policies/{identifier}"): Route(P.policies_write, ids=("policy",), body=POLICY),
    ("DELETE", "/api/policies/{identifier}"): Route(P.policies_write, ids=("policy",)),
    ("POST", "/api/v1/policy/check"): Route(P.policies_read, body=CHECK),
    ("GET", "/api/networks"): Route(P.networks_read),
    ("POST", "/api/networks"): Route(P.networks_write, body={"name": "n"}),
    ("GET", "/api/networks/resources"): Route(P.networks_read),
    ("GET", "/api/networks/routers"): Route(P.networks_read),
    ("GET", "/api/networks/{identifier}"): Route(P.networks_read, ids=("network",)),
    ("PUT", "/api/networks/{identifier}"): Route(P.networks_write, ids=("network",), body={"name": "n"}),
    ("DELETE", "/api/networks/{identifier}"): Route(P.networks_write, ids=("network",)),
    ("GET", "/api/networks/{network_id}/resources"): Route(P.networks_read, ids=("network",)),
    ("POST", "/api/networks/{network_id}/resources"): Route(P.networks_write, ids=("network",), body=RESOURCE),
    ("GET", "/api/networks/{network_id}/resources/{identifier}"): Route(P.networks_read, ids=("network", "resource")),
    ("PUT", "/api/networks/{network_id}/resources/{identifier}"): Route(P.networks_write, ids=("network", "resource"), body=RESOURCE),
    ("DELETE", "/api/networks/{network_id}/resources/{identifier}"): Route(P.networks_write, ids=("network", "resource")),
    ("GET", "/api/networks/{network_id}/routers"): Route(P.networks_read, ids=("network",)),
    ("POST", "/api/networks/{network_id}/routers"): Route(P.networks_write, ids=("network",), body=ROUTER),
    ("GET", "/api/networks/{network_id}/routers/{identifier}"): Route(P.networks_read, ids=("network", "router")),
    ("PUT", "/api/networks/{network_id}/routers/{identifier}"): Route(P.networks_write, ids=("network", "router"), body=ROUTER),
    ("DELETE", "/api/networks/{network_id}/routers/{identifier}"): Route(P.networks_write, ids=("network", "router")),
    ("GET", "/api/peers"): Route(P.peers_read),
    ("GET", "/api/peers/{identifier}"): Route(P.peers_read, ids=("peer",)),
    ("PUT", "/api/peers/{identifier}"): Route(P.peers_write, ids=("peer",), body={"name": "x"}),
    ("DELETE", "/api/peers/{identifier}"): Route(P.peers_write, ids=("peer",)),
    ("GET", "/api/setup-keys"): Route(P.enrolment_keys_read),
    ("POST", "/api/setup-keys"): Route(P.enrolment_keys_write, body=SETUP_KEY),
    ("GET", "/api/setup-keys/{identifier}"): Route(P.enrolment_keys_read, ids=("key",)),
    ("PUT", "/api/setup-keys/{identifier}"): Route(P.enrolment_keys_write, ids=("key",), body={"revoked": True, "auto_groups": []}),
    ("DELETE", "/api/setup-keys/{identifier}"): Route(P.enrolment_keys_write, ids=("key",)),
    ("GET", "/api/users"): Route(P.profile_read),
    ("POST", "/api/users"): Route(P.users_write, body={"name": "x", "role": "user", "auto_groups": [], "is_service_user": True}),
    ("GET", "/api/users/current"): Route(P.profile_read),
    ("GET", "/api/users/{identifier}"): Route(P.profile_read, ids=("user",), of_others=P.users_read),
    ("PUT", "/api/users/{identifier}"): Route(P.users_write, ids=("user",), body={"role": "user", "auto_groups": [], "is_blocked": True}),
    ("DELETE", "/api/users/{identifier}"): Route(P.users_write, ids=("user",)),
    ("POST", "/api/users/{identifier}/invite"): Route(P.users_write, ids=("user",)),
    ("POST", "/api/users/{identifier}/approve"): Route(P.approve, ids=("user",)),
    ("DELETE", "/api/users/{identifier}/reject"): Route(P.approve, ids=("user",)),
    ("PUT", "/api/users/{identifier}/password"): Route(
        P.profile_write, ids=("user",), body={"old_password": "x", "new_password": "four words of ana"}, of_others=NOBODY
    ),
    ("GET", "/api/users/{user_id}/tokens"): Route(P.profile_read, ids=("user",), of_others=P.tokens_read),
    ("POST", "/api/users/{user_id}/tokens"): Route(
        P.profile_write, ids=("user",), body={"name": "t", "expires_in": 1}, of_others=P.tokens_write
    ),
    ("GET", "/api/users/{user_id}/tokens/{identifier}"): Route(P.profile_read, ids=("user", "user_token"), of_others=P.tokens_read),
    ("DELETE", "/api/users/{user_id}/tokens/{identifier}"): Route(P.profile_write, ids=("user", "user_token"), of_others=P.tokens_write),
    ("GET", "/api/v1/session"): Route(P.profile_read),
    ("GET", "/api/v1/sessions"): Route(P.profile_read),
    ("DELETE", "/api/v1/sessions/{identifier}"): Route(P.profile_write, ids=("session",)),
    ("GET", "/api/v1/users/{identifier}/sessions"): Route(P.users_read, ids=("user",)),
    ("DELETE", "/api/v1/users/{identifier}/sessions/{session}"): Route(P.users_write, ids=("user", "session")),
    ("PUT", "/api/v1/users/{identifier}/password"): Route(P.users_write, ids=("user",), body={"password": "four words of ana"}),
    ("GET", "/api/v1/views"): Route(P.profile_read),
    ("POST", "/api/v1/views"): Route(P.profile_write, body={**VIEW, "family": "traffic", "shared": True}, of_others=P.views_share),
    ("GET", "/api/v1/views/{identifier}"): Route(P.profile_read, ids=("view",)),
    ("PUT", "/api/v1/views/{identifier}"): Route(P.profile_write, ids=("view",), body=VIEW),
    ("DELETE", "/api/v1/views/{identifier}"): Route(P.profile_write, ids=("view",)),
    ("GET", "/api/v1/tokens"): Route(P.tokens_read),
    ("POST", "/api/v1/tokens"): Route(P.tokens_write, body={"name": "t", "scopes": ["tokens.write"]}),
    ("DELETE", "/api/v1/tokens/{identifier}"): Route(P.tokens_write, ids=("token",)),
}


def served() -> dict[tuple[str, str], dict[str, Any]]:
    """The routes that a server has, with their options; nothing is started for it."""
    return {key: dict(handler.opt) for key, handler in _handlers().items()}


def served_operations() -> dict[tuple[str, str], str]:
    """The same, with the id of each one's operation in the description."""
    return {key: str(handler.operation_id or handler.handler_name) for key, handler in _handlers().items()}


def _handlers() -> dict[tuple[str, str], HTTPRouteHandler]:
    server = Server(ServerConfig(Path("/nonexistent")))
    values: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Rooms))
    rooms = Rooms(
        **{**values, "control": server.control, "gate": Gate(server.control, wall_clock), "directories": Directories(server.control)}
    )
    app = create_app(rooms, server._pages(rooms))
    found: dict[tuple[str, str], HTTPRouteHandler] = {}
    for route in app.routes:
        assert isinstance(route, HTTPRoute), "no other kinds of routes are guarded yet"
        for handler in route.route_handlers:
            for method in handler.http_methods:
                if method not in {"OPTIONS", "HEAD"}:
                    found[str(method), route.path_format] = handler
    return found
