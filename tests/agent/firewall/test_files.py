"""State on disk."""

from pathlib import Path

import pytest

from meshtrail.agent.firewall.files import read_file, write_file


def test_write_and_read(tmp_path: Path) -> None:
    """A file is written as a whole, for the agent only, and read up to its limit."""
    path = tmp_path / "new" / "file"
    assert read_file(tmp_path / "nothing", 10) is None
    write_file(path, b"first")
    write_file(path, b"second")
    assert read_file(path, 6) == b"second" and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="more than 5 bytes"):
        read_file(path, 5)
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_half_written(tmp_path: Path) -> None:
    """What cannot be put in place leaves the file as it was, and nothing beside it."""
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_file(path, b"content")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
