"""A request for each route that changes something, and what the audit trail has to say of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from meshtrail.api.auth import SESSION_COOKIE
from meshtrail.common.clock import wall_clock
from meshtrail.common.errors import ForbiddenError
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.service import Control
from tests.api.client import Client
from tests.control.organisation import Machine

PASSWORD, OTHER_PASSWORD = "four words of ana", "five other words of ana"


@dataclass(frozen=True)
class Asked:
    """A request. Without a token it is the owner's; `by` is the id of who must be named as the initiator."""

    path: str
    body: object = None
    token: str | None = None
    cookie: str = ""
    by: str = ""


@dataclass(frozen=True)
class Told:
    """What must be among the events of the request."""

    code: str
    before: bool = False
    """Whether it must say what was."""
    after: bool = False
    """Whether it must say what became."""


@dataclass
class Scene:
    """An organisation and its owner, and ways to make what a request is about."""

    client: Client
    control: Control
    org_id: str
    owner: str
    number: int = 0
    machines: dict[str, Machine] = field(default_factory=dict)

    def name(self) -> str:
        """A name that nothing has yet."""
        self.number += 1
        return f"thing {self.number}"

    def made(self, path: str, body: dict[str, Any]) -> str:
        """Id of something new."""
        return str(self.client.done("POST", path, body)["id"])

    def group(self) -> str:
        """Id of a new group."""
        return self.made("/api/groups", {"name": self.name()})

    def policy_body(self, port: str = "443") -> dict[str, Any]:
        """A policy from a new group to itself."""
        group = self.group()
        rule = {"name": "web", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "tcp", "ports": [port],
                "sources": [group], "destinations": [group]}  # fmt: skip
        return {"name": self.name(), "enabled": True, "rules": [rule]}

    def network(self) -> str:
        """Id of a new network."""
        return self.made("/api/networks", {"name": self.name()})

    def resource_body(self, address: str = "10.0.0.5") -> dict[str, Any]:
        """A resource."""
        return {"name": self.name(), "address": address, "enabled": True, "groups": []}

    def router_body(self, metric: int = 100) -> dict[str, Any]:
        """A router of a new group's peers."""
        return {"peer_groups": [self.group()], "metric": metric, "masquerade": True, "enabled": True}

    def key_body(self) -> dict[str, Any]:
        """An enrolment key."""
        return {"name": self.name(), "type": "one-off", "expires_in": 86_400, "auto_groups": [], "usage_limit": 0}

    def view_body(self) -> dict[str, Any]:
        """A view."""
        return {"family": "traffic", "name": self.name(), "query": "verdict=denied"}

    def peer(self) -> str:
        """Id of a new peer."""
        return self.client.enrol(Machine(self.name())).peer_id

    def person(self, *, waits: bool = False) -> str:
        """Id of a new user who can sign in, or waits."""
        name = self.name()
        if not waits:
            return self.control.users.create(
                system(self.org_id), ALL_PERMISSIONS, name=name, email=f"{name.replace(' ', '')}@example.org", role=Role.user,
                password=PASSWORD,
            )[0]  # fmt: skip
        with pytest.raises(ForbiddenError, match="pending"):
            self.control.users.sign_in_external(self.org_id, "https://id.example.org", name, None, name, new_waits=True)
        return next(user.id for user in self.control.users.list(self.org_id) if user.name == name)

    def session(self, user: str) -> tuple[str, str]:
        """Id and secret of a new session."""
        started = self.control.sessions.start(self.control.users.get(self.org_id, user), "test")
        return started.id, f"{SESSION_COOKIE}={started.secret}"

    def email(self, user: str) -> str:
        """A user's e-mail address."""
        return str(self.control.users.get(self.org_id, user).email)


Case = tuple[Callable[[Scene], Asked], Told]
Key = tuple[str, str]


def _sign_in(scene: Scene) -> Asked:
    user = scene.person()
    return Asked("/api/v1/session", {"email": scene.email(user), "password": PASSWORD}, token="", by=user)


def _sign_out(scene: Scene) -> Asked:
    user = scene.person()
    return Asked("/api/v1/session", token="", cookie=scene.session(user)[1], by=user)


def _own_session(scene: Scene) -> Asked:
    return Asked(f"/api/v1/sessions/{scene.session(scene.owner)[0]}")


def _others_session(scene: Scene) -> Asked:
    user = scene.person()
    return Asked(f"/api/v1/users/{user}/sessions/{scene.session(user)[0]}")


def _own_password(scene: Scene) -> Asked:
    user = scene.person()
    body = {"old_password": PASSWORD, "new_password": OTHER_PASSWORD}
    return Asked(f"/api/users/{user}/password", body, token="", cookie=scene.session(user)[1], by=user)


def _organisations_token(scene: Scene) -> Asked:
    _, made = scene.client.call("POST", "/api/v1/tokens", {"name": scene.name(), "scopes": ["read"]})
    return Asked(f"/api/v1/tokens/{made['id']}")


