"""Users and their tokens in NetBird's shape, and the published client over all it manages."""

import time
from typing import Any

import netbird
import pytest
from netbird.exceptions import NetBirdAPIError
from netbird.models import (
    GroupCreate,
    GroupUpdate,
    NetworkCreate,
    NetworkUpdate,
    PeerUpdate,
    PolicyCreate,
    PolicyRule,
    PolicyUpdate,
    TokenCreate,
    UserCreate,
    UserUpdate,
)

from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from tests.api.client import Client, opened
from tests.control.organisation import Machine
from tests.servers import ServerProcess

EVENT_S = 20
"""Time in which an audit event gets from the outbox to the store."""

USER = {
    "id", "email", "name", "role", "status", "auto_groups", "is_blocked", "pending_approval", "last_login", "is_current", "is_service_user",
    "issued",
}  # fmt: skip


def owners_token(server: ServerProcess) -> tuple[str, str]:
    """The id of the owner of a new organisation, and a token of the owner's."""
    control = opened(server)
    try:
        org_id = control.add_organisation("test")
        (owner,) = control.users.list(org_id)
        return owner.id, control.tokens.create_for(system(org_id), ALL_PERMISSIONS, owner.id, "first")[1]
    finally:
        control.close()


@pytest.fixture
def owner(server: ServerProcess) -> Client:
    """Requests of the owner of a new organisation."""
    return Client(server, owners_token(server)[1])


def audit_events(api: netbird.APIClient, wanted: set[str]) -> list[dict[str, Any]]:
    """The organisation's events, oldest first, as soon as those codes are among them."""
    deadline = time.monotonic() + EVENT_S
    while True:
        events = api.events.get_audit_events()
        if wanted <= {each["activity_code"] for each in events}:
            return sorted(events, key=lambda each: int(each["id"]))
        assert time.monotonic() < deadline, wanted - {each["activity_code"] for each in events}


def test_netbirds_client_manages_everything(server: ServerProcess) -> None:
    """It makes, reads, changes and deletes users, tokens, groups, peers, policies, networks and resources, and lists audit events
    that tell the whole story."""
    owner, token = owners_token(server)
    api = netbird.APIClient(host=server.url, api_token=token)
    try:
        me = api.users.get_current()
        assert (me["id"], me["role"], me["is_current"], me["permissions"]["is_restricted"]) == (owner, "owner", True, False)
        assert all(me["permissions"]["modules"]["users"].values())

        staff = api.groups.create(GroupCreate(name="Staff"))["id"]
        assert api.groups.update(staff, GroupUpdate(name="Engineers"))["name"] == "Engineers"

        ana = api.users.create(UserCreate(email="ana@example.com", name="Ana", role="user", auto_groups=[staff]))
        assert (ana["role"], ana["status"], ana["auto_groups"], len(ana["password"])) == ("user", "invited", [staff], 20)
        assert api.users.get(ana["id"])["email"] == "ana@example.com"
        assert api.users.update(ana["id"], UserUpdate(role="admin", auto_groups=[], is_blocked=False))["role"] == "admin"
        assert api.users.update(ana["id"], UserUpdate(role="admin", auto_groups=[], is_blocked=True))["status"] == "blocked"
        assert {each["id"] for each in api.users.list()} == {owner, ana["id"]}

        made = api.tokens.create(owner, TokenCreate(name="terraform", expires_in=30))
        own = made["personal_access_token"]
        assert api.tokens.get(owner, own["id"])["name"] == "terraform"
        second = netbird.APIClient(host=server.url, api_token=made["plain_token"])
        assert second.users.get_current()["id"] == owner
        assert {each["name"] for each in api.tokens.list(owner)} == {"first", "terraform"}
        api.tokens.delete(owner, own["id"])
        with pytest.raises(NetBirdAPIError):
            second.users.list()
        second.close()

        inventory = Client(server, token)
        peer = inventory.enrol(Machine("laptop", "100.64.0.1"), staff).peer_id
        assert api.peers.update(peer, PeerUpdate(name="ana-laptop"))["name"] == "ana-laptop"
        assert api.peers.get(peer)["name"] == "ana-laptop"
        network = api.networks.create(NetworkCreate(name="office"))["id"]
        assert api.networks.update(network, NetworkUpdate(name="Office"))["name"] == "Office"
        resource = api.networks.create_resource(network, {"name": "db", "address": "10.0.0.5", "enabled": True, "groups": [staff]})["id"]
        changed = {"name": "database", "address": "10.0.0.6", "enabled": True, "groups": [staff]}
        assert api.networks.update_resource(network, resource, changed)["address"] == "10.0.0.6/32"
        rule = PolicyRule(
            name="r", action="accept", protocol="tcp", ports=["443"], sources=[staff], destinations=[staff], enabled=True,
            bidirectional=True,
        )  # fmt: skip
        policy = api.policies.create(PolicyCreate(name="Web", rules=[rule], enabled=True))["id"]
        assert api.policies.update(policy, PolicyUpdate(name="Web only", rules=[rule], enabled=False))["enabled"] is False

        api.policies.delete(policy)
        api.networks.delete_resource(network, resource)
        api.networks.delete(network)
        api.peers.delete(peer)
        for key in api.setup_keys.list():
            api.setup_keys.delete(key["id"])
        api.users.delete(ana["id"])
        api.groups.delete(staff)
        assert [each["id"] for each in api.users.list()] == [owner]
        told_by_the_events(api, owner, ana["id"], policy)
    finally:
        api.close()


