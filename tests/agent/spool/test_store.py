"""The segments on disk: what is written, read, acknowledged, dropped, and found again."""

import errno
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool import form
from meshtrail.agent.spool.memory import Chunk
from meshtrail.agent.spool.reader import Reader
from meshtrail.agent.spool.state import Place
from meshtrail.agent.spool.store import Store
from tests.agent.spool.conftest import Disk
from tests.agent.spool.parts import AGE_S_MAX, Stores, chunk, found

HOUR_S = 3_600.0


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """A store with segments of three records of the tests."""
    monkeypatch.setattr(limits, "SPOOL_SEGMENT_BYTES", 1_000)
    made = Stores(tmp_path / "spool")
    made.open()
    return made


def _fill(store: Store, numbers: range, at_s: float = 0.0) -> None:
    for number in numbers:
        store.write(chunk(number, at_us=1_000 * (number + 1), padding=500), at_s)


def _take(stores: Stores) -> list[int]:
    """Read what is next and acknowledge it."""
    segment, place = stores.read()
    piece = Reader(lambda gap: b'{"n":-%d}' % (gap.lost or 1_000)).read(segment, place, 10_000)
    stores.store.cursor = piece.end
    stores.store.confirm(piece.end)
    return found(piece.texts)


def _all(stores: Stores) -> list[int]:
    numbers = []
    while stores.store.next_unread() is not None:
        numbers += _take(stores)
    return numbers


def test_order(stores: Stores) -> None:
    """What was written is read in its order, over several segments; what is acknowledged has gone."""
    _fill(stores.store, range(10))
    assert stores.store.rows == 10
    assert len(stores.store.segments) > 2
    assert _all(stores) == list(range(10))
    assert stores.store.rows == 0
    stores.store.remove(stores.store.gone)
    assert len(stores.store.folder.numbers()) == 1


def test_restart(stores: Stores) -> None:
    """After a kill what was not acknowledged is there, once, and new lines come behind."""
    _fill(stores.store, range(8))
    first = _take(stores)
    store = stores.restart()
    assert store.rows == 8 - len(first)
    assert not stores.losses
    _fill(store, range(8, 12))
    assert [*first, *_all(stores)] == list(range(12))


def test_nothing_left(stores: Stores) -> None:
    """When all was acknowledged before a kill nothing is read again, and no file stays."""
    _fill(stores.store, range(8))
    _all(stores)
    store = stores.restart()
    assert store.next_unread() is None
    assert not stores.losses
    store.remove(store.gone)
    assert store.folder.numbers() == []


def test_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go when there is no room; their number is exact, also of a segment of which a part was acknowledged."""
    monkeypatch.setattr(limits, "SPOOL_SEGMENT_BYTES", 1_000)
    stores = Stores(tmp_path / "spool", bytes_max=5_000)
    store = stores.open()
    _fill(store, range(2))
    assert _take(stores) == [0, 1]
    _fill(store, range(2, 40))
    assert store.bytes <= 5_000
    (gap,) = stores.losses.gaps
    rest = _all(stores)
    assert rest == list(range(40 - len(rest), 40))
    assert gap.lost == stores.counters.dropped == 38 - len(rest)
    assert gap.cause == "spool_full"
    assert gap.until_us == 1_000 * rest[0]


def test_full_while_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way is not dropped: the next ones are, and a restart knows which."""
    monkeypatch.setattr(limits, "SPOOL_SEGMENT_BYTES", 1_000)
    stores = Stores(tmp_path / "spool", bytes_max=5_000)
    store = stores.open()
    _fill(store, range(6))
    segment, place = stores.read()
    _fill(store, range(6, 40))
    assert store.segments[0].number == segment.number
    assert store.dropped[0] == segment.number + 1
    store = stores.restart()
    assert [gap.lost for gap in stores.losses.gaps] == [40 - store.rows]
    rest = _all(stores)
    assert rest[:3] == [0, 1, 2]
    assert rest[3:] == list(range(43 - len(rest), 40))
    assert place == Place(1, form.FILE_HEADER_BYTES, 0, 1_000)


