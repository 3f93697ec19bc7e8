"""`POST /api/v1/policy/check`: shapes, fields, moments; and what the resolver writes into events of the same server."""

import time
import uuid
from typing import Any

import pytest

from meshtrail.common.clock import rfc3339, wall_clock
from tests.api.client import Client
from tests.control.organisation import Machine
from tests.rows import report
from tests.servers import ServerProcess

PATH = "/api/v1/policy/check"
RULE: dict[str, Any] = {"name": "r", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "tcp", "ports": ["443"]}


class Office:
    """A laptop of the staff that may reach a server."""

    def __init__(self, client: Client) -> None:
        self.client = client
        client.done("PUT", "/api/v1/settings", {"mode": "enforce"})
        self.staff, self.servers = (client.done("POST", "/api/groups", {"name": name})["id"] for name in ("Staff", "Servers"))
        self.laptop = client.enrol(Machine("laptop", "100.64.0.1"), self.staff).peer_id
        self.crm = client.enrol(Machine("crm", "100.64.0.9"), self.servers).peer_id
        self.policy = client.done("POST", "/api/policies", self.web())["id"]

    def web(self, *ports: str, name: str = "Web") -> dict[str, Any]:
        """Staff to Servers."""
        rule = RULE | {"sources": [self.staff], "destinations": [self.servers], "ports": list(ports) or ["443"]}
        return {"name": name, "enabled": True, "rules": [rule]}

    def ask(self, **fields: Any) -> dict[str, Any]:
        """The answer about laptop to crm, port 443, unless something else is said."""
        asked = {"source": "laptop", "destination": "crm", "protocol": "tcp", "port": 443, **fields}
        found: dict[str, Any] = self.client.done("POST", PATH, {name: value for name, value in asked.items() if value is not None})
        return found


@pytest.fixture
def office(any_server: ServerProcess) -> Office:
    """In an organisation of its own."""
    return Office(Client(any_server))


def test_the_answer(office: Office) -> None:
    """The verdict, the rule with its text and reasons, and both ends."""
    found = office.ask()
    assert (found["verdict"], found["attribution"], found["mode"], found["candidates"], found["also"]) == (
        "allowed", "resolved", "enforce", [], [],
    )  # fmt: skip
    rule = found["rule"]
    assert (rule["policy_id"], rule["policy_name"], rule["policy_version"], rule["valid_until"]) == (office.policy, "Web", 1, None)
    assert (rule["text"], rule["action"], rule["reversed"]) == ("Staff may reach Servers by TCP on port 443", "accept", False)
    assert rule["source"] == [{"type": "group", "id": office.staff, "name": "Staff"}]
    assert rule["rule"]["ports"] == [443]
    source = found["source"]
    assert (source["type"], source["id"], source["name"], source["address"]) == ("peer", office.laptop, "laptop", "100.64.0.1")
    assert [group["name"] for group in source["groups"]] == ["All", "Staff"]
    assert office.ask(port=80)["attribution"] == "default_deny"
    assert office.ask(source="192.0.2.1")["verdict"] == "not_governed"
    assert office.ask(protocol="icmp", port=None)["verdict"] == "denied"
    assert office.ask(protocol=6)["verdict"] == office.ask(protocol="6")["verdict"] == "allowed"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"source": "nobody"}, "source"), ({"source": ""}, "source"), ({"destination": "nobody"}, "destination"),
    ({"protocol": "sctpp"}, "protocol"), ({"protocol": 256}, "protocol"), ({"protocol": "٣"}, "protocol"), ({"port": None}, "port"),
    ({"port": 65_536}, "port"), ({"port": -1}, "port"), ({"protocol": "icmp"}, "port"), ({"at": "yesterday"}, "at"),
    ({"at": "2026-01-01T00:00:00"}, "at"), ({"at": "2200-01-01T00:00:00Z"}, "at"), ({"at": "1970-01-01T00:00:00Z"}, "at"),
    ({"via": "nobody"}, "via"), ({"icmp_type": 256}, "icmp_type"),
]  # fmt: skip


