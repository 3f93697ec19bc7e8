"""Groups, policies, networks, peers, setup keys and settings in NetBird's shape, and the native settings."""

from typing import Any

import netbird
import pytest
from netbird.models import GroupCreate, NetworkCreate, PolicyCreate, PolicyRule, SetupKeyCreate, SetupKeyUpdate

from meshtrail.common.clock import wall_clock
from tests.api.client import Client
from tests.control.organisation import Machine
from tests.servers import ServerProcess

RULE: dict[str, Any] = {"name": "r", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "tcp", "ports": ["443"]}


@pytest.fixture
def client(any_server: ServerProcess) -> Client:
    """A new organisation."""
    return Client(any_server)


@pytest.fixture
def staff(client: Client) -> str:
    """A group."""
    return str(client.done("POST", "/api/groups", {"name": "Staff"})["id"])


def test_netbirds_client_manages_the_inventory(client: Client, any_server: ServerProcess) -> None:
    """The published client makes, reads, changes and deletes each kind."""
    api = netbird.APIClient(host=any_server.url, api_token=client.token)
    try:
        group = api.groups.create(GroupCreate(name="Staff"))
        assert group in api.groups.list()
        assert api.groups.get(group["id"])["name"] == "Staff"
        key = api.setup_keys.create(SetupKeyCreate(name="k", type="reusable", expires_in=86_400, auto_groups=[group["id"]]))
        peer = client.enrol(Machine("laptop", "100.64.0.1"), group["id"]).peer_id
        assert api.peers.get(peer)["ip"] == "100.64.0.1"
        network = api.networks.create(NetworkCreate(name="office"))["id"]
        resource = api.networks.create_resource(network, {"name": "db", "address": "10.0.0.5", "enabled": True, "groups": [group["id"]]})
        router = api.networks.create_router(network, {"peer": peer, "metric": 9_999, "masquerade": True, "enabled": True})
        assert api.networks.list_all_routers() == [router] == api.networks.list_routers(network)
        assert api.networks.list_resources(network) == [resource]
        rule = PolicyRule(
            name="r", action="accept", protocol="tcp", ports=["443"], sources=[group["id"]], destinations=[group["id"]],
            enabled=True, bidirectional=True,
        )  # fmt: skip
        policy = api.policies.create(PolicyCreate(name="Web", rules=[rule], enabled=True))
        found = api.networks.get(network)
        assert (found["policies"], found["routing_peers_count"]) == ([policy["id"]], 1)
        assert (found["routers"], found["resources"]) == ([router["id"]], [resource["id"]])
        assert api.setup_keys.update(key["id"], SetupKeyUpdate(revoked=True, auto_groups=[]))["state"] == "revoked"
        api.policies.delete(policy["id"])
        api.networks.delete(network)
        api.setup_keys.delete(key["id"])
        api.peers.delete(peer)
        keys = [each["id"] for each in api.setup_keys.list()]
        for identifier in keys:
            api.setup_keys.delete(identifier)
        api.groups.delete(group["id"])
        assert [each["name"] for each in api.groups.list()] == ["All"]
        assert (api.policies.list(), api.networks.list(), api.peers.list(), api.setup_keys.list()) == ([], [], [], [])
    finally:
        api.close()


def test_groups_have_netbirds_shape(client: Client, staff: str) -> None:
    """Counts and members; found by name, or 404."""
    peer = client.enrol(Machine("laptop"), staff).peer_id
    expected = {
        "id": staff, "name": "Staff", "peers_count": 1, "resources_count": 0, "issued": "api",
        "peers": [{"id": peer, "name": "laptop"}], "resources": [],
    }  # fmt: skip
    assert client.done("GET", f"/api/groups/{staff}") == expected
    assert client.done("GET", "/api/groups?name=Staff") == [expected]
    assert client.refused("GET", "/api/groups?name=staff")[0] == 404
    changed = client.done("PUT", f"/api/groups/{staff}", {"name": "Team", "peers": []})
    assert (changed["name"], changed["peers"]) == ("Team", [])
    assert "used by the enrolment key 'key'" in client.refused("DELETE", f"/api/groups/{staff}")[1]
    other = client.done("POST", "/api/groups", {"name": "Staff", "peers": [peer]})["id"]
    assert client.done("DELETE", f"/api/groups/{other}") == {}


