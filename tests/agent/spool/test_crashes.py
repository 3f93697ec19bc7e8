"""Properties: whatever happens in whatever order, nothing is lost uncounted and nothing acknowledged is new again."""

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtrail.agent import limits
from meshtrail.agent.spool import Spool
from tests.agent.spool.conftest import Disk
from tests.agent.spool.model import Damage, Life, gap_line, numbers

BYTES_MAX_WIDE, BYTES_MAX_NARROW = 100_000_000, 16_000
PUT = st.tuples(st.just("put"), st.integers(1, 40), st.sampled_from([0, 100, 1_000]))
OTHER = st.sampled_from([("deliver",), ("deliver",), ("send",), ("alive",), ("keep",), ("crash",), ("stop",)])
STEPS = st.lists(PUT | OTHER, max_size=40)
FULL_STEPS = st.lists(PUT | OTHER | st.sampled_from([("fill",), ("fill",), ("empty",)]), max_size=40)
DAMAGES = st.lists(
    st.tuples(st.sampled_from(["cut", "flip", "zero", "gone"]), st.integers(0, 1_000), st.floats(0, 1, exclude_max=True)),
    min_size=1, max_size=3,
)  # fmt: skip
Step = tuple[object, ...]
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small segments and batches; the keeper comes when it is called."""
    monkeypatch.setattr(limits, "SPOOL_SEGMENT_BYTES", 2_000)
    monkeypatch.setattr(limits, "BATCH_ROWS_MAX", 50)
    monkeypatch.setattr(limits, "SPOOL_SYNC_S", 3_600.0)


@pytest.fixture
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


def _live(life: Life, steps: list[Step], disk: Disk | None = None) -> None:
    for step in steps:
        life.tick()
        match step:
            case ("put", int(rows), int(padding)):
                life.put(rows, padding)
            case ("deliver",):
                life.send(answered=True)
            case ("send",):
                life.send(answered=False)
            case ("alive",):
                life.spool.alive(life.now_us)
            case ("keep",):
                life.spool.keep()
            case ("crash",):
                life.crash()
            case ("stop",):
                life.stop()
            case ("fill",):
                assert disk is not None
                disk.fill()
            case ("empty",):
                assert disk is not None
                disk.empty()


def _fresh(base: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=base))


def _damage(kind: str, which: int, share: float, *, state: bool) -> Damage:
    """Cut a file short, flip a byte, write zeros over its rest, or delete it."""

    def apply(folder: Path) -> None:
        segments = sorted(folder.glob("*.segment"))
        files = [folder / "state"] if state else segments
        if not files:
            return
        path = files[which % len(files)]
        content = bytearray(path.read_bytes())
        at = int(share * len(content))
        if kind == "gone":
            path.unlink()
            return
        if kind == "cut":
            del content[at:]
        elif kind == "zero":
            content[at:] = bytes(len(content) - at)
        elif content:
            content[at] ^= 0x5A
        path.write_bytes(content)

    return apply


WRITER = """
import sys
from pathlib import Path
from meshtrail.agent.spool import Spool
spool = Spool(Path(sys.argv[1]), lambda gap: b"{}")
spool.open(1)
number = 0
while True:
    spool.put([b'{"n":%d}' % each for each in range(number, number + 20)], number + 1)
    number += 20
    print(number, flush=True)
