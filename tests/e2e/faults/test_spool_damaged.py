"""Damage in the spool, between two runs of the agent: it starts, says and counts what is lost, tells the server by gaps, and delivers
the rest."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zstandard

from meshtrail.agent.spool import form
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.netns import Pair, until
from tests.e2e.faults.real_server import RealServer
from tests.e2e.faults.witness import FAR, burst, connect, survives

pytestmark = [pytest.mark.netns, pytest.mark.slow]
SPOOL_BYTES = 700_000
"""Eight segments of 87,500 bytes, each some four thousand reports."""
SEGMENTS = 5
NOBODY = "http://127.0.0.1:1"


def _flip(path: Path) -> None:
    """A bit here and there, in the middle of the file."""
    chance = random.Random(3)
    content = bytearray(path.read_bytes())
    for _ in range(3):
        content[chance.randrange(len(content) // 3, len(content) // 2)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _zeros(path: Path) -> None:
    """A block that the disk gave back as zeros."""
    content = bytearray(path.read_bytes())
    content[8_192:16_384] = bytes(8_192)
    path.write_bytes(content)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _foreign(path: Path) -> None:
    path.write_bytes(random.Random(4).randbytes(50_000))


DAMAGES: tuple[Callable[[Path], None], ...] = (_flip, _cut, _foreign, _zeros)


def _rows(path: Path) -> Iterator[dict[str, object]]:
    """The reports of a segment that is whole."""
    data, number = path.read_bytes(), int(path.name.split(".")[0])
    at = form.FILE_HEADER_BYTES
    while (header := form.header_at(data, at, number)) is not None and not header.seal:
        begin = at + form.HEADER_BYTES
        at = begin + header.size
        yield from map(msgspec.json.decode, zstandard.ZstdDecompressor().decompress(data[begin:at]).split(b"\n"))


def _ports(rows: list[dict[str, object]]) -> set[object]:
    return {row["destination_port"] for row in rows if row.get("protocol") == 17 and row.get("destination_address") == FAR}


def _segments(state: Path) -> list[Path]:
    return sorted((state / "spool").glob("*.segment"))


def _size(state: Path) -> int:
    return sum(path.stat().st_size for path in _segments(state))


def _fill(pair: Pair, state: Path) -> None:
    """Connections, a thousand at a time, until there are segments enough."""
    for number in range(60):
        before = _size(state)
        burst(pair.near, 1_000, first_port=1_000 + 1_000 * number)
        until(lambda before=before: _size(state) > before, "the reports are on disk")  # type: ignore[misc]
        if len(_segments(state)) > SEGMENTS:
            return
    raise AssertionError("there are too few segments")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_damaged_segments(pair: Pair, real: RealServer, launch: Launch, tmp_path: Path, number: int) -> None:
    """Flipped bits, a torn half, a file of something else, zeros: each is a gap, and every other segment arrives as a whole."""
    state = tmp_path / "state"
    first = launch("--spool-bytes-max", str(SPOOL_BYTES), server=NOBODY).ready()
    _fill(pair, state)
    first.stop(number)
    pair.near.run("conntrack", "-F")
    segments = _segments(state)
    whole = segments[len(DAMAGES) :]
    expected = _ports([row for path in whole for row in _rows(path)])
    all_ports = expected | _ports([row for path in segments[: len(DAMAGES)] for row in _rows(path)])
    assert len(expected) > 1_000
    for damage, path in zip(DAMAGES, segments, strict=False):
        damage(path)
    (state / "spool" / "notes.txt").write_text("not ours")
    (state / "spool" / "1.segment").write_bytes(b"nor this")

    token = tmp_path / "token-of-the-server"
    token.write_text(real.server.token, encoding="ascii")
    agent = launch("--token-file", str(token), server=real.url).ready()
    real.wait_for(destination_port=connect(pair), state="closed", timeout_s=40)
    for path in segments[: len(DAMAGES)]:
        assert f"{path} is damaged in " in agent.text()
    delivered = _ports(real.rows(protocol=17))
    assert expected <= delivered
    gaps = real.rows(state="gap", gap_cause="unknown")
    assert len(gaps) >= len(DAMAGES)
    assert any(gap["gap_lost"] is None for gap in gaps), "of what was cut off nobody knows how much it was"
    assert 0 < sum(gap["gap_lost"] or 0 for gap in gaps) <= len(all_ports - delivered) + 100
    assert real.rows(state="gap", gap_cause="restart")
    assert (state / "spool" / "notes.txt").read_text() == "not ours"
    assert agent.stop() == 0
    assert agent.counters()["reports_corrupt"] >= len(DAMAGES)
    assert agent.counters()["reports_corrupt_rows"] == sum(gap["gap_lost"] or 0 for gap in gaps)


@pytest.mark.parametrize("damage", [_flip, _foreign, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_damaged_state(pair: Pair, near_server: FakeServer, launch: Launch, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Without the file that says what was sent, all that is on disk is sent: rather twice than not at all."""
    first = launch(server=NOBODY).ready()
    ports = [connect(pair) for _ in range(5)]
    until(lambda: len([row for path in _segments(tmp_path / "state") for row in _rows(path)]) >= 10, "the reports are on disk")
    first.stop(signal.SIGKILL)
    damage(tmp_path / "state" / "spool" / "state")
    agent = launch().ready()
    for port in ports:
        near_server.wait_for(destination_port=port, state="closed")
    near_server.wait_for(state="gap")
    survives(pair, near_server)
    assert agent.stop() == 0
    assert agent.counters()["reports_dropped"] == 0
