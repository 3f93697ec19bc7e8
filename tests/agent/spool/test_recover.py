"""Segments that a former process left behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.agent.spool import form
from meshtrail.agent.spool.files import Folder, Segment
from meshtrail.agent.spool.recover import Known, load
from tests.agent.spool.parts import chunk, write

CHUNKS = [chunk(0, 1, 2, at_us=1_000), chunk(3, at_us=2_000), chunk(4, 5, at_us=3_000)]
NOW_US, NOW_S = 10_000_000, 500.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """An empty folder."""
    made = Folder(tmp_path / "spool")
    yield made
    made.close()


def _left(folder: Folder, *, seal: bool = False) -> tuple[Segment, bytes]:
    segment = write(folder.path, 1, CHUNKS, seal=seal)
    return segment, segment.path.read_bytes()


def _load(folder: Folder, known: Known | None = None) -> tuple[Segment, bool]:
    return load(folder, 1, NOW_US, NOW_S, known or Known())


def _last_record(content: bytes) -> int:
    return content.rindex(b"\xc1MTr")


def test_sealed(folder: Folder) -> None:
    """A segment that was ended in order is as it was."""
    left, before = _left(folder, seal=True)
    segment, torn = _load(folder)
    assert not torn
    assert (segment.name, segment.first_us, segment.last_us, segment.end, segment.rows) == (left.name, 500, 3_000, left.end, 6)
    assert left.path.read_bytes() == before


def test_killed(folder: Folder) -> None:
    """A segment whose writer was killed between two puts is whole; it is sealed, and found in order the next time."""
    left, before = _left(folder)
    segment, torn = _load(folder)
    assert not torn
    assert (segment.rows, segment.torn, segment.last_us, segment.end) == (6, False, 3_000, left.end + form.SEAL_BYTES)
    after = left.path.read_bytes()
    assert after.startswith(before)
    again, torn = _load(folder)
    assert not torn
    assert (again.rows, again.end) == (6, segment.end)
    assert left.path.read_bytes() == after


def test_torn_payload(folder: Folder) -> None:
    """A record that was begun is cut off; its header says how many lines are lost."""
    left, content = _left(folder)
    left.path.write_bytes(content[:-3])
    segment, torn = _load(folder)
    assert torn
    assert (segment.rows, segment.torn, segment.end) == (6, False, _last_record(content) + form.SEAL_BYTES)


def test_torn_header(folder: Folder) -> None:
    """When not even its header is there, it is not known how many are lost; that is remembered."""
    left, content = _left(folder)
    left.path.write_bytes(content[: _last_record(content) + 7])
    for _ in range(2):
        segment, _ = _load(folder)
        assert (segment.rows, segment.torn) == (4, True)


@pytest.mark.parametrize("size", [1, 39, 500, 4_096])
def test_zeros(folder: Folder, size: int) -> None:
    """After a power cut a file may end in zeros: they are cut off, and something may have been there."""
    left, content = _left(folder)
    left.path.write_bytes(content + bytes(size))
    segment, torn = _load(folder)
    assert torn
    assert (segment.rows, segment.torn, segment.end) == (6, True, len(content) + form.SEAL_BYTES)


def test_damaged_in_the_middle(folder: Folder) -> None:
    """Damage before an intact record is left for the reader, who counts it."""
    left, content = _left(folder)
    at = form.FILE_HEADER_BYTES + form.HEADER_BYTES + 4
    left.path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    segment, torn = _load(folder)
    assert not torn
    assert (segment.rows, segment.torn, segment.end) == (6, False, left.end + form.SEAL_BYTES)


def test_new(folder: Folder) -> None:
    """A segment that had just been begun has nothing, and nothing is missing."""
    write(folder.path, 1, [], seal=False)
    segment, torn = _load(folder)
    assert not torn
    assert (segment.rows, segment.torn) == (0, False)


def test_empty(folder: Folder) -> None:
    """A file without a byte, as a power cut may leave it, has nothing; what it had is known from elsewhere."""
    folder.file(1).touch()
    segment, torn = _load(folder)
    assert (segment.rows, torn) == (0, False)
    os.truncate(segment.path, 0)
    segment, torn = _load(folder, Known(rows_min=5, end_min=300))
    assert (segment.rows, segment.torn, torn) == (5, True, True)


@pytest.mark.parametrize("known", [Known(rows_min=7), Known(end_min=10_000), Known(newest=False)])
def test_shorter_than_known(folder: Folder, known: Known) -> None:
    """A segment that had more, was longer, or cannot have been the one that was being written: its end is missing."""
    _left(folder)
    segment, torn = _load(folder, known)
    assert (segment.rows, segment.torn, torn) == (max(6, known.rows_min), True, True)


def test_other_version(folder: Folder) -> None:
    """What another version wrote is left as it is."""
    left, content = _left(folder)
    header = bytearray(form.file_header(b"a-name--", 5))
    header[8] = 9
    header = bytearray(form._checked(bytes(header[: -form._CRC.size])))
    left.path.write_bytes(bytes(header) + content[len(header) :] + b"more")
    before = left.path.read_bytes()
    segment, torn = _load(folder)
    assert not torn
    assert not segment.readable
    assert left.path.read_bytes() == before


def test_file_header_damaged(folder: Folder) -> None:
    """Without its header a segment is read all the same, under a name that stays the same."""
    left, content = _left(folder)
    left.path.write_bytes(b"x" * 8 + content[8:])
    first, _ = _load(folder, Known(since_us=77))
    second, _ = _load(folder, Known(since_us=77))
    assert first.rows == 6
    assert first.first_us == 77
    assert first.name == second.name != left.name


def test_age(folder: Folder) -> None:
    """A segment's age comes from its last line; a clock that was set back since makes it new."""
    _left(folder, seal=True)
    segment, _ = load(folder, 1, 3_000 + 60_000_000, NOW_S, Known())
    assert segment.written_s == NOW_S - 60
    segment, _ = load(folder, 1, 0, NOW_S, Known())
    assert segment.written_s == NOW_S


def test_absurd_size(folder: Folder) -> None:
    """Of a file that is far too large no more than a bounded part is read."""
    left, _ = _left(folder)
    os.truncate(left.path, 200 * 1024**2)
    segment, torn = _load(folder)
    assert torn
    assert (segment.rows, segment.torn) == (6, True)
    assert left.path.stat().st_size == segment.end


def test_behind_the_seal(folder: Folder) -> None:
    """What stands behind a seal was never written by us: it is cut off, and nothing is missing."""
    left, content = _left(folder, seal=True)
    left.path.write_bytes(content + bytes(4_096))
    segment, _ = _load(folder)
    assert (segment.rows, segment.torn) == (6, False)
    assert left.path.stat().st_size == segment.end
