"""Maps that are to be enforced, and those that are not."""

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.verify import Reason, RefusedError, Trust, Verifier
from meshtrail.model.network_map import RULES_MAX, SIGNED_PREFIX, Envelope, NetworkMap
from tests.agent.firewall.maps import ORG, PEER, governed, network_map, rule

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
TRUST = Trust(ORG, PEER, "key1", KEY.public_key().public_bytes_raw())


def sealed(content: NetworkMap | bytes, key: Ed25519PrivateKey = KEY, key_id: str = "key1", prefix: bytes = SIGNED_PREFIX) -> bytes:
    """An envelope as the server answers it."""
    payload = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return msgspec.json.encode(Envelope(payload, key_id, key.sign(prefix + payload)))


def _refusal(body: bytes, serial: int = 0) -> Reason:
    verifier = Verifier(TRUST)
    with pytest.raises(RefusedError) as refused:
        verifier.check(body, serial)
    assert verifier.refused == {refused.value.reason: 1}
    return refused.value.reason


def test_good() -> None:
    """A signed map of this peer is taken, also one with the serial in force."""
    wanted = network_map(rule("a", 22), serial=5)
    found, envelope = Verifier(TRUST).check(sealed(wanted), 5)
    assert found == wanted and envelope.key_id == "key1"


def test_not_ours() -> None:
    """Another key, another signature, another meaning of the signature, another peer: each has its reason."""
    good = network_map()
    assert _refusal(sealed(good, key_id="key2")) is Reason.unknown_key
    assert _refusal(sealed(good, Ed25519PrivateKey.generate())) is Reason.bad_signature
    assert _refusal(sealed(good, prefix=b"meshtrail token v1\n")) is Reason.bad_signature
    assert _refusal(sealed(msgspec.structs.replace(good, peer_id="peer2"))) is Reason.wrong_peer
    assert _refusal(sealed(msgspec.structs.replace(good, org_id="org2"))) is Reason.wrong_peer
    short = msgspec.json.encode(Envelope(msgspec.json.encode(good), "key1", b"short"))
    assert _refusal(short) is Reason.bad_signature


def test_older() -> None:
    """A map with a smaller serial than the one in force does not come back."""
    assert _refusal(sealed(network_map(serial=4)), serial=5) is Reason.older


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"payload": "!", "key_id": "key1", "signature": ""}'])
def test_no_envelope(body: bytes) -> None:
    """What is no envelope is refused."""
    assert _refusal(body) is Reason.no_envelope


@pytest.mark.parametrize("payload", [b"", b"null", b"{", b"[" * 100_000, b'{"org_id": "org1"}'])
def test_malformed(payload: bytes) -> None:
    """A signed nonsense is refused."""
    assert _refusal(sealed(payload)) is Reason.malformed


@pytest.mark.parametrize("changes", [
    {"sources": ("10.0.0.0/33",)}, {"sources": ("fe80::1%eth0",)}, {"destinations": ("example.org",)}, {"sources": ("; flush ruleset",)},
    {"policy_version": -1}, {"policy_version": 2**32}, {"policy_id": ""},
])  # fmt: skip
def test_rules_that_are_none(changes: dict[str, Any]) -> None:
    """A rule that cannot be compiled refuses the whole map: half a map would be another policy."""
    assert _refusal(sealed(network_map(rule("a"), rule("b", **changes)))) is Reason.malformed


@pytest.mark.parametrize("ports", [(2, 1), (-1, 5), (0, 65_536)])
def test_ports_that_are_none(ports: tuple[int, int]) -> None:
    """The same for ports."""
    assert _refusal(sealed(network_map(rule("a", ports)))) is Reason.malformed


def test_governed_networks() -> None:
    """The same for what is governed."""
    assert _refusal(sealed(network_map(on=(governed(sources=("10.0.0.0/-1",)),)))) is Reason.malformed


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the agent programs is refused, not cut."""
    assert _refusal(sealed(network_map(*[rule("a")] * (RULES_MAX + 1)))) is Reason.too_many_rules
    assert _refusal(sealed(network_map(on=(governed(),) * (limits.GOVERNED_MAX + 1)))) is Reason.too_many_rules
    monkeypatch.setattr(limits, "NETWORKS_MAX", 5)
    assert _refusal(sealed(network_map(*[rule("a")] * 3))) is Reason.too_many_rules
    monkeypatch.setattr(limits, "ENVELOPE_BYTES_MAX", 10)
    assert _refusal(sealed(network_map())) is Reason.too_large
