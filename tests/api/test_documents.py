"""The inventory as a document over HTTP."""

import tomllib
from typing import Any

import msgspec
import pytest

from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Scope
from tests.api.client import Client, opened
from tests.servers import ServerProcess

TOML = {"Content-Type": "application/toml"}
DOCUMENT = b"""
[settings]
collect_dns = false

[[groups]]
name = "Staff"

[[policies]]
name = "Staff"

[[policies.rules]]
name = "among themselves"
sources = ["Staff"]
destinations = ["Staff"]

[[enrolment_keys]]
name = "laptops"
auto_groups = ["Staff"]
"""


@pytest.fixture
def client(any_server: ServerProcess) -> Client:
    """A client of an organisation of its own."""
    return Client(any_server)


def sent(client: Client, path: str, document: bytes = DOCUMENT, **headers: str) -> tuple[int, Any]:
    """Status and answer of a document that is sent."""
    return client.server.call("POST", f"/api/v1/inventory/{path}", document, client.token, **(headers or TOML))


def steps(answer: dict[str, Any]) -> list[str]:
    """The steps in short."""
    return [f"{step['action']} {step['kind']} {step['name']}" for step in answer["steps"]]


def test_plan_then_apply(client: Client) -> None:
    """The plan is what is done; the export says the same afterwards, in both forms; the new key lets machines in."""
    status, plan = sent(client, "plan")
    assert (status, plan["applied"]) == (200, False)
    assert steps(plan) == ["create group Staff", "create policy Staff", "update settings settings", "create enrolment key laptops"]
    assert client.done("GET", "/api/v1/inventory")["groups"] == []
    status, outcome = sent(client, f"apply?plan={plan['plan']}")
    assert (status, outcome["applied"], steps(outcome)) == (200, True, steps(plan))
    assert outcome["keys"][0]["key"].startswith("mte_")
    assert sent(client, "apply")[1]["steps"] == []
    code, content, headers = client.server.raw("GET", "/api/v1/inventory?format=toml", token=client.token)
    assert (code, headers["content-type"].partition(";")[0]) == (200, "application/toml")
    exported = tomllib.loads(content.decode())
    assert exported["policies"][0]["rules"] == [{"name": "among themselves", "sources": ["Staff"], "destinations": ["Staff"]}]
    assert client.done("GET", "/api/v1/inventory") == exported
    assert outcome["keys"][0]["key"] not in content.decode()
    assert sent(client, "apply?prune=true", msgspec.json.encode(exported), Content_Type="application/json")[1]["steps"] == []


def test_an_outdated_plan_is_refused(client: Client) -> None:
    """412: somebody was faster."""
    plan = sent(client, "plan")[1]["plan"]
    client.done("POST", "/api/groups", {"name": "Staff"})
    status, answer = sent(client, f"apply?plan={plan}")
    assert (status, answer["error"]["code"]) == (412, "outdated")


@pytest.mark.parametrize(
    ("document", "headers", "status", "message"),
    [
        (b"groups = 5", TOML, 400, "groups: expected `array`, got `int`."),
        (b'[[groups]]\nname = "a"\ncolour = "red"', TOML, 400, "groups[0]: object contains unknown field `colour`."),
        (b"groups = [", TOML, 400, "The document is no TOML: "),
        (b'{"groups": [', {"Content-Type": "application/json"}, 400, "The document is no JSON: "),
        (b"", {"Content-Type": "text/csv"}, 415, "A document cannot be 'text/csv'."),
        (b'{"groups": [{"name": "a", "peers": ["nobody"]}]}', {"Content-Type": "application/json"}, 422,
         "groups[0].peers[0]: there is no peer 'nobody'."),
        (b"groups = " + b"[" * 100_000, TOML, 400, "The document is no TOML: "),
        (b'{"groups": [{"name": ' + b"[" * 100_000, {"Content-Type": "application/json"}, 400, "groups[0].name: expected `str`"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_said(
    client: Client, document: bytes, headers: dict[str, str], status: int, message: str
) -> None:  # fmt: skip
    """With its place."""
    for path in ("plan", "apply"):
        code, answer = sent(client, path, document, **headers)
        assert code == status, answer
        assert answer["error"]["message"].startswith(message)


def test_each_step_needs_its_own_right(client: Client) -> None:
    """A token for groups applies groups and nothing else; who may read only may plan, and sees what may be read."""
    control = opened(client.server)
    try:
        org_id = control.token_identity(client.token).org_id

        def token(*scopes: str) -> Client:
            return Client(client.server, control.tokens.create(system(org_id), ALL_PERMISSIONS, "t", set(scopes))[1])

        reader, grouper, blind = token(Scope.read), token(Scope.read, "groups.write"), token("policies.read")
    finally:
        control.close()
    assert sent(reader, "plan")[0] == 200
    assert sent(reader, "apply")[1]["error"]["message"].startswith("This needs the right ")
    assert sent(grouper, "apply", b'groups = [{name = "Mine"}]')[0] == 200
    assert sent(grouper, "apply")[0] == 403
    assert set(blind.done("GET", "/api/v1/inventory")) == {"format", "policies"}
    assert sent(blind, "plan", b'groups = [{name = "Mine"}]')[0] == 403
    assert [group["name"] for group in client.done("GET", "/api/v1/inventory")["groups"]] == ["Mine"]