STORY = (
    "group.add", "group.update", "user.create", "user.group.delete", "user.role.update", "user.block", "personal.access.token.create",
    "personal.access.token.delete", "peer.rename", "network.create", "network.update", "network.resource.create",
    "network.resource.update", "policy.add", "policy.update", "policy.delete", "network.resource.delete", "network.delete",
    "user.peer.delete", "user.delete", "group.delete",
)  # fmt: skip


def told_by_the_events(api: netbird.APIClient, owner: str, user: str, policy: str) -> None:
    """Each change is there, in its order, by whom it was made, with what was before and after."""
    events = [each for each in audit_events(api, set(STORY)) if each["initiator_id"] == owner]
    codes = [each["activity_code"] for each in events if each["activity_code"] in STORY]
    assert list(dict.fromkeys(codes)) == list(STORY)
    for event in events:
        if event["activity_code"] in STORY:
            assert set(event) >= {"id", "timestamp", "activity", "initiator_name", "initiator_email", "target_id", "meta"}
            assert all(isinstance(value, str) for value in event["meta"].values())
    role = next(each for each in events if each["activity_code"] == "user.role.update")
    assert (role["target_id"], role["before"], role["after"]) == (user, {"role": "user"}, {"role": "admin"})
    update = next(each for each in events if each["activity_code"] == "policy.update")
    assert update["target_id"] == policy
    assert (update["before"]["name"], update["after"]["name"]) == ("Web", "Web only")


def test_users_have_netbirds_shape(owner: Client) -> None:
    """All its properties; never signed in is the year 1; for programs there is no address."""
    robot = owner.done("POST", "/api/users", {"name": "robot", "role": "network_admin", "auto_groups": [], "is_service_user": True})
    assert set(robot) == USER
    assert robot == {
        "id": robot["id"], "email": "", "name": "robot", "role": "network_admin", "status": "active", "auto_groups": [],
        "is_blocked": False, "pending_approval": False, "last_login": "0001-01-01T00:00:00Z", "is_current": False, "is_service_user": True,
        "issued": "api",
    }  # fmt: skip
    assert [each["id"] for each in owner.done("GET", "/api/users?service_user=true")] == [robot["id"]]
    (person,) = owner.done("GET", "/api/users?service_user=false")
    assert (person["role"], person["is_current"]) == ("owner", True)
    assert owner.refused("GET", "/api/users?service_user=yes")[0] == 422
    assert set(owner.done("GET", "/api/users/current")) == USER | {"permissions"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role": "emperor", "auto_groups": [], "email": "a@example.org"}, 422),
        ({"role": "user", "auto_groups": [], "email": "nobody"}, 422),
        ({"role": "user", "auto_groups": ["nothing"], "email": "a@example.org"}, 422), ({"role": "user", "auto_groups": []}, 422),
        ({"role": "user", "auto_groups": [], "is_service_user": True}, 422), ({"role": 5}, 422),
        ({"role": "OWNER", "auto_groups": [], "email": "a@example.org"}, 200),
    ],
)  # fmt: skip
def test_users_that_cannot_be_made(owner: Client, body: dict[str, Any], status: int) -> None:
    """Say why; roles are taken in any case."""
    assert owner.call("POST", "/api/users", body)[0] == status


def test_addresses_that_are_taken(owner: Client) -> None:
    """Are a conflict."""
    body = {"role": "user", "auto_groups": [], "email": "ana@example.org"}
    owner.done("POST", "/api/users", body)
    assert owner.refused("POST", "/api/users", body)[0] == 409


