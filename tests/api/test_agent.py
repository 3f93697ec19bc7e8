"""What agents ask: to be let in, for a token, for their map; and what a peer's token may do."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.limits import FAILED_PROOFS_MAX
from meshtrail.model.network_map import SIGNED_PREFIX, Chain, Enrolled, NetworkMap
from tests.api.client import JSON, Client, opened
from tests.control.organisation import Machine
from tests.rows import report
from tests.servers import ServerProcess


@pytest.fixture
def client(any_server: ServerProcess) -> Client:
    """A new organisation."""
    return Client(any_server)


@contextmanager
def waiting(client: Client, peer: Enrolled, serial: int, wait_s: int = 50) -> Iterator[list[NetworkMap | None]]:
    """A peer that waits for its map on a thread; what it gets is in the list."""
    got: list[NetworkMap | None] = []
    thread = threading.Thread(target=lambda: got.append(client.network_map(peer.token, serial, wait_s)))
    thread.start()
    yield got
    thread.join(30)
    assert not thread.is_alive()


def until_waiting(client: Client, count: int) -> None:
    """Until so many peers wait."""
    deadline = time.monotonic() + 20
    while f"\nmeshtrail_agents_waiting {count}.0\n" not in client.server.raw("GET", "/metrics", None, "")[1].decode():
        assert time.monotonic() < deadline


def test_a_peer_gets_its_signed_map(client: Client) -> None:
    """The signature is by the key that was told when it was enrolled."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    peer = client.enrol(Machine("laptop", "100.64.0.1"))
    status, answer = client.call("GET", "/api/v1/agent/network-map", token=peer.token)
    assert (status, answer["key_id"]) == (200, peer.server_key_id)
    envelope = msgspec.convert(answer, dict[str, str])
    payload, signature = (msgspec.convert(envelope[name], bytes) for name in ("payload", "signature"))
    Ed25519PublicKey.from_public_bytes(peer.server_key).verify(signature, SIGNED_PREFIX + payload)
    found = msgspec.json.decode(payload, type=NetworkMap)
    assert (found.org_id, found.peer_id) == (peer.org_id, peer.peer_id)
    assert client.network_map(peer.token, found.serial) is None


def test_a_change_ends_the_wait(client: Client) -> None:
    """A policy made over the API is with the peer long before its time is over."""
    staff = client.done("POST", "/api/groups", {"name": "Staff"})["id"]
    peer = client.enrol(Machine("laptop", "100.64.0.1"), staff)
    client.enrol(Machine("phone", "100.64.0.2"), staff)
    first = client.network_map(peer.token)
    assert first is not None
    begun = time.monotonic()
    with waiting(client, peer, first.serial) as got:
        rule = {"name": "r", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "all",
                "sources": [staff], "destinations": [staff]}  # fmt: skip
        policy = client.done("POST", "/api/policies", {"name": "Web", "enabled": True, "rules": [rule]})
    assert time.monotonic() - begun < 20
    assert got[0] is not None
    assert {(each.policy_id, each.chain) for each in got[0].rules} == {(policy["id"], Chain.input), (policy["id"], Chain.output)}
    assert got[0].serial > first.serial


def test_a_command_on_the_servers_machine_ends_the_wait(client: Client) -> None:
    """The server notices what another process writes."""
    peer, other = client.enrol(Machine("laptop", "100.64.0.1")), client.enrol(Machine("phone", "100.64.0.2"))
    first = client.network_map(peer.token)
    assert first is not None
    control = opened(client.server)
    try:
        with waiting(client, peer, first.serial) as got:
            control.settings.update(system(peer.org_id), {"progress_interval_s": 7})
        assert got[0] is not None
        assert got[0].settings.progress_interval_s == 7
        control.peers.remove(system(other.org_id), other.peer_id)
    finally:
        control.close()
    deadline = time.monotonic() + 10
    while client.call("GET", "/api/v1/agent/network-map", token=other.token)[0] != 403:
        assert time.monotonic() < deadline
    status, answer = client.call("GET", "/api/v1/agent/network-map", token=other.token)
    assert (status, answer["error"]["code"]) == (403, "peer_removed")


def test_a_client_that_leaves_gives_up_its_place(client: Client) -> None:
    """The server does not wait on for nobody."""
    peer = client.enrol(Machine("laptop", "100.64.0.1"))
    first = client.network_map(peer.token)
    assert first is not None
    until_waiting(client, 0)
    left = http.client.HTTPConnection(client.server.host, client.server.port, timeout=30)
    path = f"/api/v1/agent/network-map?serial={first.serial}&wait_s=50"
    left.request("GET", path, headers={"Authorization": f"Token {peer.token}"})
    until_waiting(client, 1)
    left.close()
    until_waiting(client, 0)


