"""Reading a piece of a segment, past whatever is damaged."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool import form
from meshtrail.agent.spool.files import Segment
from meshtrail.agent.spool.reader import Piece, Reader
from meshtrail.agent.spool.state import Gap
from tests.agent.spool.parts import chunk, found, write

ALL = 10_000
told: list[Gap] = []


def _gap_line(gap: Gap) -> bytes:
    """A gap as a line whose number is the lost ones, negative; -1000 when that is not known."""
    told.append(gap)
    return b'{"n":%d}' % -(1_000 if gap.lost is None else gap.lost)


@pytest.fixture(autouse=True)
def _forget() -> None:
    told.clear()


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    """Five records: 0 to 2, 3, 4 and 5, 6, 7 to 9."""
    records = [(0, 1, 2), (3,), (4, 5), (6,), (7, 8, 9)]
    return write(tmp_path, 1, [chunk(*numbers, at_us=1_000 * (1 + place)) for place, numbers in enumerate(records)])


def _read(segment: Segment, rows_max: int = ALL) -> Piece:
    return Reader(_gap_line).read(segment, segment.start, rows_max)


def _offset(segment: Segment, record: int) -> int:
    """Where a record's header stands."""
    data, at = segment.path.read_bytes(), form.FILE_HEADER_BYTES
    for _ in range(record):
        header = form.header_at(data, at, segment.number)
        assert header is not None
        at += form.HEADER_BYTES + header.size
    return at


def _flip(segment: Segment, at: int) -> None:
    content = bytearray(segment.path.read_bytes())
    content[at] ^= 0x20
    segment.path.write_bytes(content)


def test_whole(segment: Segment) -> None:
    """All lines in their order, and then the segment is done with."""
    piece = _read(segment)
    assert found(piece.texts) == list(range(10))
    assert (piece.rows, piece.end.offset, piece.end.row, piece.damages, piece.lost) == (10, segment.end, 10, 0, 0)


def test_pieces(segment: Segment) -> None:
    """Piece after piece takes as many lines as are asked for, and each goes on where the one before ended."""
    reader, place, numbers = Reader(_gap_line), segment.start, []
    for _ in range(4):
        piece = reader.read(segment, place, 3)
        numbers.append(found(piece.texts))
        place = piece.end
    assert numbers == [[0, 1, 2], [3, 4, 5], [6], [7, 8, 9]]
    assert place.offset == segment.end


def test_large_record(segment: Segment) -> None:
    """A record that is larger than what is asked for comes alone and whole."""
    assert found(_read(segment, 1).texts) == [0, 1, 2]


def test_bytes(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece is bounded in bytes too."""
    monkeypatch.setattr(limits, "BATCH_BYTES_MAX", 70)
    assert found(_read(segment).texts) == [0, 1, 2, 3]


def test_lone_frame(segment: Segment) -> None:
    """The last frame is there as it stands on the disk, so that a lone one can be sent as it is."""
    piece = _read(segment, 1)
    assert piece.payload == chunk(0, 1, 2).payload


@pytest.mark.parametrize(("record", "expected"), [
    (0, [-3, 3, 4, 5, 6, 7, 8, 9]), (2, [0, 1, 2, 3, -2, 6, 7, 8, 9]), (4, [0, 1, 2, 3, 4, 5, 6, -3]),
])  # fmt: skip
@pytest.mark.parametrize("byte", [0, 5, form.HEADER_BYTES - 1, form.HEADER_BYTES, form.HEADER_BYTES + 9])
def test_damaged_record(segment: Segment, record: int, expected: list[int], byte: int) -> None:
    """What a flipped bit in header or payload costs is one record; it is counted, and told in the place where it was."""
    _flip(segment, _offset(segment, record) + byte)
    piece = _read(segment)
    assert found(piece.texts) == expected
    assert (piece.damages, piece.lost) == (1, -min(expected))
    assert piece.rows == len(expected)


def test_gap(segment: Segment) -> None:
    """A gap begins with the record before the damage and ends with the one behind; read again it has the same name."""
    _flip(segment, _offset(segment, 2))
    _read(segment)
    _read(segment)
    assert [(gap.cause, gap.since_us, gap.until_us, gap.lost) for gap in told] == [("unknown", 2_000, 4_000, 2)] * 2
    assert told[0].id == told[1].id


def test_two_damages(segment: Segment) -> None:
    """Two damages are two gaps with two names."""
    for at in [_offset(segment, 1), _offset(segment, 3)]:
        _flip(segment, at)
    piece = _read(segment)
    assert found(piece.texts) == [0, 1, 2, -1, 4, 5, -1, 7, 8, 9]
    assert piece.damages == 2
    assert len({gap.id for gap in told}) == 2


def test_damage_between_pieces(segment: Segment) -> None:
    """A damage where one piece ends is told by the next one, once."""
    _flip(segment, _offset(segment, 1))
    reader = Reader(_gap_line)
    first = reader.read(segment, segment.start, 3)
    second = reader.read(segment, first.end, ALL)
    assert found([*first.texts, *second.texts]) == [0, 1, 2, -1, 4, 5, 6, 7, 8, 9]


def test_all_damaged(segment: Segment) -> None:
    """Zeros from the first record on: nothing but a gap of all lines, because the number of all is known."""
    content = segment.path.read_bytes()
    segment.path.write_bytes(content[: form.FILE_HEADER_BYTES] + bytes(len(content) - form.FILE_HEADER_BYTES))
    assert found(_read(segment).texts) == [-10]


def test_torn(segment: Segment) -> None:
    """Where an unknown number is missing at the end, a gap says that it is not known."""
    segment.torn = True
    assert found(_read(segment).texts) == [*range(10), -1_000]


def test_other_version(segment: Segment) -> None:
    """What another version wrote is not read: a gap without a number."""
    segment.readable = False
    assert found(_read(segment).texts) == [-1_000]


def test_gone(segment: Segment) -> None:
    """A file that has gone is a fault, and its lines are a gap."""
    segment.path.unlink()
    piece = _read(segment)
    assert piece.fault is not None
    assert piece.fault.errno == errno.ENOENT
    assert found(piece.texts) == [-10]
    assert piece.end.offset == segment.end


@contextmanager
def _no_more_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_passing_fault(segment: Segment) -> None:
    """Too many open files are no fault of the segment: nothing is given up, and later it is read."""
    with _no_more_files(), pytest.raises(OSError, match="Too many open files"):
        _read(segment)
    assert found(_read(segment).texts) == list(range(10))


def test_clock_set_back(tmp_path: Path) -> None:
    """When the clock was set back within a segment a gap covers the time between its neighbours all the same."""
    segment = write(tmp_path, 1, [chunk(0, at_us=9_000), chunk(1, at_us=9_500), chunk(2, at_us=3_000)])
    _flip(segment, _offset(segment, 1))
    _read(segment)
    assert [(gap.since_us, gap.until_us) for gap in told] == [(3_000, 9_000)]


def test_not_what_it_says(tmp_path: Path) -> None:
    """An intact record whose frame is none, or has other lines than its header says, is damage and nothing worse."""
    honest, liar = chunk(0), chunk(1, 2)
    records = [honest, liar._replace(rows=3), liar._replace(payload=b"no frame"), liar._replace(raw=9), honest]
    segment = write(tmp_path, 1, records)
    piece = _read(segment)
    assert found(piece.texts) == [0, -7, 0]
    assert piece.damages == 3
