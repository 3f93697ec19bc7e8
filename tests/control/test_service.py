"""Secrets are random, kept as hashes, and end when they should."""

from pathlib import Path

import pytest

from meshtrail.common.errors import NotFoundError, UnauthenticatedError
from meshtrail.control.actor import system
from meshtrail.control.directories import Directories
from meshtrail.control.service import SESSION_S, SIGN_IN_LINK_S, Control, Scope
from meshtrail.enrich.directory import Peer
from tests.control.organisation import Clock


def test_token_works_until_it_expires_or_is_deleted(control: Control, clock: Clock) -> None:
    """Its identity has the organisation and scopes it was made with."""
    org_id, made = control.first_organisation()
    assert made
    identifier, secret = control.add_token(org_id, "test", {Scope.read}, lifetime_s=60)
    identity = control.token_identity(secret)
    assert (identity.org_id, identity.scopes, identity.token_id) == (org_id, frozenset({Scope.read}), identifier)
    clock.now += 61_000_000
    with pytest.raises(UnauthenticatedError):
        control.token_identity(secret)
    _, other = control.add_token(org_id, "other", {Scope.read})
    with pytest.raises(NotFoundError):
        control.delete_token("another organisation", control.token_identity(other).token_id or "")
    control.delete_token(org_id, control.token_identity(other).token_id or "")
    with pytest.raises(UnauthenticatedError):
        control.token_identity(other)


def test_no_secret_is_in_the_file(control: Control, tmp_path: Path) -> None:
    """Neither tokens nor links nor sessions can be read from the disk."""
    org_id, _ = control.first_organisation()
    _, token = control.add_token(org_id, "test", {Scope.read})
    link = control.add_sign_in_link(org_id)
    session = control.use_sign_in_link(link)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (token, link, session):
        assert secret.encode() not in content


def test_sign_in_link_works_once_and_not_for_long(control: Control, clock: Clock) -> None:
    """A second use and a late use are refused."""
    org_id, _ = control.first_organisation()
    link = control.add_sign_in_link(org_id)
    session = control.use_sign_in_link(link)
    assert control.session_identity(session).org_id == org_id
    with pytest.raises(UnauthenticatedError):
        control.use_sign_in_link(link)
    late = control.add_sign_in_link(org_id)
    clock.now += (SIGN_IN_LINK_S + 1) * 1_000_000
    with pytest.raises(UnauthenticatedError):
        control.use_sign_in_link(late)


def test_session_ends(control: Control, clock: Clock) -> None:
    """By itself after its time, or when it is ended."""
    org_id, _ = control.first_organisation()
    first, second = (control.use_sign_in_link(control.add_sign_in_link(org_id)) for _ in range(2))
    control.end_session(first)
    with pytest.raises(UnauthenticatedError):
        control.session_identity(first)
    clock.now += (SESSION_S + 1) * 1_000_000
    with pytest.raises(UnauthenticatedError):
        control.session_identity(second)


def test_directory_has_the_last_facts(control: Control) -> None:
    """What a machine says again replaces what it said, inside its organisation."""
    org_id, _ = control.first_organisation()
    directories = Directories(control)
    directories.put(system(org_id), Peer("p", "old", addresses=("10.0.0.1",)))
    directories.put(system(org_id), Peer("p", "new", addresses=("10.0.0.2", "nonsense", "10.0.0.2"), users={"1000": "ana"}))
    directory = directories.get(org_id)
    assert [peer.name for peer in directory.by_address.values()] == ["new"]
    assert (directory.peers["p"].users, directory.peers["p"].addresses) == ({"1000": "ana"}, ("10.0.0.2",))
    assert not directories.get("other").peers