def test_a_newer_question_ends_the_older_one(client: Client) -> None:
    """Without news: a peer has one place."""
    peer = client.enrol(Machine("laptop", "100.64.0.1"))
    first = client.network_map(peer.token)
    assert first is not None
    with waiting(client, peer, first.serial) as older:
        until_waiting(client, 1)
        assert client.network_map(peer.token, first.serial, 0) is None
    assert older == [None]


def test_a_stopping_server_ends_the_wait(own_server: ServerProcess) -> None:
    """It does not hold up the stop, and the answer is that there are no news."""
    client = Client(own_server)
    peer = client.enrol(Machine("laptop", "100.64.0.1"))
    first = client.network_map(peer.token)
    assert first is not None
    connection = http.client.HTTPConnection(own_server.host, own_server.port, timeout=30)
    path = f"/api/v1/agent/network-map?serial={first.serial}&wait_s=50"
    connection.request("GET", path, headers={"Authorization": f"Token {peer.token}"})
    client.call("GET", "/api/v1/settings")
    begun = time.monotonic()
    assert own_server.stop() == 0
    assert time.monotonic() - begun < 20
    assert connection.getresponse().status == 204
    connection.close()


@pytest.mark.parametrize("query", ["serial=-1", "serial=x", f"serial={2**62 + 1}", "wait_s=56", "wait_s=-1", "serial=1&serial=2"])
def test_questions_for_maps_that_make_no_sense(client: Client, query: str) -> None:
    """Each is refused in words."""
    peer = client.enrol(Machine("laptop", "100.64.0.1"))
    status, answer = client.call("GET", f"/api/v1/agent/network-map?{query}", token=peer.token)
    assert (status, answer["error"]["code"]) == (400, "invalid")


def test_a_token_is_renewed(client: Client) -> None:
    """By the peer's key; the one before goes on for a while."""
    machine = Machine("laptop", "100.64.0.1")
    peer = client.enrol(machine)
    status, answer = client.call("POST", "/api/v1/agent/token", machine.renews(peer.peer_id, wall_clock()), "")
    assert (status, set(answer)) == (200, {"token", "token_expires_at"})
    assert client.network_map(answer["token"]) is not None
    assert client.network_map(peer.token) is not None
    status, answer = client.call("POST", "/api/v1/agent/token", Machine("other").renews(peer.peer_id, wall_clock()), "")
    assert (status, answer["error"]["code"]) == (401, "unauthenticated")


def test_bodies_that_cannot_be_read(client: Client) -> None:
    """Nonsense and what lacks a field is 400, what is too large 413; nothing of it is a failed proof of the key kind."""
    for path in ("/api/v1/agent/enrol", "/api/v1/agent/token"):
        for body in (b"", b"{", b"[]", b"null", b'{"at": "x"}'):
            assert client.server.call("POST", path, body, "", **JSON)[0] == 400
        assert client.server.call("POST", path, b" " * 70_000 + b"{}", "", **JSON)[0] == 413


def test_a_peers_token_is_for_this_peer(client: Client) -> None:
    """Its events are stored; rows of others are refused one by one, facts and open connections of others as a whole."""
    peer, other = client.enrol(Machine("laptop", "100.64.0.1")), client.enrol(Machine("phone", "100.64.0.2"))
    good, bad = report(reporter_id=peer.peer_id), report(reporter_id=other.peer_id)
    status, answer = client.server.ingest([good, bad, good], peer.token)
    assert (status, answer["stored"], answer["duplicates"], answer["refused"]) == (200, 1, 1, 1)
    assert (answer["errors"][0]["line"], answer["errors"][0]["field"]) == (2, "reporter_id")
    assert client.call("GET", f"/api/v1/ingest/open?reporter_id={peer.peer_id}", token=peer.token)[1]["data"]
    for method, path, body in (
        ("GET", f"/api/v1/ingest/open?reporter_id={other.peer_id}", None),
        ("POST", "/api/v1/ingest/facts", {"id": other.peer_id, "name": "x"}),
    ):
        status, answer = client.call(method, path, body, peer.token)
        assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert client.call("POST", "/api/v1/ingest/facts", {"id": peer.peer_id, "name": "x"}, peer.token)[0] == 204
    status, answer = client.call("POST", "/api/v1/ingest/facts", {"id": peer.peer_id, "name": "x"})
    assert (status, "own token" in answer["error"]["message"]) == (403, True)