def _users_token(scene: Scene) -> Asked:
    made = scene.client.done("POST", f"/api/users/{scene.owner}/tokens", {"name": scene.name(), "expires_in": 1})
    return Asked(f"/api/users/{scene.owner}/tokens/{made['personal_access_token']['id']}")


def _enrol(scene: Scene) -> Asked:
    key, secret = scene.control.enrolment_keys.create(system(scene.org_id), scene.name())
    return Asked("/api/v1/agent/enrol", Machine("laptop").asks(secret, wall_clock()), token="", by=key)


def _new_resource(scene: Scene) -> Asked:
    return Asked(f"/api/networks/{scene.network()}/resources", scene.resource_body())


def _resource(scene: Scene, body: object) -> Asked:
    place = f"/api/networks/{scene.network()}/resources"
    return Asked(f"{place}/{scene.made(place, scene.resource_body())}", body)


def _router(scene: Scene, body: object) -> Asked:
    place = f"/api/networks/{scene.network()}/routers"
    return Asked(f"{place}/{scene.made(place, scene.router_body())}", body)


def _new_router(scene: Scene) -> Asked:
    return Asked(f"/api/networks/{scene.network()}/routers", scene.router_body())


def _account(scene: Scene) -> Asked:
    wanted = {"settings": {"extra": {"network_traffic_logs_enabled": False}}}
    return Asked(f"/api/accounts/{scene.org_id}", wanted)


