"""Serials only grow, and only when something differs; what is issued can be verified."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from meshtrail.common.errors import PeerRemovedError
from meshtrail.control import network_maps
from meshtrail.control.issuing import Issuer
from meshtrail.control.limits import SERIAL_MAX
from meshtrail.control.service import Control
from meshtrail.control.signing import ServerKey
from meshtrail.model.network_map import SIGNED_PREFIX, Envelope, NetworkMap
from tests.control.organisation import Clock, Organisation, rule


@pytest.fixture
def key(tmp_path: Path) -> ServerKey:
    """The server's key."""
    return ServerKey.load_or_make(tmp_path)


@pytest.fixture
def issuer(control: Control, key: ServerKey, clock: Clock) -> Issuer:
    """Issues maps of the control store."""
    return Issuer(control.database, control.snapshots, key, clock)


def opened(envelope: Envelope | None) -> NetworkMap:
    """The map inside."""
    assert envelope is not None
    return msgspec.json.decode(envelope.payload, type=NetworkMap)


def test_the_signature_is_of_the_servers_key(organisation: Organisation, issuer: Issuer, key: ServerKey) -> None:
    """Over the payload with its prefix, by the key that an enrolled agent knows."""
    peer = organisation.peer("laptop", "100.64.0.1")
    envelope = issuer.news(organisation.id, peer, 0)
    assert envelope is not None
    assert envelope.key_id == key.id
    Ed25519PublicKey.from_public_bytes(key.public).verify(envelope.signature, SIGNED_PREFIX + envelope.payload)
    assert (opened(envelope).org_id, opened(envelope).peer_id) == (organisation.id, peer)


def test_the_serial_grows_when_the_content_changes(organisation: Organisation, issuer: Issuer, clock: Clock) -> None:
    """And stays otherwise, also when other things of the organisation change; the clock may stand still or go back."""
    staff = organisation.group("Staff")
    peer = organisation.peer("laptop", "100.64.0.1", groups=(staff,))
    organisation.peer("phone", "100.64.0.2", groups=(staff,))
    first = opened(issuer.news(organisation.id, peer, 0))
    assert first.serial == clock.now
    assert issuer.news(organisation.id, peer, first.serial) is None
    clock.pass_s(60)
    organisation.group("Others")
    assert issuer.news(organisation.id, peer, first.serial) is None
    assert opened(issuer.news(organisation.id, peer, 7)).serial == first.serial
    organisation.policy(rule(staff, staff))
    clock.pass_s(-3_600)
    second = opened(issuer.news(organisation.id, peer, first.serial))
    assert second.serial == first.serial + 1
    assert len(second.rules) == 2


def test_a_restart_changes_no_serial(
    control: Control, organisation: Organisation, issuer: Issuer, key: ServerKey, clock: Clock
) -> None:  # fmt: skip
    """Another process issues the same serial for the same content."""
    peer = organisation.peer("laptop", "100.64.0.1")
    first = opened(issuer.news(organisation.id, peer, 0))
    clock.pass_s(60)
    again = Control(control.database.place, clock)
    again.open()
    try:
        assert Issuer(again.database, again.snapshots, key, clock).news(organisation.id, peer, first.serial) is None
    finally:
        again.close()


def test_an_agent_that_knows_more_gets_a_larger_serial(organisation: Organisation, issuer: Issuer, clock: Clock) -> None:
    """After a restored backup the agent's serial is ahead of ours; even the largest it may name leads on."""
    peer = organisation.peer("laptop", "100.64.0.1")
    first = opened(issuer.news(organisation.id, peer, 0))
    ahead = clock.now + 86_400_000_000
    restored = opened(issuer.news(organisation.id, peer, ahead))
    assert restored.serial == ahead + 1
    assert msgspec.structs.replace(restored, serial=0, issued_at=0) == msgspec.structs.replace(first, serial=0, issued_at=0)
    assert issuer.news(organisation.id, peer, ahead + 1) is None
    last = opened(issuer.news(organisation.id, peer, SERIAL_MAX))
    assert last.serial == SERIAL_MAX + 1
    assert opened(issuer.news(organisation.id, peer, 0)).serial == SERIAL_MAX + 1


def test_no_map_for_whoever_is_no_peer(control: Control, organisation: Organisation, issuer: Issuer) -> None:
    """A removed peer, an unknown one, one of another organisation."""
    peer = organisation.peer("laptop", "100.64.0.1")
    other = control.add_organisation("other")
    for org_id, asked in ((organisation.id, "nobody"), (other, peer)):
        with pytest.raises(PeerRemovedError):
            issuer.news(org_id, asked, 0)
    control.peers.remove(organisation.by, peer)
    with pytest.raises(PeerRemovedError):
        issuer.news(organisation.id, peer, 0)


def test_a_map_that_is_full_keeps_its_denials(
    organisation: Organisation, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is allowed last is left out, and the log says so."""
    monkeypatch.setattr(network_maps, "RULES_MAX", 3)
    monkeypatch.setattr("meshtrail.control.issuing.RULES_MAX", 3)
    staff = organisation.group("Staff")
    peer = organisation.peer("laptop", "100.64.0.1", groups=(staff,))
    organisation.peer("phone", "100.64.0.2", groups=(staff,))
    organisation.policy(*(rule(staff, staff, ports=(port,)) for port in range(1, 9)))
    assert len(opened(issuer.news(organisation.id, peer, 0)).rules) == 3
    assert "full" in caplog.text