def test_an_answer_of_another_peer_is_not_repeated(client: Client) -> None:
    """Idempotency keys are each peer's own."""
    peer, other = client.enrol(Machine("laptop", "100.64.0.1")), client.enrol(Machine("phone", "100.64.0.2"))
    mine, theirs = report(reporter_id=peer.peer_id), report(reporter_id=other.peer_id)
    assert client.server.ingest([mine, mine], peer.token, Idempotency_Key="k")[1]["duplicates"] == 1
    assert client.server.ingest([theirs], other.token, Idempotency_Key="k")[1] == {"stored": 1, "duplicates": 0, "refused": 0, "errors": []}


def test_events_carry_groups_and_resources(client: Client) -> None:
    """Of the moment in which they come in."""
    staff, plants = (client.done("POST", "/api/groups", {"name": name})["id"] for name in ("Staff", "Plants"))
    peer = client.enrol(Machine("laptop", "100.64.0.1"), staff)
    network = client.done("POST", "/api/networks", {"name": "plant"})["id"]
    resource = client.done(
        "POST", f"/api/networks/{network}/resources", {"name": "press", "address": "10.8.0.0/24", "groups": [plants], "enabled": True}
    )  # fmt: skip
    row = report(reporter_id=peer.peer_id, source_address="100.64.0.1", destination_address="10.8.0.9")
    client.server.ingest([row], peer.token)
    stored = client.done("GET", "/api/v1/traffic")["data"][0]
    assert (stored["source_name"], stored["source_groups"], stored["reporter_name"]) == ("laptop", ["All", "Staff"], "laptop")
    assert (stored["destination_type"], stored["destination_resource_id"], stored["destination_resource_name"]) == (
        "resource", resource["id"], "press",
    )  # fmt: skip
    assert stored["destination_groups"] == ["Plants"]


def test_a_removed_peer_is_refused(client: Client) -> None:
    """With the same code on each of its routes, at once, also while it waits."""
    machine = Machine("laptop", "100.64.0.1")
    peer = client.enrol(machine)
    first = client.network_map(peer.token)
    assert first is not None
    answers: list[tuple[int, object]] = []
    path = f"/api/v1/agent/network-map?serial={first.serial}&wait_s=50"
    thread = threading.Thread(target=lambda: answers.append(client.call("GET", path, token=peer.token)))
    thread.start()
    client.done("DELETE", f"/api/peers/{peer.peer_id}")
    thread.join(30)
    answers += [
        client.call("GET", "/api/v1/agent/network-map", token=peer.token),
        client.server.ingest([report(reporter_id=peer.peer_id)], peer.token),
        client.call("POST", "/api/v1/ingest/facts", {"id": peer.peer_id, "name": "x"}, peer.token),
        client.call("GET", f"/api/v1/ingest/open?reporter_id={peer.peer_id}", token=peer.token),
        client.call("POST", "/api/v1/agent/token", machine.renews(peer.peer_id, wall_clock()), ""),
        client.call("POST", "/api/v1/agent/enrol", machine.asks(client.key(), wall_clock()), ""),
    ]
    assert [(status, body["error"]["code"]) for status, body in answers] == [(403, "peer_removed")] * 7  # type: ignore[index]


def test_what_a_peers_token_may_not(client: Client) -> None:
    """Read, change, start a session, use the map of somebody without being a peer."""
    peer = client.enrol(Machine("laptop", "100.64.0.1"))
    for method, path in (("GET", "/api/v1/traffic"), ("GET", "/api/groups"), ("POST", "/api/groups"), ("GET", "/api/v1/tokens")):
        assert client.call(method, path, {"name": "x"} if method == "POST" else None, peer.token)[0] == 403
    assert client.call("POST", "/api/v1/session", {"token": peer.token}, "")[0] == 403
    status, answer = client.call("GET", "/api/v1/agent/network-map")
    assert (status, "peer's own token" in answer["error"]["message"]) == (403, True)


def test_failed_enrolments_are_throttled(own_server: ServerProcess) -> None:
    """By address, with 429; the words say why. Health and other routes go on."""
    client = Client(own_server)
    machine = Machine("laptop", "100.64.0.1")
    for _ in range(FAILED_PROOFS_MAX):
        assert client.call("POST", "/api/v1/agent/enrol", machine.asks("mte_nonsense", wall_clock()), "")[0] == 403
    status, content, headers = own_server.raw(
        "POST", "/api/v1/agent/enrol", msgspec.json.encode(machine.asks(client.key(), wall_clock())), "", **JSON
    )  # fmt: skip
    assert (status, json.loads(content)["error"]["code"], "retry-after" in headers) == (429, "throttled", True)
    assert client.call("GET", "/healthz")[0] == 200
