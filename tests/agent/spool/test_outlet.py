"""The way out: batches from the disk, then from memory."""

import threading
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool.batch import Batch
from meshtrail.agent.spool.bounds import Counters
from meshtrail.agent.spool.intake import Intake
from meshtrail.agent.spool.outlet import Outlet
from meshtrail.agent.spool.state import Gap
from tests.agent.spool.parts import Stores, chunk, found
from tests.agent.spool.test_reader import _no_more_files

GAP = Gap("spool_full", 1, 2, 5, "a-gap")


class Way:
    """A way in and a way out."""

    def __init__(self, path: Path) -> None:
        self.stores = Stores(path)
        self.counters = Counters()
        self.intake = Intake(self.stores.open, self.stores.losses, self.counters)
        self.intake.open()
        self.outlet = Outlet(self.intake, threading.Lock(), lambda gap: b'{"n":%d}' % -(gap.lost or 1_000), self.counters)

    def confirm(self, batch: Batch) -> None:
        """It has arrived."""
        self.stores.store.confirm(batch.end or self.stores.store.place)
        self.intake.memory.remove_taken()


@pytest.fixture
def way(tmp_path: Path) -> Way:
    """An empty spool."""
    return Way(tmp_path / "spool")


def _numbers(batch: Batch | None) -> list[int]:
    assert batch is not None
    assert batch.rows == len(batch.lines())
    return found(batch.lines())


def test_nothing(way: Way) -> None:
    """Of an empty spool there is no batch."""
    assert way.outlet.take(()) is None


def test_joined(way: Way) -> None:
    """Small records leave together, in order, as one frame."""
    for number in range(5):
        way.intake.put(chunk(number))
    batch = way.outlet.take(())
    assert _numbers(batch) == [0, 1, 2, 3, 4]
    assert batch is not None
    assert not batch.more


def test_as_it_stands(way: Way) -> None:
    """A lone record leaves as it stands on the disk."""
    way.intake.put(chunk(1, 2))
    batch = way.outlet.take(())
    assert batch is not None
    assert batch.body == chunk(1, 2).payload


def test_gaps_first(way: Way) -> None:
    """Gaps stand before the reports, and count towards the batch."""
    way.intake.put(chunk(1, 2))
    batch = way.outlet.take((GAP,))
    assert _numbers(batch) == [-5, 1, 2]
    assert batch is not None
    assert batch.gaps == (GAP,)


def test_gap_alone(way: Way) -> None:
    """A gap leaves without a report too."""
    assert _numbers(way.outlet.take((GAP,))) == [-5]


def test_rows(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch has as many lines as a request may have, and says that there is more."""
    monkeypatch.setattr(limits, "BATCH_ROWS_MAX", 4)
    for number in range(0, 9, 3):
        way.intake.put(chunk(number, number + 1, number + 2))
    taken = []
    for _ in range(3):
        batch = way.outlet.take(())
        assert batch is not None
        taken.append((_numbers(batch), batch.more))
        way.confirm(batch)
    assert taken == [([0, 1, 2], True), ([3, 4, 5], True), ([6, 7, 8], False)]
    assert way.outlet.take(()) is None


def test_memory_after_disk(way: Way) -> None:
    """What waits in memory is newer than what is on the disk, and follows it."""
    way.intake.put(chunk(1))
    way.intake.memory.put(chunk(2))
    way.intake.memory.put(chunk(3))
    first = way.outlet.take(())
    assert first is not None
    assert (_numbers(first), first.more) == ([1], True)
    way.confirm(first)
    second = way.outlet.take(())
    assert second is not None
    assert (_numbers(second), second.more, second.end) == ([2, 3], False, None)
    way.confirm(second)
    assert way.intake.rows == 0


def test_damage_is_said(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    """Damage is counted and logged with the file's name."""
    way.intake.put(chunk(1, 2))
    way.intake.put(chunk(3))
    path = way.stores.store.segments[0].path
    content = bytearray(path.read_bytes())
    content[90] ^= 1
    path.write_bytes(content)
    assert _numbers(way.outlet.take(())) == [-2, 3]
    assert (way.counters.corrupt, way.counters.corrupt_rows) == (1, 2)
    assert str(path) in caplog.text


def test_file_gone(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    """A file that cannot be read is counted and logged, its lines are a gap, and the way goes on behind it."""
    way.intake.put(chunk(1, 2))
    way.stores.store.end_active()
    way.intake.put(chunk(3))
    way.stores.store.segments[0].path.unlink()
    first = way.outlet.take(())
    assert first is not None
    assert _numbers(first) == [-2]
    way.confirm(first)
    assert _numbers(way.outlet.take(())) == [3]
    assert way.counters.read_errors == 1
    assert "No such file" in caplog.text


def test_passing_fault(way: Way) -> None:
    """When no file can be opened for the moment the batch is there at the next attempt."""
    way.intake.put(chunk(1))
    with _no_more_files(), pytest.raises(OSError, match="Too many"):
        way.outlet.take(())
    assert _numbers(way.outlet.take(())) == [1]
