"""The server's key is made once and kept for its owner only."""

from pathlib import Path

import pytest

from meshtrail.common.errors import UnavailableError
from meshtrail.control.signing import KEY_FILE, ServerKey


def test_the_key_is_made_once(tmp_path: Path) -> None:
    """The next start has the same; nobody else may read the file."""
    first = ServerKey.load_or_make(tmp_path)
    path = tmp_path / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [KEY_FILE]
    second = ServerKey.load_or_make(tmp_path)
    assert (second.public, second.id) == (first.public, first.id)
    assert ServerKey.load_or_make(tmp_path.parent).id != first.id
    (tmp_path.parent / KEY_FILE).unlink()


def test_a_file_that_is_no_key_is_said(tmp_path: Path) -> None:
    """It is not replaced: agents trust the key that was there."""
    for content in (b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        (tmp_path / KEY_FILE).write_bytes(content)
        with pytest.raises(UnavailableError, match="holds no"):
            ServerKey.load_or_make(tmp_path)
        assert (tmp_path / KEY_FILE).read_bytes() == content
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(UnavailableError, match="cannot be read"):
        ServerKey.load_or_make(tmp_path)
