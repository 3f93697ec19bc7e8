"""The spool as the agent sees it."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool import Batch, Spool, SpoolLockedError
from tests.agent.spool.conftest import Disk
from tests.agent.spool.model import gap_line, line, numbers

SECOND_US = 1_000_000


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keeper comes when it is called."""
    monkeypatch.setattr(limits, "SPOOL_SYNC_S", 3_600.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The spool's folder."""
    return tmp_path / "spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    """An open spool."""
    made = _open(path)
    yield made
    made.close(99)


def _open(path: Path, now_us: int = 1, bytes_max: int = limits.SPOOL_BYTES_MAX) -> Spool:
    made = Spool(path, gap_line, bytes_max=bytes_max)
    made.open(now_us)
    return made


def _lines(*wanted: int) -> list[bytes]:
    return [line(number) for number in wanted]


def _noise(number: int, size: int = 8_000) -> bytes:
    """A line that does not compress below half."""
    return b'{"n":%d,"x":"%s"}' % (number, random.Random(number).randbytes(size // 2).hex().encode())


def _drained(spool: Spool) -> tuple[list[int], list[int | None]]:
    """Everything, and what its gaps say is lost."""
    found: list[int] = []
    lost: list[int | None] = []
    while (batch := spool.take()) is not None:
        found += numbers(batch)
        lost += [gap.lost for gap in batch.gaps]
        spool.ack(batch)
    return found, lost


def test_put_take_ack(spool: Spool) -> None:
    """What was put is taken in order; it counts as waiting until it is acknowledged."""
    assert spool.take() is None
    assert not spool
    spool.put(_lines(1, 2), 10)
    spool.put(_lines(3), 20)
    batch = spool.take()
    assert batch is not None
    assert numbers(batch) == [1, 2, 3]
    assert (spool.rows, bool(spool)) == (3, True)
    spool.ack(batch)
    assert (spool.rows, bool(spool)) == (0, False)
    assert spool.counters.queued == 3


def test_same_until_acknowledged(spool: Spool) -> None:
    """The batch stays the same until it is acknowledged, whatever comes meanwhile; only it can be."""
    spool.put(_lines(1), 10)
    batch = spool.take()
    spool.put(_lines(2), 20)
    assert spool.take() is batch
    with pytest.raises(AssertionError):
        spool.ack(Batch(1, b""))


def test_oldest(spool: Spool) -> None:
    """The age of the oldest report that waits."""
    assert spool.oldest_s(5 * SECOND_US) == 0.0
    spool.put(_lines(1), 2 * SECOND_US)
    assert spool.oldest_s(5 * SECOND_US) == 3.0
    assert spool.oldest_s(SECOND_US) == 0.0, "the clock was set back"


def test_last_alive(path: Path) -> None:
    """The next agent knows when this one was last alive: at its last report, or its last sign of life."""
    first = _open(path, 10)
    assert first.last_alive_us is None
    first.put(_lines(1), 70)
    first.close(80)
    second = _open(path, 100)
    assert second.last_alive_us == 80
    second.alive(200)
    second.close(200)
    third = _open(path, 300)
    assert third.last_alive_us == 200
    third.close(300)


def test_memory_is_not_alive(disk: Disk) -> None:
    """What is in memory only is lost by a kill: the next agent says that nobody looked from its first report on."""
    spool = _open(disk.path / "spool")
    spool.put(_lines(1), 10)
    disk.fill()
    for number in range(2, 5):
        spool.put([_noise(number)], 10 * number)
    spool.alive(90)
    state = (disk.path / "spool" / "state").read_bytes()
    segments = {each.name: each.read_bytes() for each in (disk.path / "spool").glob("*.segment")}
    disk.empty()
    spool.close(95)
    copy = disk.path / "copy"
    copy.mkdir()
    (copy / "state").write_bytes(state)
    for name, content in segments.items():
        (copy / name).write_bytes(content)
    following = _open(copy, 100)
    waiting, _ = _drained(following)
    assert following.last_alive_us is not None
    assert following.last_alive_us <= 10 * (waiting[-1] + 1)
    following.close(110)


def test_disk_full_to_the_end(disk: Disk) -> None:
    """A disk that is full until the agent stops: what is lost with the process is told by the next one, counted."""
    spool = _open(disk.path / "spool")
    spool.put(_lines(1), 10)
    disk.fill()
    for number in range(2, 8):
        spool.put([_noise(number)], 10 * number)
    lost = spool.close(90)
    assert lost >= 5
    disk.empty()
    following = _open(disk.path / "spool", 100)
    found, told = _drained(following)
    assert found == list(range(1, 8 - lost))
    assert told == [lost]
    following.close(110)


def test_folder_late(path: Path) -> None:
    """A folder that cannot be opened at the start is opened later: old and new reports are sent, and the time between as a gap."""
    before = _open(path, 10)
    before.put(_lines(1), 20)
    before.close(30)
    path.rename(path.with_name("aside"))
    path.write_text("in the way")
    clock = [100.0]
    spool = Spool(path, gap_line, monotonic=lambda: clock[0])
    spool.open(500)
    assert spool.last_alive_us is None
    spool.put(_lines(2), 600)
    assert spool.rows == 1
    path.unlink()
    path.with_name("aside").rename(path)
    clock[0] += limits.SPOOL_RETRY_S
    spool.keep()
    batch = spool.take()
    assert batch is not None
    assert numbers(batch) == [1]
    assert [(gap.cause, gap.since_us, gap.until_us, gap.lost) for gap in batch.gaps] == [("restart", 30, 500, None)]
    spool.ack(batch)
    assert _drained(spool) == ([2], [])
    spool.close(700)


def test_locked(path: Path, spool: Spool) -> None:
    """A second agent is refused and changes nothing."""
    spool.put(_lines(1), 10)
    with pytest.raises(SpoolLockedError):
        _open(path)
    assert _drained(spool) == ([1], [])


def test_line_too_large(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that no request can carry is lost, counted and told; those beside it are not."""
    monkeypatch.setattr(limits, "SPOOL_CHUNK_BYTES_MAX", 1_000)
    monkeypatch.setattr(limits, "BATCH_BYTES_MAX", 5_000)
    spool.put([line(1), _noise(2), line(3)], 10)
    assert spool.counters.dropped == 1
    assert _drained(spool) == ([1, 3], [1])


def test_large_put(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A put that is larger than a request is divided."""
    monkeypatch.setattr(limits, "BATCH_ROWS_MAX", 10)
    spool.put(_lines(*range(95)), 10)
    batch = spool.take()
    assert batch is not None
    assert 0 < batch.rows <= 10
    assert _drained(spool) == (list(range(95)), [])


def test_empty_put(spool: Spool) -> None:
    """Nothing is nothing."""
    spool.put([], 10)
    assert spool.rows == 0
    assert spool.take() is None


def test_full(path: Path) -> None:
    """When it is full the oldest go; gap and rest are all that was put, also after a kill in between."""
    spool = _open(path, bytes_max=600_000)
    for number in range(200):
        spool.put([_noise(number)], number + 1)
    assert spool.size <= 600_000
    batch = spool.take()
    assert batch is not None
    spool.ack(batch)
    for number in range(200, 300):
        spool.put([_noise(number)], number + 1)
    found, lost = _drained(spool)
    assert all(each is not None for each in lost)
    total = sum(each or 0 for each in (*lost, *(gap.lost for gap in batch.gaps)))
    assert len(found) + len(numbers(batch)) + total == 300
    assert spool.counters.dropped == total
    spool.close(400)


def test_keep_deletes(path: Path, spool: Spool) -> None:
    """Files of what is acknowledged go with the next round of the keeper."""
    for number in range(200):
        spool.put([_noise(number, 100_000)], number + 1)
    assert len(list(path.glob("*.segment"))) > 1
    _drained(spool)
    spool.keep()
    assert len(list(path.glob("*.segment"))) <= 1


def test_keep_without_disk(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot be synced is counted and said, and tried again; nothing is deleted meanwhile."""
    spool.put(_lines(1), 10)
    spool.keep()
    store = spool._intake.store
    assert store is not None
    path, store.folder.path = store.folder.path, store.folder.path / "nowhere"
    store.segments[0].path = path / "lock" / "no-folder"
    spool.keep()
    assert spool.counters.sync_errors == 1
    assert store.segments[0].synced == 0
    store.folder.path = path
    store.segments[0].path = path / "0000000000000001.segment"
    spool.keep()
    assert spool.counters.sync_errors == 1
    assert store.segments[0].synced == store.segments[0].end


def test_two_threads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread puts while another takes: all arrive, once, in order, while the keeper comes round."""
    monkeypatch.setattr(limits, "SPOOL_SYNC_S", 0.001)
    spool, total = _open(path, bytes_max=50_000_000), 20_000
    done = threading.Event()

    def put() -> None:
        for number in range(0, total, 20):
            spool.put(_lines(*range(number, number + 20)), number)
        done.set()

    thread = threading.Thread(target=put)
    thread.start()
    found: list[int] = []
    while not done.is_set() or spool:
        batch = spool.take()
        if batch is not None:
            found += numbers(batch)
            spool.ack(batch)
    thread.join()
    assert found == list(range(total))
    assert spool.close(total) == 0


def test_state_damaged(path: Path) -> None:
    """A damaged state is counted; what is on disk is sent again, after a gap that says that losses may have been forgotten."""
    spool = _open(path)
    spool.put(_lines(1, 2), 10)
    spool.close(20)
    (path / "state").write_bytes(b"nonsense")
    following = _open(path, 30)
    assert following.counters.read_errors == 1
    assert _drained(following) == ([1, 2], [None])
    following.close(40)


def test_state_not_written(spool: Spool) -> None:
    """A state that cannot be written is counted, and stops nothing."""
    store = spool._intake.store
    assert store is not None
    file, store.folder.state._file = store.folder.state._file, -1
    spool.put(_lines(1), 10)
    spool.alive(20)
    assert _drained(spool) == ([1], [])
    assert spool.counters.write_errors == 2
    store.folder.state._file = file
