"""Enrolment and renewal against a server that answers as it was told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from meshtrail.agent import identity
from meshtrail.agent.arrival import known_or_enrolled
from meshtrail.agent.enrolment import Refused, RefusedError, enrol, renew
from meshtrail.agent.facts import Facts
from meshtrail.agent.wire import Wire
from meshtrail.model.network_map import ENROL_PREFIX, TOKEN_PREFIX, Enrol, Enrolled, Renew, Renewed
from tests.agent.fake_server import FakeServer, Request, Scripted

FACTS = Facts("", "laptop", "Debian 12", ["10.0.0.1"], {})
ENROLLED = Enrolled("o1", "p1", "secret", 10_000, "k1", b"k" * 32)


@pytest.fixture
def wire(fake_server: FakeServer) -> Iterator[Wire]:
    """A connection without a token."""
    made = Wire(fake_server.url, lambda: "")
    yield made
    made.close()


def _answers(value: object, status: int = 200) -> Callable[[Request], Scripted]:
    return lambda _request: Scripted(status, msgspec.json.encode(value))


def _refusal(code: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": "no"}}


def test_enrol_and_renew(fake_server: FakeServer, wire: Wire) -> None:
    """The peer proves to hold the key that it names: when it enrols, and for each new token."""
    fake_server.others["/api/v1/agent/enrol"] = _answers(ENROLLED)
    fake_server.others["/api/v1/agent/token"] = _answers(Renewed("newer", 30_000))
    known = enrol(wire, "key-1", FACTS, lambda: 7_000)
    sent = msgspec.json.decode(fake_server.requests[0].body, type=Enrol)
    assert (sent.enrolment_key, sent.name, sent.os, sent.addresses, sent.at) == ("key-1", "laptop", "Debian 12", ("10.0.0.1",), 7_000)
    public = Ed25519PublicKey.from_public_bytes(sent.public_key)
    public.verify(sent.signature, ENROL_PREFIX + b"key-1\n7000")
    assert Ed25519PrivateKey.from_private_bytes(known.private_key).public_key() == public
    assert (known.peer_id, known.token, known.server_key, known.token_given_at) == ("p1", "secret", b"k" * 32, 7_000)
    assert "authorization" not in fake_server.requests[0].headers

    later = renew(wire, known, lambda: 9_000)
    asked = msgspec.json.decode(fake_server.requests[1].body, type=Renew)
    public.verify(asked.signature, TOKEN_PREFIX + b"p1\n9000")
    assert (later.token, later.token_expires_at, later.token_given_at, later.peer_id) == ("newer", 30_000, 9_000, "p1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Scripted(401, msgspec.json.encode(_refusal("unauthenticated"))), Refused.key),
        (Scripted(403, msgspec.json.encode(_refusal("peer_removed"))), Refused.removed),
        (Scripted(403, b"<html>"), Refused.key),
        (Scripted(503, b""), Refused.other),
        (Scripted(200, b"{}"), Refused.nonsense),
        (Scripted(200, b"\xff"), Refused.nonsense),
        (Scripted(cut=True), Refused.unreachable),
    ],
)
def test_refused(fake_server: FakeServer, wire: Wire, answer: Scripted, reason: Refused) -> None:
    """Each answer that gives no identity says why."""
    fake_server.others["/api/v1/agent/enrol"] = lambda _request: answer
    with pytest.raises(RefusedError) as caught:
        enrol(wire, "key-1", FACTS, lambda: 1)
    assert caught.value.reason is reason


def test_arrival(fake_server: FakeServer, tmp_path: Path) -> None:
    """A machine with a key becomes a peer once the server is there, and is that peer ever after; one without is none."""
    answers = [Scripted(503, b""), Scripted(200, msgspec.json.encode(ENROLLED))]
    fake_server.others["/api/v1/agent/enrol"] = lambda _request: answers.pop(0)
    assert known_or_enrolled(tmp_path, "", fake_server.url, None, "n") is None
    made = known_or_enrolled(tmp_path, "key-1", fake_server.url, None, "n")
    assert made is not None
    assert identity.load(tmp_path) == made
    assert known_or_enrolled(tmp_path, "another", "http://127.0.0.1:1", None, "n") == made
    assert len(fake_server.requests) == 2


def test_refused_key_ends_the_arrival(fake_server: FakeServer, tmp_path: Path) -> None:
    """A key that is not good is not tried for ever."""
    fake_server.others["/api/v1/agent/enrol"] = _answers(_refusal("unauthenticated"), 401)
    with pytest.raises(RefusedError):
        known_or_enrolled(tmp_path, "key-1", fake_server.url, None, "n")
    assert identity.load(tmp_path) is None
