"""Saved views over HTTP: what the list would refuse is not saved, and nobody overwrites what they have not seen."""

from typing import Any

import msgspec
import pytest

from meshtrail.control.actor import system
from meshtrail.control.limits import VIEW_QUERY_CHARACTERS_MAX
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.views import Listing
from meshtrail.web.listed import LISTS
from tests.api.client import JSON, Client, opened
from tests.servers import ServerProcess

VIEWS = "/api/v1/views"


@pytest.fixture(scope="module")
def owner(server: ServerProcess) -> Client:
    """Somebody with all rights in an organisation of its own."""
    return Client(server)


@pytest.fixture(scope="module")
def auditor(owner: Client) -> Client:
    """Somebody of the same organisation who reads and does not share."""
    control = opened(owner.server)
    try:
        by = system(control.token_identity(owner.token).org_id)
        user, _ = control.users.create(by, ALL_PERMISSIONS, name="Ben", role=Role.auditor, service=True)
        return Client(owner.server, control.tokens.create_for(by, ALL_PERMISSIONS, user, "t")[1])
    finally:
        control.close()


def ask(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, answer and headers."""
    content = None if body is None else msgspec.json.encode(body)
    status, answer, found = client.server.raw(method, path, content, client.token, **JSON, **headers)
    return status, msgspec.json.decode(answer) if answer else None, found


def names(client: Client, family: str = "") -> list[str]:
    """Names of the views that somebody has."""
    return [view["name"] for view in client.done("GET", f"{VIEWS}?family={family}" if family else VIEWS)["data"]]


def test_a_view_is_saved_for_oneself_and_shared(owner: Client, auditor: Client) -> None:
    """What comes back is what was saved, without the place in the list; others see it when it is shared, with who made it."""
    query = "filter=user+%3D+ana&verdict=denied&last=24h&columns=time%2Csource"
    made = auditor.done("POST", VIEWS, {"family": "traffic", "name": "Ana's", "query": f"?{query}&cursor=abc"})
    assert (made["query"], made["mine"], made["shared"], made["owner_name"]) == (query, True, False, "Ben")
    assert auditor.done("GET", f"{VIEWS}/{made['id']}") == made
    assert names(owner) == []
    shared = owner.done("POST", VIEWS, {"family": "audit", "name": "Refused", "query": "outcome=denied", "shared": True})
    assert names(auditor) == ["Ana's", "Refused"]
    assert names(auditor, "audit") == ["Refused"]
    seen = auditor.done("GET", f"{VIEWS}/{shared['id']}")
    assert (seen["mine"], seen["shared"], seen["owner_name"]) == (False, True, None)
    for method, path, body in (
        ("POST", VIEWS, {"family": "traffic", "name": "x", "shared": True}),
        ("PUT", f"{VIEWS}/{made['id']}", {"name": "Ana's", "shared": True}),
        ("PUT", f"{VIEWS}/{shared['id']}", {"name": "x", "shared": True}),
        ("DELETE", f"{VIEWS}/{shared['id']}", None),
    ):
        assert auditor.call(method, path, body)[0] == 403, (method, path)
    assert owner.call("DELETE", f"{VIEWS}/{made['id']}")[0] == 404
    assert owner.call("DELETE", f"{VIEWS}/{shared['id']}")[0] == 204
    assert auditor.call("DELETE", f"{VIEWS}/{made['id']}")[0] == 204
    assert names(auditor) == []


@pytest.mark.parametrize(
    ("family", "query", "status", "said"),
    [
        ("traffic", "filter=verdict+%3D+denyed", 400, 'filter, character 11: verdict cannot be "denyed"'),
        ("traffic", "nonsense=1", 400, "There is no field"),
        ("traffic", "destination_port=much", 400, "destination_port"),
        ("traffic", "agreement=both", 400, "There is no field"),
        ("traffic", "from=yesterday", 400, "from is"),
        ("connections", "agreement=perhaps", 400, "agreement cannot be"),
        ("audit", "source_name=laptop", 400, "There is no field"),
        ("traffic", "search=" + "x" * VIEW_QUERY_CHARACTERS_MAX, 400, "search"),
        ("traffic", "&".join(f"verdict={number}" for number in range(2_000)), 400, "The address has more than"),
        ("elsewhere", "", 400, ""),
    ],
)
def test_what_the_list_refuses_is_not_saved(owner: Client, family: str, query: str, status: int, said: str) -> None:
    """In the words of the list."""
    found, answer = owner.call("POST", VIEWS, {"family": family, "name": "x", "query": query})
    assert (found, said in answer["error"]["message"]) == (status, True), answer
    assert names(owner) == []


def test_each_list_has_views() -> None:
    """A new list page says here that its views can be saved."""
    assert {family.value for family in Listing} == {each.name for each in LISTS}


def test_each_list_takes_its_own_parameters(owner: Client) -> None:
    """Also what other lists refuse."""
    for family, query in (("connections", "agreement=both&finding=true"), ("audit", "outcome=denied&last=7d"), ("traffic", "")):
        made = owner.done("POST", VIEWS, {"family": family, "name": "x", "query": query})
        assert made["query"] == query
        assert owner.call("DELETE", f"{VIEWS}/{made['id']}")[0] == 204


def test_nobody_overwrites_what_they_have_not_seen(owner: Client) -> None:
    """By the view's tag; a create that is sent again makes nothing twice."""
    body = {"family": "traffic", "name": "Once", "query": ""}
    made = ask(owner, "POST", VIEWS, body, Idempotency_Key="one")[1]
    assert ask(owner, "POST", VIEWS, body, Idempotency_Key="one")[1] == made
    assert owner.call("POST", VIEWS, body)[0] == 409
    path = f"{VIEWS}/{made['id']}"
    tag = ask(owner, "GET", path)[2]["etag"]
    status, _, changed = ask(owner, "PUT", path, {"name": "Twice", "query": "verdict=denied"}, If_Match=tag)
    assert status == 200
    assert ask(owner, "PUT", path, {"name": "Thrice"}, If_Match=tag)[0] == 412
    assert ask(owner, "DELETE", path, If_Match=tag)[0] == 412
    assert ask(owner, "DELETE", path, If_Match=changed["etag"])[0] == 204