def test_policies_have_netbirds_shape(client: Client, staff: str) -> None:
    """Groups come by id and are answered in short form; what was answered can be sent back."""
    wanted = {
        "name": "Web",
        "enabled": True,
        "source_posture_checks": ["posture"],
        "rules": [{**RULE, "sources": [staff], "destinations": [staff]}],
    }
    made = client.done("POST", "/api/policies", wanted)
    short = {"id": staff, "name": "Staff", "peers_count": 0, "resources_count": 0, "issued": "api"}
    (rule,) = made["rules"]
    assert (rule["sources"], rule["destinations"]) == ([short], [short])
    assert (rule["ports"], rule["port_ranges"], rule["sourceResource"], rule["destinationResource"]) == (["443"], [], None, None)
    assert (made["source_posture_checks"], made["version"], made["description"]) == (["posture"], 1, "")
    assert client.done("PUT", f"/api/policies/{made['id']}", made) == made
    rule |= {"ports": [], "port_ranges": [{"start": 20, "end": 29}]}
    changed = client.done("PUT", f"/api/policies/{made['id']}", made)
    assert (changed["version"], changed["rules"][0]["id"]) == (2, rule["id"])
    assert client.done("GET", "/api/policies") == [changed]
    assert client.done("DELETE", f"/api/policies/{made['id']}") == {}
    assert client.refused("GET", f"/api/policies/{made['id']}")[0] == 404


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("rules[0].ports", {"ports": ["0"]}), ("rules[0].ports", {"ports": ["http"]}), ("rules[0].ports", {"ports": ["1-5"]}),
        ("rules[0].protocol", {"protocol": "sctp"}), ("rules[0].protocol", {"protocol": "netbird-ssh"}),
        ("rules[0].action", {"action": "reject"}), ("rules[0].sources", {"sources": []}), ("rules[0].sources", {"sources": ["x"]}),
        ("rules[0].sources", {"sources": [{"name": "x"}]}), ("rules[0].name", {"name": 5}), ("rules[0].enabled", {"enabled": "yes"}),
        ("rules[0].destinations", {"destinationResource": {"id": "x", "type": "host"}}), ("rules[0].port_ranges", {"port_ranges": [5]}),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_by_the_name_of_its_field(client: Client, staff: str, field: str, change: dict[str, Any]) -> None:
    """With 422, as NetBird does."""
    rule = {**RULE, "sources": [staff], "destinations": [staff], **change}
    status, message = client.refused("POST", "/api/policies", {"name": "x", "enabled": True, "rules": [rule]})
    assert status == 422
    assert message.startswith(field), message