def test_a_plain_user_sees_oneself(owner: Client) -> None:
    """And nobody else; changes nothing but the own tokens."""
    control = opened(owner.server)
    me = owner.done("GET", "/api/users/current")["id"]
    org_id = owner.call("GET", "/api/v1/session")[1]["organisation_id"]
    ana, _ = control.users.create(system(org_id), ALL_PERMISSIONS, email="ana@example.org", role=Role.user)
    _, token = control.tokens.create_for(system(org_id), ALL_PERMISSIONS, ana, "hers")
    control.close()
    client = Client(owner.server, token)
    assert [each["id"] for each in client.done("GET", "/api/users")] == [ana]
    assert client.done("GET", f"/api/users/{ana}")["name"] == "ana@example.org"
    assert client.refused("GET", f"/api/users/{me}")[0] == client.refused("GET", "/api/users/nothing")[0] == 403
    current = client.done("GET", "/api/users/current")
    assert current["permissions"]["is_restricted"]
    allowed = {name for name, module in current["permissions"]["modules"].items() if any(module.values())}
    assert allowed == {"pats"}
    made = client.done("POST", f"/api/users/{ana}/tokens", {"name": "mine", "expires_in": 1})
    assert client.refused("POST", f"/api/users/{me}/tokens", {"name": "theirs", "expires_in": 1})[0] == 403
    assert client.done("DELETE", f"/api/users/{ana}/tokens/{made['personal_access_token']['id']}") == {}


def test_tokens_have_netbirds_shape(owner: Client) -> None:
    """The secret is in the first answer alone; a token lives one to 365 days; a person's is made by that person alone."""
    robot = owner.done("POST", "/api/users", {"name": "robot", "role": "auditor", "auto_groups": [], "is_service_user": True})["id"]
    place = f"/api/users/{robot}/tokens"
    assert owner.done("GET", place) == []
    made = owner.done("POST", place, {"name": "t", "expires_in": 365, "scopes": ["traffic.read", "users.read"]})
    assert set(made) == {"plain_token", "personal_access_token"}
    token = made["personal_access_token"]
    assert set(token) == {"id", "name", "created_by", "created_at", "expiration_date", "scopes"}
    assert owner.done("GET", f"{place}/{token['id']}") == token
    robots = Client(owner.server, made["plain_token"])
    assert robots.call("GET", "/api/v1/traffic")[0] == 200
    assert robots.call("GET", "/api/groups")[0] == 403
    assert robots.refused("GET", "/api/users/current")[0] == 403
    assert "last_used" in owner.done("GET", f"{place}/{token['id']}")
    for days in (0, 366, -1):
        assert owner.refused("POST", place, {"name": "t", "expires_in": days})[0] == 422
    assert owner.refused("POST", place, {"name": "", "expires_in": 1})[0] == 422
    assert owner.refused("POST", place, {"name": "t", "expires_in": 1, "scopes": ["everything"]})[0] == 422
    ana = owner.done("POST", "/api/users", {"email": "ana@example.org", "role": "user", "auto_groups": []})["id"]
    assert owner.refused("POST", f"/api/users/{ana}/tokens", {"name": "t", "expires_in": 1})[0] == 403
    owner.done("DELETE", f"{place}/{token['id']}")
    assert robots.call("GET", "/api/v1/traffic")[0] == 401
    assert owner.refused("DELETE", f"{place}/{token['id']}")[0] == 404


def test_an_invited_person_comes_by_a_link(owner: Client) -> None:
    """Which is in one answer, and sets the first password."""
    ana = owner.done("POST", "/api/users", {"email": "ana@example.org", "role": "auditor", "auto_groups": []})["id"]
    invitation = owner.done("POST", f"/api/users/{ana}/invite")
    assert set(invitation) == {"path", "expires_at"}
    status, _, headers = owner.server.raw("GET", invitation["path"], None, "")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].partition(";")[0]
    body = b'{"old_password":"","new_password":"four words of ana"}'
    sent = {"Cookie": cookie, "Origin": owner.server.url, "Content-Type": "application/json"}
    assert owner.server.raw("PUT", f"/api/users/{ana}/password", body, "", **sent)[0] == 200
    assert owner.done("GET", f"/api/users/{ana}")["status"] == "active"
    assert owner.refused("POST", f"/api/users/{ana}/invite")[0] == 422


def test_who_waits_is_let_in_or_turned_away(owner: Client) -> None:
    """As NetBird's client does it."""
    control = opened(owner.server)
    org_id = owner.call("GET", "/api/v1/session")[1]["organisation_id"]
    for subject in ("s1", "s2"):
        with pytest.raises(Exception, match="pending"):
            control.users.sign_in_external(org_id, "https://id.example.org", subject, None, subject, new_waits=True)
    control.close()
    waiting = [each for each in owner.done("GET", "/api/users") if each["pending_approval"]]
    assert {each["name"] for each in waiting} == {"s1", "s2"}
    assert owner.done("POST", f"/api/users/{waiting[0]['id']}/approve")["pending_approval"] is False
    assert owner.refused("POST", f"/api/users/{waiting[0]['id']}/approve")[0] == 422
    assert owner.done("DELETE", f"/api/users/{waiting[1]['id']}/reject") == {}
    assert len(owner.done("GET", "/api/users")) == 2
