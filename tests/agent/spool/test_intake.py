"""The way in: to the disk, or to memory while the disk takes nothing."""

from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool.intake import Intake
from meshtrail.agent.spool.reader import Reader
from tests.agent.spool.conftest import Disk
from tests.agent.spool.parts import Stores, chunk, found


class Clock:
    """A monotonic clock that is moved by the test."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now_s


def _intake(stores: Stores, clock: Clock) -> Intake:
    return Intake(stores.open, stores.losses, stores.counters, clock)


def _on_disk(stores: Stores) -> list[int]:
    numbers = []
    while stores.store.next_unread() is not None:
        piece = Reader(lambda _: b'{"n":-1}').read(*stores.read(), 10_000)
        stores.store.confirm(piece.end)
        numbers += found(piece.texts)
    return numbers


def test_to_disk(tmp_path: Path) -> None:
    """Chunks go to the disk, and memory stays empty."""
    stores = Stores(tmp_path / "spool")
    intake = _intake(stores, Clock())
    intake.open()
    intake.put(chunk(1, 2))
    intake.put(chunk(3))
    assert (intake.rows, intake.memory.rows) == (3, 0)
    assert _on_disk(stores) == [1, 2, 3]


def test_disk_full_and_back(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    """While the disk is full chunks wait in memory; when it has room again all are there, in order, none lost."""
    clock, stores = Clock(), Stores(disk.path / "spool")
    intake = _intake(stores, clock)
    intake.open()
    intake.put(chunk(0))
    disk.fill()
    for number in range(1, 10):
        intake.put(chunk(number, padding=3_000))
    waiting = intake.memory.rows
    assert waiting >= 6
    assert intake.rows == 10
    assert "reports wait in memory" in caplog.text
    assert len(caplog.records) == 1, "said once, not with every put"
    disk.empty()
    intake.put(chunk(10))
    assert intake.memory.rows == waiting + 1, "the disk is left alone for a while"
    clock.now_s += limits.SPOOL_RETRY_S
    intake.put(chunk(11))
    assert intake.memory.rows == 0
    assert "writes again" in caplog.text
    assert _on_disk(stores) == list(range(12))
    assert stores.counters.dropped == 0


def test_partly_back(disk: Disk) -> None:
    """When room comes back for a part only, that part goes and the rest waits on, in order."""
    clock, stores = Clock(), Stores(disk.path / "spool")
    intake = _intake(stores, clock)
    intake.open()
    disk.fill()
    for number in range(10):
        intake.put(chunk(number, padding=10_000))
    disk.empty()
    disk.fill(leave=8)
    clock.now_s += limits.SPOOL_RETRY_S
    intake.retry()
    assert 0 < intake.memory.rows < 10
    disk.empty()
    clock.now_s += limits.SPOOL_RETRY_S
    intake.retry()
    assert _on_disk(stores) == list(range(10))
    assert stores.counters.write_errors >= 2


def test_memory_full(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When memory is full too the oldest in it go, counted exactly, and a gap of their time tells it."""
    monkeypatch.setattr(limits, "SPOOL_MEMORY_BYTES_MAX", 20_000)
    clock, stores = Clock(), Stores(disk.path / "spool")
    intake = _intake(stores, clock)
    intake.open()
    disk.fill()
    for number in range(40):
        intake.put(chunk(number, at_us=1_000 + number, padding=4_000))
    disk.empty()
    clock.now_s += limits.SPOOL_RETRY_S
    intake.retry()
    numbers = _on_disk(stores)
    (gap,) = stores.losses.gaps
    assert gap.lost == 40 - len(numbers) == stores.counters.dropped > 0
    assert numbers[-1] == 39
    missing = sorted(set(range(40)) - set(numbers))
    assert (gap.since_us, gap.until_us) == (1_000 + missing[0], 1_000 + missing[-1])


def test_folder_comes_late(tmp_path: Path) -> None:
    """A folder that cannot be opened at first is tried again; what came meanwhile gets into it."""
    (tmp_path / "spool").write_text("in the way")
    clock, stores = Clock(), Stores(tmp_path / "spool")
    intake = _intake(stores, clock)
    with pytest.raises(OSError, match="exists"):
        intake.open()
    intake.fault(OSError("told by who opened it"))
    intake.put(chunk(1))
    assert (intake.store, intake.rows) == (None, 1)
    (tmp_path / "spool").unlink()
    clock.now_s += limits.SPOOL_RETRY_S
    intake.put(chunk(2))
    assert _on_disk(stores) == [1, 2]


def test_end(tmp_path: Path) -> None:
    """At the end memory goes to the disk, also what was on its way."""
    stores = Stores(tmp_path / "spool")
    intake = _intake(stores, Clock())
    intake.memory.put(chunk(1))
    intake.memory.put(chunk(2))
    intake.memory.take(1)
    assert intake.end() == 0
    assert _on_disk(stores) == [1, 2]


def test_end_without_disk(tmp_path: Path) -> None:
    """What the disk does not take at the end is lost with the process: counted, and a gap if that can be written."""
    (tmp_path / "spool").write_text("in the way")
    stores = Stores(tmp_path / "spool")
    intake = _intake(stores, Clock())
    intake.put(chunk(1, 2, at_us=7))
    assert intake.end() == 2
    assert intake.rows == 0
    assert [(gap.lost, gap.since_us) for gap in stores.losses.gaps] == [(2, 7)]