def test_networks_have_netbirds_shape(client: Client, staff: str) -> None:
    """With resources and routers below them."""
    network = client.done("POST", "/api/networks", {"name": "office", "description": "second floor"})
    assert network == {
        "id": network["id"], "name": "office", "description": "second floor", "routers": [], "resources": [], "policies": [],
        "routing_peers_count": 0,
    }  # fmt: skip
    path = f"/api/networks/{network['id']}"
    resource = client.done("POST", f"{path}/resources", {"name": "db", "address": "10.0.0.5", "groups": [staff], "enabled": True})
    short = {"id": staff, "name": "Staff", "peers_count": 0, "resources_count": 1, "issued": "api"}
    assert resource == {
        "id": resource["id"], "name": "db", "description": "", "type": "host", "address": "10.0.0.5/32", "groups": [short], "enabled": True,
    }  # fmt: skip
    assert client.done("GET", f"/api/groups/{staff}")["resources"] == [{"id": resource["id"], "type": "host"}]
    moved = {"name": "db", "address": "*.db.example.org", "groups": [], "enabled": False}
    assert client.done("PUT", f"{path}/resources/{resource['id']}", moved)["type"] == "domain"
    router = client.done("POST", f"{path}/routers", {"peer_groups": [staff], "metric": 10, "masquerade": False, "enabled": True})
    assert router == {"id": router["id"], "peer": "", "peer_groups": [staff], "metric": 10, "masquerade": False, "enabled": True}
    assert client.done("PUT", f"{path}/routers/{router['id']}", {**router, "metric": 20})["metric"] == 20
    assert client.done("PUT", path, {"name": "Office"})["name"] == "Office"
    assert [each["id"] for each in client.done("GET", "/api/networks/resources")] == [resource["id"]]
    assert client.done("GET", f"{path}/resources/{resource['id']}")["enabled"] is False
    assert client.done("GET", f"{path}/routers/{router['id']}")["metric"] == 20
    assert client.done("DELETE", f"{path}/resources/{resource['id']}") == {}
    assert client.done("DELETE", f"{path}/routers/{router['id']}") == {}
    assert client.done("DELETE", path) == {}
    for gone in (path, f"{path}/resources", f"{path}/routers", f"{path}/resources/{resource['id']}", f"{path}/routers/{router['id']}"):
        assert client.refused("GET", gone)[0] == 404


def test_peers_have_netbirds_shape(client: Client, staff: str) -> None:
    """Found by part of name or address; only the name can be changed, and what is not offered is refused."""
    peer = client.enrol(Machine("laptop", "100.64.0.1", "192.168.1.5"), staff).peer_id
    client.enrol(Machine("phone", "100.64.0.2"))
    (found,) = client.done("GET", "/api/peers?name=lap")
    assert [each["id"] for each in client.done("GET", "/api/peers?ip=64.0.1")] == [peer]
    assert client.done("GET", "/api/peers?ip=192.168") == []
    assert (found["ip"], found["ipv6"], found["connected"], found["os"]) == ("100.64.0.1", "", True, "Debian 12")
    assert [group["name"] for group in found["groups"]] == ["All", "Staff"]
    kept = {name: found[name] for name in ("ssh_enabled", "login_expiration_enabled", "inactivity_expiration_enabled", "ip")}
    assert client.done("PUT", f"/api/peers/{peer}", {"name": "Ana's laptop", **kept})["name"] == "Ana's laptop"
    for field, value in {
        "ssh_enabled": True,
        "login_expiration_enabled": True,
        "approval_required": True,
        "ip": "100.64.0.9",
        "name": "",
    }.items():
        status, message = client.refused("PUT", f"/api/peers/{peer}", {"name": "x", field: value})
        assert (status, message.partition(":")[0]) == (422, field)
    assert client.done("DELETE", f"/api/peers/{peer}") == {}
    assert client.refused("GET", f"/api/peers/{peer}")[0] == 404


def test_setup_keys_have_netbirds_shape(client: Client, staff: str) -> None:
    """The key is shown once; its state follows its use; what is not offered is refused."""
    wanted = {"name": "k", "type": "one-off", "expires_in": 86_400, "auto_groups": [staff], "usage_limit": 0}
    made = client.done("POST", "/api/setup-keys", wanted)
    shown = client.done("GET", f"/api/setup-keys/{made['id']}")
    assert shown == {**made, "key": f"{made['key'][:8]}****"}
    assert (shown["state"], shown["valid"], shown["used_times"], shown["usage_limit"]) == ("valid", True, 0, 1)
    assert client.call("POST", "/api/v1/agent/enrol", Machine("laptop").asks(made["key"], wall_clock()), "")[0] == 200
    shown = client.done("GET", f"/api/setup-keys/{made['id']}")
    assert (shown["state"], shown["valid"], shown["used_times"]) == ("overused", False, 1)
    assert shown["last_used"] > "2020"
    endless = client.done("POST", "/api/setup-keys", {**wanted, "type": "reusable", "expires_in": 0})
    assert (endless["expires"], endless["last_used"], endless["usage_limit"]) == ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", 0)
    for field, value in {
        "ephemeral": True, "allow_extra_dns_labels": True, "type": "twice", "expires_in": -1, "usage_limit": -1, "name": "",
        "auto_groups": ["x"],
    }.items():  # fmt: skip
        status, message = client.refused("POST", "/api/setup-keys", {**wanted, field: value})
        assert (status, message.partition(":")[0]) == (422, field)