def test_many_segments(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are bounded in number too: an agent that starts again and again makes a small one each time."""
    monkeypatch.setattr(limits, "SPOOL_SEGMENTS_MAX", 4)
    for number in range(12):
        _fill(stores.store, range(number, number + 1))
        stores.restart()
    assert len(stores.store.segments) <= 4
    assert stores.store.rows + sum(gap.lost or 0 for gap in stores.losses.gaps) == 12


def test_trim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that wait for the state to be synced go at once when the disk would hold more than it may."""
    monkeypatch.setattr(limits, "SPOOL_SEGMENT_BYTES", 1_000)
    stores = Stores(tmp_path / "spool", bytes_max=5_000)
    store = stores.open()
    _fill(store, range(4))
    _take(stores)
    store.trim()
    assert store.gone, "there is room: they wait"
    for number in range(4, 60):
        _fill(store, range(number, number + 1))
        store.trim()
        assert sum(each.stat().st_size for each in (tmp_path / "spool").glob("*.segment")) <= 5_000 + 2 * 1_000


def test_too_old(stores: Stores) -> None:
    """A segment goes when its last line is older than a week, counted."""
    _fill(stores.store, range(6), at_s=0.0)
    _fill(stores.store, range(6, 8), at_s=HOUR_S)
    stores.store.tend(AGE_S_MAX + 1)
    assert [gap.lost for gap in stores.losses.gaps] == [6]
    assert _all(stores) == [6, 7]


def test_ends_by_age(stores: Stores) -> None:
    """A segment that is written to for an hour is ended, so that age can be judged."""
    _fill(stores.store, range(1))
    stores.store.tend(HOUR_S - 1)
    assert stores.store.active is not None
    stores.store.tend(HOUR_S + 1)
    assert stores.store.active is None
    assert _all(stores) == [0]


@pytest.mark.parametrize("years", [50, -50])
def test_wrong_clock(stores: Stores, years: int) -> None:
    """A start with a clock that is decades wrong drops nothing before there was time to send it."""
    _fill(stores.store, range(4))
    store = stores.restart(now_us=max(0, 1_000 + years * 365 * 86_400 * 1_000_000), now_s=100.0)
    store.tend(100.0 + limits.SPOOL_AGE_REPRIEVE_S - 1)
    assert not stores.losses
    assert _all(stores) == [0, 1, 2, 3]


def test_reprieve_ends(stores: Stores) -> None:
    """What really is too old goes when it was not sent within the time after the start."""
    _fill(stores.store, range(4))
    store = stores.restart(now_us=30 * 86_400 * 1_000_000, now_s=100.0)
    store.tend(100.0 + limits.SPOOL_AGE_REPRIEVE_S + 1)
    assert [gap.lost for gap in stores.losses.gaps] == [4]


def test_file_missing(stores: Stores) -> None:
    """A segment that should be there and is not is a gap without a number."""
    _fill(stores.store, range(8))
    stores.save()
    stores.kill()
    stores.store.folder.remove(2)
    stores.open()
    assert [(gap.cause, gap.lost) for gap in stores.losses.gaps] == [("unknown", None)]
    assert stores.counters.corrupt == 1
    assert _all(stores) == [0, 1, 2, 6, 7]


def test_all_missing(stores: Stores) -> None:
    """The same when every file has gone."""
    _fill(stores.store, range(4))
    stores.save()
    stores.kill()
    for number in (1, 2):
        stores.store.folder.remove(number)
    store = stores.open()
    assert [(gap.cause, gap.lost) for gap in stores.losses.gaps] == [("unknown", None)]
    _fill(store, range(4, 5))
    assert store.segments[0].number > 2
    assert _all(stores) == [4]


def test_state_missing(stores: Stores) -> None:
    """Without its state everything on disk is sent again, and a gap says that what had been lost before is not known."""
    _fill(stores.store, range(4))
    _take(stores)
    stores.kill()
    (stores.store.folder.path / "state").unlink()
    stores.open()
    assert [(gap.cause, gap.lost) for gap in stores.losses.gaps] == [("unknown", None)]
    assert _all(stores) == [0, 1, 2, 3]


def test_state_damaged(stores: Stores) -> None:
    """A damaged state may have held gaps that were not told, also when no report waits."""
    stores.save()
    stores.kill()
    (stores.store.folder.path / "state").write_bytes(b"nonsense" * 1_000)
    stores.open()
    assert [(gap.cause, gap.lost) for gap in stores.losses.gaps] == [("unknown", None)]


def test_unreadable_file(stores: Stores) -> None:
    """Something under a segment's name that is no file is passed over, and told."""
    _fill(stores.store, range(1))
    stores.save()
    stores.kill()
    (stores.store.folder.path / "0000000000000002.segment").mkdir()
    store = stores.open()
    assert _all(stores) == [0, -1_000]
    _fill(store, range(1, 2))
    assert _all(stores) == [1]


def test_no_room(disk: Disk) -> None:
    """Without room a write fails and changes nothing; with room it goes on in the same segment."""
    stores = Stores(disk.path / "spool")
    store = stores.open()
    store.write(chunk(0), 0.0)
    disk.fill(leave=1)
    with pytest.raises(OSError, match="No space"):
        store.write(chunk(1, padding=20_000), 0.0)
    disk.empty()
    store.write(chunk(2), 0.0)
    assert len(store.segments) == 1
    assert _all(stores) == [0, 2]


def test_no_room_for_seal(disk: Disk) -> None:
    """A segment that is full stays open until there is room for its seal: after a kill nothing of it is in doubt."""
    stores = Stores(disk.path / "spool", bytes_max=limits.SPOOL_SEGMENT_BYTES_MIN)
    store = stores.open()
    up_to_a_page = 17 * 4_096 - form.FILE_HEADER_BYTES - form.HEADER_BYTES
    store.write(Chunk(b"x" * up_to_a_page, 1, 9, 9), 0.0)
    disk.fill()
    with pytest.raises(OSError, match="No space"):
        store.write(chunk(2), 0.0)
    assert store.active is not None
    disk.empty()
    store.write(chunk(3), 0.0)
    stores.restart()
    assert not any(segment.torn for segment in stores.store.segments)


def test_broken_disk(stores: Stores) -> None:
    """After a fault that is no want of room the segment is left, and another one begun."""
    _fill(stores.store, range(1))
    active = stores.store.active
    assert active is not None
    active.close()
    with pytest.raises(OSError, match="Bad file") as error:
        _fill(stores.store, range(1, 2))
    assert error.value.errno == errno.EBADF
    _fill(stores.store, range(2, 3))
    assert len(stores.store.segments) == 2
    assert _all(stores) == [0, 2]


def test_unsynced(stores: Stores) -> None:
    """Synced is what was written before the last look and is still not acknowledged."""
    store = stores.store
    assert store.unsynced() == []
    _fill(store, range(2))
    assert store.unsynced() == []
    (found_one,) = store.unsynced()
    assert found_one == (store.segments[0], store.segments[0].end)
    found_one[0].synced = found_one[1]
    assert store.unsynced() == []
    _fill(store, range(2, 3))
    store.unsynced()
    _all(stores)
    assert store.unsynced() == []


def test_no_room_to_close(disk: Disk) -> None:
    """A store that is closed without room for a seal is found whole all the same."""
    stores = Stores(disk.path / "spool")
    store = stores.open()
    up_to_a_page = 4_096 - form.FILE_HEADER_BYTES - form.HEADER_BYTES
    store.write(Chunk(b"x" * up_to_a_page, 1, 9, 9), 0.0)
    disk.fill()
    store.close()
    stores.save()
    stores.kill()
    disk.empty()
    assert stores.open().rows == 1
    assert not stores.losses


def test_number_in_use(stores: Stores) -> None:
    """A number under which somebody left a file is passed over."""
    (stores.store.folder.path / "0000000000000001.segment").write_bytes(b"left behind")
    _fill(stores.store, range(2))
    assert stores.store.segments[0].number == 2
    assert _all(stores) == [0, 1]


def test_all_under_way(tmp_path: Path) -> None:
    """When nothing may go for it, what comes is written all the same: a spool of a wrong size still works."""
    stores = Stores(tmp_path / "spool", bytes_max=1)
    store = stores.open()
    _fill(store, range(1))
    stores.read()
    store.end_active()
    _fill(store, range(1, 2))
    assert store.rows == 2
