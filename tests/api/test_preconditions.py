"""Nobody overwrites what they have not seen, and nothing is made twice because an answer was lost."""

import threading
from typing import Any

import msgspec
import pytest

from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Scope
from tests.api.client import JSON, Client, opened
from tests.control.organisation import Machine
from tests.servers import ServerProcess

RULE = {"name": "r", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "all"}


@pytest.fixture
def client(any_server: ServerProcess) -> Client:
    """A client of an organisation of its own."""
    return Client(any_server)


def ask(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, answer and headers."""
    content = None if body is None else msgspec.json.encode(body)
    status, answer, found = client.server.raw(method, path, content, client.token, **JSON, **headers)
    return status, msgspec.json.decode(answer) if answer else None, found


def things(client: Client) -> dict[str, tuple[object, object]]:
    """Of each kind that has a tag one thing: its path, with what changes it and what makes it another."""
    group = client.done("POST", "/api/groups", {"name": "a"})["id"]
    peer = client.enrol(Machine("laptop", "100.64.0.1"), group).peer_id
    network = client.done("POST", "/api/networks", {"name": "a"})["id"]
    inside = f"/api/networks/{network}"
    resource = client.done("POST", f"{inside}/resources", {"name": "a", "address": "10.0.0.1"})["id"]
    router = client.done("POST", f"{inside}/routers", {"peer_groups": [group]})["id"]
    rule = {**RULE, "sources": [group], "destinations": [group]}
    policy = client.done("POST", "/api/policies", {"name": "a", "enabled": True, "rules": [rule]})["id"]
    key = client.done("GET", "/api/setup-keys")[0]["id"]
    return {
        f"/api/groups/{group}": ({"name": "b"}, {"name": "c"}),
        f"/api/peers/{peer}": ({"name": "b"}, {"name": "c"}),
        inside: ({"name": "b"}, {"name": "c"}),
        f"{inside}/resources/{resource}": ({"name": "b", "address": "10.0.0.1"}, {"name": "c", "address": "10.0.0.1"}),
        f"{inside}/routers/{router}": ({"peer_groups": [group], "metric": 5}, {"peer_groups": [group], "metric": 6}),
        f"/api/policies/{policy}": (
            {"name": "b", "enabled": True, "rules": [rule]}, {"name": "c", "enabled": True, "rules": [rule]},
        ),
        f"/api/setup-keys/{key}": ({"revoked": False, "auto_groups": []}, {"revoked": True, "auto_groups": []}),
        "/api/v1/settings": ({"mode": "enforce"}, {"collect_dns": False}),
    }  # fmt: skip


def test_a_change_of_what_was_seen(client: Client) -> None:
    """The tag that was seen lets a change through once; the change's answer has the next one; deleting asks for it too."""
    for path, (first, second) in things(client).items():
        status, _, seen = ask(client, "GET", path)
        assert status == 200
        tag = seen["etag"]
        assert ask(client, "GET", path)[2]["etag"] == tag
        status, answer, now = ask(client, "PUT", path, first, If_Match=tag)
        assert status == 200, (path, answer)
        assert now["etag"] == ask(client, "GET", path)[2]["etag"] != tag
        status, answer, _ = ask(client, "PUT", path, second, If_Match=tag)
        assert status == 412, (path, answer)
        assert ask(client, "GET", path)[2]["etag"] == now["etag"]
        assert ask(client, "PUT", path, second, If_Match=f'"other", {now["etag"]}')[0] == 200, path
        assert ask(client, "PUT", path, first)[0] in {200, 422}, "without the header all is as it was"
    for path in reversed(things(client)):
        if path.startswith("/api/v1") or path.endswith("networks"):
            continue
        tag = ask(client, "GET", path)[2]["etag"]
        assert ask(client, "DELETE", path, If_Match='"something"')[0] == 412
        status, answer, _ = ask(client, "DELETE", path, If_Match=tag)
        assert status in {200, 400}, (path, answer)


def test_who_may_not_learns_nothing(client: Client) -> None:
    """Rights come before tags; what is not there is not there; a route without tags says so."""
    group = client.done("POST", "/api/groups", {"name": "a"})["id"]
    assert client.server.call("PUT", f"/api/groups/{group}", b"{}", "", If_Match='"x"')[0] == 401
    control = opened(client.server)
    try:
        org_id = control.token_identity(client.token).org_id
        reader = Client(client.server, control.tokens.create(system(org_id), ALL_PERMISSIONS, "t", {Scope.read})[1])
    finally:
        control.close()
    assert ask(reader, "PUT", f"/api/groups/{group}", {"name": "b"}, If_Match='"x"')[0] == 403
    assert ask(client, "PUT", "/api/groups/nothing", {"name": "b"}, If_Match='"x"')[0] == 404
    assert ask(client, "PUT", f"/api/groups/{group}", {"name": "b"}, If_Match="*")[0] == 200
    assert ask(client, "PUT", f"/api/accounts/{org_id}", {"settings": {}}, If_Match="*")[0] == 400


def test_of_those_who_saw_the_same_one_wins(client: Client) -> None:
    """Ten at once with the same tag: one is let through, whoever asks."""
    group = client.done("POST", "/api/groups", {"name": "a"})["id"]
    path = f"/api/groups/{group}"
    tag = ask(client, "GET", path)[2]["etag"]
    found: list[int] = []
    gate = threading.Barrier(10)

    def change(number: int) -> None:
        gate.wait()
        found.append(ask(client, "PUT", path, {"name": f"b{number}"}, If_Match=tag)[0])

    threads = [threading.Thread(target=change, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, *[412] * 9]


CREATES: list[tuple[str, dict[str, object]]] = [
    ("/api/groups", {"name": "a"}),
    ("/api/networks", {"name": "a"}),
    ("/api/networks/{network}/resources", {"name": "a", "address": "10.0.0.1"}),
    ("/api/networks/{network}/routers", {"peer_groups": ["{group}"]}),
    ("/api/policies", {"name": "a", "enabled": True, "rules": [{**RULE, "sources": ["{group}"], "destinations": ["{group}"]}]}),
    ("/api/setup-keys", {"name": "k", "type": "one-off", "expires_in": 0, "auto_groups": [], "usage_limit": 0}),
]


@pytest.mark.parametrize(("path", "body"), CREATES, ids=[path for path, _ in CREATES])
def test_what_is_sent_again_is_made_once(client: Client, path: str, body: dict[str, object]) -> None:
    """The second answer is about the first one's thing; another request with the same key is refused, another key makes another."""
    network = client.done("POST", "/api/networks", {"name": "n"})["id"]
    group = client.done("POST", "/api/groups", {"name": "g"})["id"]
    path = path.replace("{network}", network)
    body = msgspec.json.decode(msgspec.json.encode(body).replace(b"{group}", group.encode()))
    before = len(client.done("GET", path))
    status, first, _ = ask(client, "POST", path, body, Idempotency_Key="one")
    assert status == 200, first
    status, second, _ = ask(client, "POST", path, body, Idempotency_Key="one")
    assert (status, second["id"]) == (200, first["id"])
    assert "key" not in first or (first["key"].startswith("mte_") and "*" not in first["key"] and "*" in second["key"])
    assert len(client.done("GET", path)) == before + 1
    status, refused, _ = ask(client, "POST", path, {**body, "name": "another", "metric": 7}, Idempotency_Key="one")
    assert (status, refused["message"]) == (422, "Idempotency-Key: it was used for another request.")
    assert ask(client, "POST", path, {**body, "name": "b"}, Idempotency_Key="two")[0] == 200
    assert len(client.done("GET", path)) == before + 2
    assert ask(client, "POST", path, body, Idempotency_Key="")[0] == 400


def test_the_same_at_the_same_time_is_made_once(client: Client) -> None:
    """Whichever comes second waits, and gets what the first has made."""
    found: list[tuple[int, str]] = []
    gate = threading.Barrier(8)

    def make() -> None:
        gate.wait()
        status, answer, _ = ask(client, "POST", "/api/networks", {"name": "once"}, Idempotency_Key="k")
        found.append((status, answer["id"]))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0][0] == 200
    assert len(client.done("GET", "/api/networks")) == 1


def test_a_create_that_failed_may_be_sent_again(client: Client) -> None:
    """Nothing was made, so nothing is remembered; and others have other keys."""
    client.done("POST", "/api/groups", {"name": "taken"})
    assert ask(client, "POST", "/api/groups", {"name": "taken"}, Idempotency_Key="k")[0] == 409
    other = Client(client.server)
    made = ask(other, "POST", "/api/groups", {"name": "mine"}, Idempotency_Key="k")[1]["id"]
    assert ask(client, "POST", "/api/groups", {"name": "mine"}, Idempotency_Key="k")[1]["id"] != made