def test_account_settings_steer_the_agents(client: Client, staff: str) -> None:
    """The switches of traffic logging and the ranges are in the next map; what was read can be sent back."""
    first, second = client.enrol(Machine("laptop", "100.64.0.1"), staff), client.enrol(Machine("phone", "100.64.0.2"))
    (account,) = client.done("GET", "/api/accounts")
    path = f"/api/accounts/{account['id']}"
    assert client.done("PUT", path, {"settings": account["settings"]}) == account
    extra = {"network_traffic_logs_groups": [staff], "network_traffic_packet_counter_enabled": False, "peer_approval_enabled": False}
    changed = client.done("PUT", path, {"settings": {"network_range_v6": "fd00::/64", "extra": extra}})["settings"]
    assert (changed["network_range"], changed["network_range_v6"]) == ("100.64.0.0/10", "fd00::/64")
    assert changed["extra"]["network_traffic_logs_groups"] == [staff]
    found = [client.network_map(each.token) for each in (first, second)]
    assert [(each.settings.collect, each.settings.packet_counters) for each in found if each] == [(True, False), (False, False)]
    assert client.done("GET", "/api/accounts")[0]["settings"] == changed
    for key in client.done("GET", "/api/setup-keys"):
        client.done("DELETE", f"/api/setup-keys/{key['id']}")
    assert "used by the settings" in client.refused("DELETE", f"/api/groups/{staff}")[1]


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("settings.peer_login_expiration_enabled", {"peer_login_expiration_enabled": True}),
        ("settings.extra.peer_approval_enabled", {"extra": {"peer_approval_enabled": True}}),
        ("settings.extra", {"extra": []}), ("settings.extra", {"extra": "x"}), ("settings.network_range", {"network_range": 5}),
        ("network_range", {"network_range": "100.64.0.1/10"}),
        ("settings.network_traffic_logs_enabled", {"extra": {"network_traffic_logs_enabled": "yes"}}),
        ("network_traffic_logs_groups", {"extra": {"network_traffic_logs_groups": ["x"]}}),
    ],
)  # fmt: skip
def test_account_settings_that_cannot_be(client: Client, field: str, settings: dict[str, Any]) -> None:
    """Nobody is left to believe in a protection that is not there."""
    (account,) = client.done("GET", "/api/accounts")
    status, message = client.refused("PUT", f"/api/accounts/{account['id']}", {"settings": settings})
    assert (status, message.partition(": ")[0]) == (422, field)
    assert client.done("GET", "/api/accounts") == [account]


def test_native_settings(client: Client) -> None:
    """All settings in one place; what is left out stays; a wrong one is refused by its name."""
    network = client.done("POST", "/api/networks", {"name": "office"})["id"]
    before = client.done("GET", "/api/v1/settings")
    assert (before["mode"], before["overlay_default"], before["network_defaults"]) == ("observe", "drop", {network: None})
    changed = client.done("PUT", "/api/v1/settings", {"mode": "enforce", "progress_interval_s": 5, "network_defaults": {network: "accept"}})
    assert changed == {**before, "mode": "enforce", "progress_interval_s": 5, "network_defaults": {network: "accept"}}
    for body, status, field in (
        ({"mode": "watch"}, 400, "mode"), ({"nonsense": 1}, 400, "the body"), ({"progress_interval_s": -1}, 422, "progress_interval_s"),
        ({"network_defaults": {"x": "drop"}}, 422, "network_defaults"), ({"network_range": "x"}, 422, "network_range"),
    ):  # fmt: skip
        code, answer = client.call("PUT", "/api/v1/settings", body)
        assert (code, answer["error"]["message"].partition(":")[0]) == (status, field)
    assert client.done("GET", "/api/v1/settings") == changed