"""


@pytest.mark.parametrize("puts", [1, 50, 400])
def test_kill(tmp_path: Path, puts: int) -> None:
    """A real process is killed while it writes: everything that it put is there, in order, and nothing is in doubt."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(puts)]
    writer.kill()
    said += [int(number) for number in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    writer.stdout.close()
    spool = Spool(tmp_path / "spool", gap_line)
    spool.open(10**9)
    found: list[int] = []
    while (batch := spool.take()) is not None:
        assert not batch.gaps
        found += numbers(batch)
        spool.ack(batch)
    assert found == list(range(len(found)))
    assert len(found) - said[-1] in {0, 20}
    spool.close(10**9)


@CALM
@given(STEPS)
def test_no_loss(base: Path, steps: list[Step]) -> None:
    """Through crashes and restarts everything arrives, in order, and only what was not acknowledged is sent again."""
    life = Life(_fresh(base), BYTES_MAX_WIDE)
    _live(life, steps)
    life.drain()
    assert not life.missing
    assert not life.again
    assert not life.gaps
    assert not life.out_of_order
    assert (life.spool.rows, bool(life.spool)) == (0, False)
    life.spool.close(life.now_us)


@CALM
@given(STEPS)
def test_full(base: Path, steps: list[Step]) -> None:
    """With little room the oldest go; every one that is missing is counted in a gap of its time, once."""
    life = Life(_fresh(base), BYTES_MAX_NARROW)
    _live(life, steps)
    life.drain()
    assert len(life.missing) == life.told
    assert not life.uncertain
    assert all(gap.cause == "spool_full" for gap in life.gaps.values())
    assert all(life.is_told(number) for number in life.missing)
    assert not life.again
    assert not life.out_of_order
    life.spool.close(life.now_us)


@CALM
@given(FULL_STEPS)
def test_disk_full(disk: Disk, monkeypatch: pytest.MonkeyPatch, steps: list[Step]) -> None:
    """A disk that is full now and then: what waited in memory arrives, in order, or is told when a kill or a stop took it."""
    monkeypatch.setattr(limits, "SPOOL_RETRY_S", 0.0)
    disk.clear()
    with Life(disk.path, BYTES_MAX_WIDE) as life:
        _live(life, steps, disk)
        disk.empty()
        life.drain()
        if ("crash",) not in steps:  # what a lost answer was about may have arrived, and counts as lost all the same
            assert len(life.missing) <= life.told <= len(life.missing) + len(life.sent - life.acknowledged)
        assert all(life.is_told(number) for number in life.missing)
        assert not life.again
        assert not life.out_of_order
        assert life.spool.rows == 0


@CALM
@given(STEPS, st.integers(0, 10**6), STEPS)
def test_power_cut(base: Path, before: list[Step], seed: int, after: list[Step]) -> None:
    """A power cut costs what was not synced, and that is told; what was acknowledged may come again."""
    chance = random.Random(seed)
    with Life(_fresh(base), BYTES_MAX_WIDE) as life:
        _live(life, before)
        safe = life.safe
        life.power_cut(chance)
        _live(life, after)
        life.power_cut(chance)
        life.drain()
        assert all(life.is_told(number) for number in life.missing)
        assert not life.missing & safe
        assert not life.out_of_order


@CALM
@given(STEPS, DAMAGES, STEPS)
def test_damaged_segments(base: Path, before: list[Step], damages: list[tuple[str, int, float]], after: list[Step]) -> None:
    """Segments are cut, changed, zeroed and deleted: what can be read arrives, what is missing is told, nothing comes twice."""
    life = Life(_fresh(base), BYTES_MAX_WIDE)
    _live(life, before)
    for kind, which, share in damages:
        life.crash(_damage(kind, which, share, state=False))
    _live(life, after)
    life.drain()
    assert all(life.is_told(number) for number in life.missing)
    assert life.uncertain or life.told <= len(life.put_at)
    assert not life.again
    assert not life.out_of_order
    life.spool.close(life.now_us)


@pytest.mark.parametrize(("rows", "share"), [(1, 0.0), (2, 0.5)])
def test_end_lost_twice(base: Path, rows: int, share: float) -> None:
    """A torn end that is cut off once more before the server was told of it is told all the same."""
    life = Life(_fresh(base), BYTES_MAX_WIDE)
    _live(life, [("put", rows, 0), ("deliver",), ("put", 1, 0)])
    life.crash(_damage("cut", 0, 0.75, state=False))
    life.crash(_damage("cut", 0, share, state=False))
    life.drain()
    assert life.missing == {rows}
    assert life.is_told(rows)
    assert life.uncertain
    life.spool.close(life.now_us)


@CALM
@given(STEPS, DAMAGES, STEPS)
def test_damaged_state(base: Path, before: list[Step], damages: list[tuple[str, int, float]], after: list[Step]) -> None:
    """Without its state the spool sends again what it has: the server recognises it, and nothing is lost but by a gap."""
    life = Life(_fresh(base), BYTES_MAX_NARROW)
    _live(life, before)
    for kind, which, share in damages:
        life.crash(_damage(kind, which, share, state=True))
    _live(life, after)
    life.drain()
    assert all(life.is_told(number) for number in life.missing)
    life.spool.close(life.now_us)
