"""The identity on disk."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.agent import identity
from meshtrail.agent.identity import Credentials, Identity
from meshtrail.common.errors import InvalidError

KNOWN = Identity("o1", "p1", bytes(range(32)), "secret", 2_000, 1_000, "k1", b"k" * 32)


def test_there_and_back(tmp_path: Path) -> None:
    """What is kept is found again; the file is its owner's alone."""
    folder = tmp_path / "new" / "state"
    assert identity.load(folder) is None
    identity.save(folder, KNOWN)
    assert identity.load(folder) == KNOWN
    assert stat.S_IMODE((folder / identity.FILE).stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == [identity.FILE]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"org_id":1}', b"\xff\xfe", b"[" * 10_000])
def test_unreadable(tmp_path: Path, content: bytes) -> None:
    """A damaged file is not taken for a machine that is no peer yet: its peer would be enrolled twice."""
    (tmp_path / identity.FILE).write_bytes(content)
    with pytest.raises(InvalidError, match=identity.FILE):
        identity.load(tmp_path)


def test_renewal_is_due_half_way() -> None:
    """A token is renewed in the middle of its life."""
    assert KNOWN.renew_at == 1_500


def test_signature() -> None:
    """The key signs as RFC 8032 says."""
    signature = KNOWN.sign(b"message")
    Ed25519PrivateKey.from_private_bytes(KNOWN.private_key).public_key().verify(signature, b"message")


def test_probe(tmp_path: Path) -> None:
    """A folder that cannot be written is noticed before an enrolment key is used."""
    identity.probe(tmp_path / "state")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        identity.probe(tmp_path / "file" / "state")


def test_credentials() -> None:
    """All requests send the newest token."""
    credentials = Credentials("a")
    assert credentials() == "a"
    credentials.replace("b")
    assert credentials() == "b"