def test_bodies_that_are_no_json(client: Client, staff: str) -> None:
    """NetBird's words, which its clients look for."""
    for method, path in (("POST", "/api/groups"), ("PUT", f"/api/groups/{staff}"), ("POST", "/api/policies"), ("POST", "/api/setup-keys")):
        status, answer = client.server.call(method, path, b"{", client.token, Content_Type="application/json")
        assert (status, answer) == (400, {"message": "couldn't parse JSON request", "code": 400})
        for body in (b"[]", b"null", b"5"):
            assert client.server.call(method, path, body, client.token, Content_Type="application/json")[0] == 422


def test_another_organisation_sees_and_changes_nothing(client: Client, any_server: ServerProcess, staff: str) -> None:
    """By any id of ours: 404, or 422 where the id is named in a body."""
    peer = client.enrol(Machine("laptop", "100.64.0.1"), staff).peer_id
    network = client.done("POST", "/api/networks", {"name": "office"})["id"]
    resource = client.done("POST", f"/api/networks/{network}/resources", {"name": "db", "address": "10.0.0.5", "groups": [staff]})["id"]
    router = client.done("POST", f"/api/networks/{network}/routers", {"peer": peer})["id"]
    rule = {**RULE, "sources": [staff], "destinations": [staff]}
    policy = client.done("POST", "/api/policies", {"name": "Web", "enabled": True, "rules": [rule]})["id"]
    key = client.done("GET", "/api/setup-keys")[0]["id"]
    (account,) = client.done("GET", "/api/accounts")
    before = {path: client.done("GET", path) for path in LISTS}
    other = Client(any_server)
    their_group = other.done("POST", "/api/groups", {"name": "Theirs"})["id"]
    their_rule = {**rule, "sources": [their_group], "destinations": [their_group]}
    bodies: dict[str, Any] = {
        f"/api/groups/{staff}": {"name": "x"}, f"/api/policies/{policy}": {"name": "x", "enabled": True, "rules": [their_rule]},
        f"/api/networks/{network}": {"name": "x"}, f"/api/networks/{network}/resources/{resource}": {"name": "x", "address": "10.0.0.6"},
        f"/api/networks/{network}/routers/{router}": {"peer_groups": [their_group]}, f"/api/peers/{peer}": {"name": "x"},
        f"/api/setup-keys/{key}": {"revoked": True}, f"/api/accounts/{account['id']}": {"settings": {}},
    }  # fmt: skip
    for path, body in bodies.items():
        if "/accounts/" not in path:
            assert other.refused("GET", path)[0] == 404, path
            assert other.refused("DELETE", path)[0] == 404, path
        assert other.refused("PUT", path, body)[0] == 404, path
    for path in (f"/api/networks/{network}/resources", f"/api/networks/{network}/routers"):
        assert other.refused("GET", path)[0] == 404
        assert other.refused("POST", path, {"name": "x", "address": "10.0.0.6", "peer_groups": [their_group]})[0] == 404
    for path, body in {
        "/api/groups": {"name": "x", "peers": [peer]}, "/api/policies": {"name": "x", "enabled": True, "rules": [rule]},
        "/api/setup-keys": {"name": "x", "type": "reusable", "expires_in": 0, "auto_groups": [staff]},
    }.items():  # fmt: skip
        assert other.refused("POST", path, body)[0] == 422, path
    assert {path: client.done("GET", path) for path in LISTS} == before
    assert [group["name"] for group in other.done("GET", "/api/groups")] == ["All", "Theirs"]


LISTS = (
    "/api/groups",
    "/api/policies",
    "/api/networks",
    "/api/networks/resources",
    "/api/networks/routers",
    "/api/peers",
    "/api/setup-keys",
)
