"""The spool's folder and the segment that is being written."""

import os
import stat
from pathlib import Path

import pytest

from meshtrail.agent.spool import form
from meshtrail.agent.spool.files import ActiveSegment, Folder, SpoolLockedError
from tests.agent.spool.conftest import Disk
from tests.agent.spool.parts import chunk


def test_segment(tmp_path: Path) -> None:
    """A segment is its header, its records and its seal, and only its owner may read it."""
    active = ActiveSegment(tmp_path, 7, 500)
    first, second = chunk(1, 2, at_us=600), chunk(3, at_us=700)
    for each in (first, second):
        active.append(each.payload, each.rows, each.raw, each.at_us)
    active.seal()
    active.close()
    content = active.segment.path.read_bytes()
    assert active.segment.path.name == "0000000000000007.segment"
    assert stat.S_IMODE(active.segment.path.stat().st_mode) == 0o600
    assert len(content) == active.segment.end
    header = form.read_file_header(content)
    assert header is not None
    assert (header.name, header.created_us) == (active.segment.name, 500)
    one = form.header_at(content, form.FILE_HEADER_BYTES, 7)
    assert one is not None
    assert (one.row, one.rows) == (0, 2)
    two = form.header_at(content, form.FILE_HEADER_BYTES + form.HEADER_BYTES + one.size, 7)
    assert two is not None
    assert (two.row, two.rows, two.at_us) == (2, 1, 700)
    end = form.header_at(content, len(content) - form.SEAL_BYTES, 7)
    assert end is not None
    assert (end.seal, end.row) == (True, 3)


def test_number_taken(tmp_path: Path) -> None:
    """A file that exists is never written over."""
    (tmp_path / "0000000000000007.segment").write_bytes(b"another's")
    with pytest.raises(FileExistsError):
        ActiveSegment(tmp_path, 7, 500)
    assert (tmp_path / "0000000000000007.segment").read_bytes() == b"another's"


def test_failed_append(disk: Disk) -> None:
    """A write that does not fit leaves the segment as it was, and the next one that fits follows what is there."""
    active = ActiveSegment(disk.path, 1, 500)
    small, large = chunk(1), chunk(2, padding=20_000)
    active.append(small.payload, small.rows, small.raw, small.at_us)
    before = active.segment.path.read_bytes()
    disk.fill(leave=1)
    with pytest.raises(OSError, match="No space"):
        active.append(large.payload, large.rows, large.raw, large.at_us)
    assert active.segment.path.read_bytes() == before
    assert (active.segment.rows, active.segment.end) == (1, len(before))
    disk.empty()
    active.append(large.payload, large.rows, large.raw, large.at_us)
    active.close()
    header = form.header_at(active.segment.path.read_bytes(), len(before), 1)
    assert header is not None
    assert header.row == 1


def test_failed_beginning(disk: Disk) -> None:
    """A segment whose header does not fit leaves no file behind."""
    disk.fill()
    with pytest.raises(OSError, match="No space"):
        ActiveSegment(disk.path, 1, 500)
    assert not list(disk.path.glob("*.segment"))


def test_lock(tmp_path: Path) -> None:
    """A second agent is kept out and told the remedy; when the first one has gone it may come."""
    first = Folder(tmp_path / "spool")
    with pytest.raises(SpoolLockedError, match="--state-dir"):
        Folder(tmp_path / "spool")
    first.close()
    Folder(tmp_path / "spool").close()


def test_folder_mode(tmp_path: Path) -> None:
    """The folder is made, and nobody else may look into it."""
    Folder(tmp_path / "state" / "spool").close()
    assert stat.S_IMODE((tmp_path / "state" / "spool").stat().st_mode) == 0o700


def test_numbers(tmp_path: Path) -> None:
    """Segments are listed in order; other names are left alone."""
    folder = Folder(tmp_path)
    for name in ("0000000000000012.segment", "0000000000000002.segment", "2.segment", "0000000000000003.segment~", "x"):
        (tmp_path / name).touch()
    assert folder.numbers() == [2, 12]
    folder.remove(2)
    folder.remove(99)
    assert folder.numbers() == [12]
    assert (tmp_path / "x").exists()
    folder.close()


def test_sync(tmp_path: Path) -> None:
    """Files and the list of files are synced; a file that has gone needs nothing."""
    folder = Folder(tmp_path)
    folder.sync(folder.file(5))
    folder.sync()
    folder.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(folder._lock)
