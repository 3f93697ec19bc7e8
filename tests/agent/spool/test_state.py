"""The state's file: whatever happens while it is written, one state can be read."""

import itertools
from pathlib import Path

import pytest

from meshtrail.agent.spool.state import SLOT_BYTES, Gap, Place, State, StateFile


def _state(number: int, gaps: int = 0) -> State:
    lost = [Gap("spool_full", 1, 2, None if each % 2 else each, f"gap-{each}") for each in range(gaps)]
    return State(Place(number, 32, 5, 6), Place(number, 99, 7, 8), 1_000 + number, lost, (number, number + 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "state"


def _reopened(path: Path) -> State | None:
    file = StateFile(path)
    file.close()
    return file.found


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_new(path: Path) -> None:
    """A new file has no state and is not damaged; its room on the disk is taken at once."""
    file = StateFile(path)
    assert (file.found, file.damaged_us) == (None, 0)
    assert path.stat().st_size == 2 * SLOT_BYTES
    assert path.stat().st_blocks * 512 >= 2 * SLOT_BYTES
    file.close()


def test_round_trip(path: Path) -> None:
    """The last state that was saved is found, synced or not."""
    file = StateFile(path)
    for number in range(5):
        file.save(_state(number, gaps=number))
        if number % 2:
            file.sync()
    file.close()
    assert _reopened(path) == _state(4, gaps=4)


def test_alternates(path: Path) -> None:
    """What was synced is not written over before a later state is synced: a torn write costs only what came after."""
    file = StateFile(path)
    file.save(_state(1))
    file.sync()
    synced = path.read_bytes()
    for number in (2, 3, 4):
        file.save(_state(number))
    file.close()
    written = path.read_bytes()
    changed = [at for at, (before, now) in enumerate(zip(synced, written, strict=True)) if before != now]
    assert min(changed) // SLOT_BYTES == max(changed) // SLOT_BYTES


def test_torn_in_every_place(path: Path) -> None:
    """Wherever the writing of a state ended, the file has the old or the new one."""
    file = StateFile(path)
    file.save(_state(1))
    file.sync()
    before = path.read_bytes()
    file.save(_state(2))
    file.close()
    after = path.read_bytes()
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    for at in itertools.chain(changed, [max(changed) + 1]):
        path.write_bytes(after[:at] + before[at:])
        assert _reopened(path) == (_state(2) if at > max(changed) else _state(1))


@pytest.mark.parametrize("at", [0, 9, 17, 21, 40])
def test_damaged_slot(path: Path, at: int) -> None:
    """A damaged slot leaves the other one."""
    file = StateFile(path)
    file.save(_state(1))
    file.sync()
    slot = 0 if path.read_bytes()[0] else 1
    file.save(_state(2))
    file.close()
    _flip(path, (1 - slot) * SLOT_BYTES + at)
    assert _reopened(path) == _state(1)


def test_damaged(path: Path) -> None:
    """When both are damaged nothing is found, and it is known when that file was written last."""
    file = StateFile(path)
    file.save(_state(1))
    file.sync()
    file.save(_state(2))
    file.close()
    path.write_bytes(b"\xff" * 2 * SLOT_BYTES)
    again = StateFile(path)
    assert again.found is None
    assert again.damaged_us == path.stat().st_mtime_ns // 1_000
    again.save(_state(3))
    again.close()
    assert _reopened(path) == _state(3)


def test_cut_short(path: Path) -> None:
    """A file that was cut short is read as far as it goes, and gets its length back."""
    file = StateFile(path)
    file.save(_state(1))
    file.sync()
    file.save(_state(2))
    file.close()
    first = path.read_bytes()[:SLOT_BYTES]
    path.write_bytes(first)
    assert _reopened(path) in (_state(1), _state(2))
    assert path.stat().st_size == 2 * SLOT_BYTES


def test_too_large(path: Path) -> None:
    """A state that does not fit is refused, and the one before stays."""
    file = StateFile(path)
    file.save(_state(1))
    with pytest.raises(OSError, match="does not fit"):
        file.save(_state(2, gaps=2_000))
    file.close()
    assert _reopened(path) == _state(1)