CASES: dict[Key, Case] = {
    ("POST", "/api/v1/session"): (_sign_in, Told("dashboard.login")),
    ("DELETE", "/api/v1/session"): (_sign_out, Told("session.end")),
    ("DELETE", "/api/v1/sessions/{identifier}"): (_own_session, Told("session.revoke")),
    ("DELETE", "/api/v1/users/{identifier}/sessions/{session}"): (_others_session, Told("session.revoke")),
    ("PUT", "/api/v1/users/{identifier}/password"): (
        lambda scene: Asked(f"/api/v1/users/{scene.person()}/password", {"password": OTHER_PASSWORD}), Told("user.password.reset")
    ),
    ("PUT", "/api/users/{identifier}/password"): (_own_password, Told("user.password.change")),
    ("POST", "/api/v1/tokens"): (
        lambda scene: Asked("/api/v1/tokens", {"name": scene.name(), "scopes": ["read"]}), Told("token.create", after=True)
    ),
    ("DELETE", "/api/v1/tokens/{identifier}"): (_organisations_token, Told("token.delete", before=True)),
    ("POST", "/api/v1/ingest/facts"): (
        lambda scene: Asked("/api/v1/ingest/facts", {"id": scene.name(), "name": "host"}), Told("peer.facts.update", after=True)
    ),
    ("POST", "/api/v1/inventory/apply"): (
        lambda scene: Asked("/api/v1/inventory/apply", {"groups": [{"name": scene.name()}]}), Told("inventory.import")
    ),
    ("PUT", "/api/v1/settings"): (
        lambda scene: Asked("/api/v1/settings", {"mode": "enforce"}), Told("settings.mode.update", before=True, after=True)
    ),
    ("POST", "/api/v1/agent/enrol"): (_enrol, Told("peer.setupkey.add", after=True)),
    ("PUT", "/api/accounts/{identifier}"): (_account, Told("settings.traffic_log.disable", before=True, after=True)),
    ("POST", "/api/users"): (
        lambda scene: Asked("/api/users", {"name": scene.name(), "role": "user", "auto_groups": [], "is_service_user": True}),
        Told("service.user.create", after=True),
    ),
    ("PUT", "/api/users/{identifier}"): (
        lambda scene: Asked(f"/api/users/{scene.person()}", {"role": "auditor", "auto_groups": [], "is_blocked": False}),
        Told("user.role.update", before=True, after=True),
    ),
    ("DELETE", "/api/users/{identifier}"): (lambda scene: Asked(f"/api/users/{scene.person()}"), Told("user.delete", before=True)),
    ("POST", "/api/users/{identifier}/invite"): (lambda scene: Asked(f"/api/users/{scene.person()}/invite"), Told("user.invite")),
    ("POST", "/api/users/{identifier}/approve"): (
        lambda scene: Asked(f"/api/users/{scene.person(waits=True)}/approve"), Told("user.approve", before=True, after=True)
    ),
    ("DELETE", "/api/users/{identifier}/reject"): (
        lambda scene: Asked(f"/api/users/{scene.person(waits=True)}/reject"), Told("user.reject")
    ),
    ("POST", "/api/users/{user_id}/tokens"): (
        lambda scene: Asked(f"/api/users/{scene.owner}/tokens", {"name": scene.name(), "expires_in": 1}),
        Told("personal.access.token.create", after=True),
    ),
    ("DELETE", "/api/users/{user_id}/tokens/{identifier}"): (_users_token, Told("personal.access.token.delete", before=True)),
    ("POST", "/api/v1/views"): (lambda scene: Asked("/api/v1/views", scene.view_body()), Told("view.create", after=True)),
    ("PUT", "/api/v1/views/{identifier}"): (
        lambda scene: Asked(f"/api/v1/views/{scene.made('/api/v1/views', scene.view_body())}", {"name": scene.name(), "shared": True}),
        Told("view.update", before=True, after=True),
    ),
    ("DELETE", "/api/v1/views/{identifier}"): (
        lambda scene: Asked(f"/api/v1/views/{scene.made('/api/v1/views', scene.view_body())}"), Told("view.delete", before=True)
    ),
    ("POST", "/api/groups"): (lambda scene: Asked("/api/groups", {"name": scene.name()}), Told("group.add", after=True)),
    ("PUT", "/api/groups/{identifier}"): (
        lambda scene: Asked(f"/api/groups/{scene.group()}", {"name": scene.name()}), Told("group.update", before=True, after=True)
    ),
    ("DELETE", "/api/groups/{identifier}"): (lambda scene: Asked(f"/api/groups/{scene.group()}"), Told("group.delete", before=True)),
    ("POST", "/api/policies"): (lambda scene: Asked("/api/policies", scene.policy_body()), Told("policy.add", after=True)),
    ("PUT", "/api/policies/{identifier}"): (
        lambda scene: Asked(f"/api/policies/{scene.made('/api/policies', scene.policy_body())}", scene.policy_body("22")),
        Told("policy.update", before=True, after=True),
    ),
    ("DELETE", "/api/policies/{identifier}"): (
        lambda scene: Asked(f"/api/policies/{scene.made('/api/policies', scene.policy_body())}"), Told("policy.delete", before=True)
    ),
    ("POST", "/api/networks"): (lambda scene: Asked("/api/networks", {"name": scene.name()}), Told("network.create", after=True)),
    ("PUT", "/api/networks/{identifier}"): (
        lambda scene: Asked(f"/api/networks/{scene.network()}", {"name": scene.name()}), Told("network.update", before=True, after=True)
    ),
    ("DELETE", "/api/networks/{identifier}"): (
        lambda scene: Asked(f"/api/networks/{scene.network()}"), Told("network.delete", before=True)
    ),
    ("POST", "/api/networks/{network_id}/resources"): (_new_resource, Told("network.resource.create", after=True)),
    ("PUT", "/api/networks/{network_id}/resources/{identifier}"): (
        lambda scene: _resource(scene, scene.resource_body("10.0.0.6")), Told("network.resource.update", before=True, after=True)
    ),
    ("DELETE", "/api/networks/{network_id}/resources/{identifier}"): (
        lambda scene: _resource(scene, None), Told("network.resource.delete", before=True)
    ),
    ("POST", "/api/networks/{network_id}/routers"): (_new_router, Told("network.router.create", after=True)),
    ("PUT", "/api/networks/{network_id}/routers/{identifier}"): (
        lambda scene: _router(scene, scene.router_body(7)), Told("network.router.update", before=True, after=True)
    ),
    ("DELETE", "/api/networks/{network_id}/routers/{identifier}"): (
        lambda scene: _router(scene, None), Told("network.router.delete", before=True)
    ),
    ("PUT", "/api/peers/{identifier}"): (
        lambda scene: Asked(f"/api/peers/{scene.peer()}", {"name": scene.name()}), Told("peer.rename", before=True, after=True)
    ),
    ("DELETE", "/api/peers/{identifier}"): (lambda scene: Asked(f"/api/peers/{scene.peer()}"), Told("user.peer.delete", before=True)),
    ("POST", "/api/setup-keys"): (lambda scene: Asked("/api/setup-keys", scene.key_body()), Told("setupkey.add", after=True)),
    ("PUT", "/api/setup-keys/{identifier}"): (
        lambda scene: Asked(f"/api/setup-keys/{scene.made('/api/setup-keys', scene.key_body())}", {"revoked": True, "auto_groups": []}),
        Told("setupkey.revoke", after=True),
    ),
    ("DELETE", "/api/setup-keys/{identifier}"): (
        lambda scene: Asked(f"/api/setup-keys/{scene.made('/api/setup-keys', scene.key_body())}"), Told("setupkey.delete", before=True)
    ),
}  # fmt: skip
"""Each by method and path of the route."""

CHANGE_NOTHING: dict[Key, str] = {
    ("POST", "/api/v1/inventory/plan"): "a question: what would be done is undone",
    ("POST", "/api/v1/ingest/traffic"): "Events are data, with a natural key and a reporter of their own.",
    ("POST", "/api/v1/agent/token"): "A peer's token is exchanged for the same peer's next one, every few hours and by each peer; "
    "that it was let in, and refusals, are events.",
    ("POST", "/api/v1/policy/check"): "It only asks.",
}
"""Routes by other methods than GET that leave no event, and why."""