def test_every_problem_names_its_field(office: Office) -> None:
    """422, and the message begins with it."""
    for changed, field in WRONG:
        asked = {"source": "laptop", "destination": "crm", "protocol": "tcp", "port": 443, **changed}
        status, answer = office.client.call("POST", PATH, {name: value for name, value in asked.items() if value is not None})
        assert (status, answer["error"]["message"].split(":")[0]) == (422, field), changed


def test_a_body_that_is_none(office: Office) -> None:
    """Fields of other types, unknown ones, missing ones: 400, and which one it is."""
    whole = {"source": "laptop", "destination": "crm", "protocol": "tcp", "port": 443}
    for body, word in ((whole | {"port": "https"}, "port"), (whole | {"sorce": "x"}, "sorce"), ({"source": "laptop"}, "destination")):
        status, answer = office.client.call("POST", PATH, body)
        assert status == 400
        assert word in str(answer)


def test_any_moment(office: Office) -> None:
    """Before and after an edit: the version and the text of then."""
    before = rfc3339(wall_clock())
    time.sleep(0.002)
    office.client.done("PUT", f"/api/policies/{office.policy}", office.web("443", "80", name="Web and more"))
    assert (office.ask(port=80)["rule"]["policy_version"], office.ask(port=80, at=before)["rule"]) == (2, None)
    then, now = office.ask(at=before)["rule"], office.ask()["rule"]
    assert (then["policy_version"], then["policy_name"], then["text"]) == (1, "Web", "Staff may reach Servers by TCP on port 443")
    assert (now["policy_version"], now["policy_name"], now["text"]) == (
        2,
        "Web and more",
        "Staff may reach Servers by TCP on ports 443, 80",
    )
    assert then["valid_until"] == now["valid_from"]


def test_events_carry_the_version_of_their_moment(office: Office) -> None:
    """Reports of a sender that says nothing of rules, about connections from before and from after an edit, sent afterwards."""
    before = wall_clock()
    office.client.done("PUT", f"/api/policies/{office.policy}", office.web("443", name="Web, renamed"))
    after = wall_clock()
    ends = {"reporter_id": "netbird", "source_address": "100.64.0.1", "destination_address": "100.64.0.9"}
    rows = [report(before, flow_id=str(uuid.uuid4()), **ends), report(after, flow_id=str(uuid.uuid4()), **ends)]
    rows.append(report(after, destination_port=80, state="denied", **ends, verdict="denied"))
    status, answer = office.client.server.ingest(rows, office.client.token)
    assert (status, answer["stored"]) == (200, 3), answer
    found = office.client.done("GET", "/api/v1/traffic?order=asc")["data"]
    told = [(row["attribution"], row["policy_name"], row["policy_version"], row["rule_candidates"]) for row in found]
    assert sorted(told, key=str) == [
        ("default_deny", None, None, []), ("resolved", "Web", 1, []), ("resolved", "Web, renamed", 2, []),
    ]  # fmt: skip


def test_another_organisation_sees_nothing(office: Office, any_server: ServerProcess) -> None:
    """Neither peers nor rules of others."""
    other = Client(any_server)
    status, answer = other.call("POST", PATH, {"source": office.laptop, "destination": "crm", "protocol": "tcp", "port": 443})
    assert (status, answer["error"]["message"].split(":")[0]) == (422, "source")
    status, answer = other.call("POST", PATH, {"source": "100.64.0.1", "destination": "100.64.0.9", "protocol": "tcp", "port": 443})
    assert (status, answer["rule"], answer["source"]["id"]) == (200, None, None)


def test_it_is_described(office: Office) -> None:
    """In the OpenAPI description, with its fields."""
    described = office.client.done("GET", "/api/v1/openapi.json")
    operation = described["paths"][PATH]["post"]
    assert operation["operationId"] == "checkPolicy"
    fields = described["components"]["schemas"]["PolicyCheckRequest"]["properties"]
    assert set(fields) == {"source", "destination", "protocol", "port", "at", "via", "icmp_type"}
    assert all(each.get("description") for each in fields.values())
