"""The agent's disk is full: reports wait in memory, what finds no room there is counted and told, and the disk is used again when it
has room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.service import Agent
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer, Scripted
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import Pair, until
from tests.e2e.faults.witness import burst, connect, gaps, in_force, survives, turns

pytestmark = [pytest.mark.netns, pytest.mark.slow]
DISK_KB = 1_024


class Disk:
    """A small disk, and what fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave not a byte."""
        free = os.statvfs(self.folder)
        with self._ballast.open("ab", buffering=0) as file:
            left = free.f_bavail * free.f_frsize
            while left > 0:
                left -= file.write(b"x" * min(left, 65_536))

    def free(self) -> None:
        """Make room."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path, namespaces: None) -> Iterator[Disk]:
    """A tmpfs where the agent keeps its state."""
    folder = tmp_path / "state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k,mode=700", "tmpfs", str(folder)], check=True, capture_output=True)
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _ports(server: FakeServer) -> set[int]:
    """Ports of the burst of which the server knows."""
    return {row["destination_port"] for row in server.find(protocol=17, destination_address="10.77.0.2")}


def test_full_disk(pair: Pair, near_server: FakeServer, launch: Launch, disk: Disk) -> None:
    """Without server and disk nothing is lost; a map that comes meanwhile is enforced though it cannot be kept; both are said."""
    maps = MapServer(near_server)
    maps.identity(disk.folder)
    maps.offer(network_map(5, rule(4_711)))
    agent = launch().ready()
    in_force(pair.near, "4711")
    until(lambda: len(maps.asked) > 1, "the map is confirmed")
    survives(pair, near_server)

    near_server.judge = lambda _lines: Scripted(503)
    disk.fill()
    burst(pair.near, 3_000)
    until(lambda: "the spool cannot write, reports wait in memory" in agent.text(), "it is said")
    maps.offer(network_map(6, rule(4_712)))
    in_force(pair.near, "4712")
    until(lambda: "the network map cannot be kept" in agent.text(), "that is said too")
    disk.free()
    until(lambda: "the spool writes again" in agent.text(), "the disk is used again")
    near_server.judge = lambda _lines: None
    near_server.wait(lambda: len(_ports(near_server)) == 3_000, "all connections arrive", 45)
    survives(pair, near_server)
    agent.stop()
    counted = agent.counters()
    assert counted["spool_write_errors"] > 0
    assert counted["map_unsaved"] > 0
    assert counted["reports_dropped"] == counted["reports_corrupt"] == 0
    assert not gaps(near_server, "spool_full")


def test_full_memory(pair: Pair, near_server: FakeServer, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds no room in memory either is counted to the report, and a gap tells the server of it."""
    monkeypatch.setattr(limits, "SPOOL_MEMORY_BYTES_MAX", 20_000)
    monkeypatch.setattr(limits, "RESEND_S_MAX", 1.0)
    agent = Agent(AgentConfig(near_server.url, "secret", "r1", "host1", run_folder=tmp_path, state_folder=disk.folder))

    def capture() -> None:
        agent.start()
        try:
            turns(agent, lambda: bool(near_server.facts), "the agent is connected")
            near_server.judge = lambda _lines: Scripted(503)
            turns(agent, lambda: len(near_server.batches()) > 0 or bool(connect(pair)), "the server takes nothing")
            disk.fill()
            for number in range(20):
                burst(pair.near, 500, first_port=10_000 + 500 * number)
                heard = agent.metrics()["events_new"]
                turns(agent, lambda heard=heard: agent.metrics()["events_new"] >= heard + 500, "the burst is read")  # type: ignore[misc]
            assert agent.metrics()["reports_dropped"] > 1_000
            disk.free()
            near_server.judge = lambda _lines: None
            turns(agent, lambda: bool(gaps(near_server, "spool_full")) and agent.metrics()["reports_waiting"] == 0, "all is told", 30)
        finally:
            agent.stop()

    pair.near.inside(capture)
    counted = agent.metrics()
    lost = sum(gap["gap_lost"] for gap in gaps(near_server, "spool_full"))
    assert lost == counted["reports_dropped"]
    told = {row["flow_id"] for row in near_server.rows if row["state"] == "gap"}
    assert len(near_server.rows) - len(told) + lost == counted["reports_queued"] - (counted["gaps"] - len(gaps(near_server, "spool_full")))
    assert len(_ports(near_server)) + lost >= 10_000


def test_start_on_a_full_disk(pair: Pair, near_server: FakeServer, launch: Launch, disk: Disk) -> None:
    """An agent starts, says what is wrong, and reports; once there is room it uses the disk."""
    disk.fill()
    agent = launch().ready()
    until(lambda: "the spool cannot write" in agent.text(), "it is said")
    survives(pair, near_server)
    disk.free()
    until(lambda: "the spool writes again" in agent.text(), "the disk is used")
    survives(pair, near_server)
    assert list((disk.folder / "spool").glob("*.segment"))
    agent.stop()
    assert agent.counters()["spool_write_errors"] > 0
