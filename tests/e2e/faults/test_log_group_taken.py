"""Another program owns the NFLOG group: the agent says which, captures all the same, and takes the group over when it is free."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.agent import doctor, limits
from meshtrail.agent.probe import Check
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer, network_map
from tests.agent.netns import SOURCE, Pair, until
from tests.e2e.faults.witness import FAR, NEAR, gaps, in_force, survives

pytestmark = [pytest.mark.netns, pytest.mark.slow]
READER = f"""
import sys
sys.path.insert(0, {str(SOURCE)!r})
from meshtrail.agent.sources.nflog import Nflog
owned = Nflog({limits.NFLOG_GROUP})
print("ours", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_reader(pair: Pair) -> Iterator[subprocess.Popen[str]]:
    """Another program that reads the group of the near namespace."""
    command = ["ip", "netns", "exec", pair.near.name, sys.executable, "-c", READER]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ours\n"
    yield process
    process.kill()
    process.communicate()


def _denials_check(pair: Pair, server: str, state: Path) -> Check:
    found = pair.near.inside(lambda: doctor.look(server, state, None, limits.NFLOG_GROUP))
    return next(check for check in found if check.name == "denials")


def _knock(pair: Pair, port: int, count: int = 1) -> None:
    """Datagrams to a port that is denied."""
    with pair.far.open(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((FAR, 5_353))
        for _ in range(count):
            sender.sendto(b"x", (NEAR, port))


def test_second_owner(
    pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch, other_reader: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Agent and doctor name the owner; connections are reported; denials that the other one got are counted, told as a gap, and seen
    from the moment that it ends."""
    maps.offer(network_map(5))
    agent = launch().ready()
    in_force(pair.near, "table inet meshtrail")
    until(lambda: len(maps.asked) > 1, "the map is confirmed")
    until(lambda: f"(process {other_reader.pid})" in agent.text(), "the owner is named")
    assert f"NFLOG group {limits.NFLOG_GROUP} already has an owner" in agent.text()
    check = _denials_check(pair, near_server.url, tmp_path / "state")
    assert not check.ok
    assert f"(process {other_reader.pid})" in check.detail
    assert "--nflog-group" in check.remedy
    survives(pair, near_server)
    _knock(pair, 9, 7)
    assert not near_server.find(state="denied")

    other_reader.kill()
    until(lambda: "is ours: denials are seen" in agent.text(), "the group is taken over", 2 * limits.NFLOG_RETRY_S)
    near_server.wait(lambda: sum(gap["gap_lost"] for gap in gaps(near_server, "unknown")) == 7, "the denials that nobody saw")
    _knock(pair, 10)
    near_server.wait_for(state="denied", destination_port=10)
    assert _denials_check(pair, near_server.url, tmp_path / "state") == Check("denials", True, "the agent reads NFLOG group 2801")
    survives(pair, near_server)
    agent.stop()
    assert agent.counters()["denials_unheard"] == 7
    assert agent.text().count("already has an owner") == 1


def test_second_owner_without_rules_of_ours(
    pair: Pair, near_server: FakeServer, launch: Launch, other_reader: subprocess.Popen[str]
) -> None:
    """Where nobody counted, the gap says that a number of denials is missing that is not known."""
    agent = launch().ready()
    until(lambda: "already has an owner" in agent.text(), "the owner is named")
    survives(pair, near_server)
    other_reader.kill()
    gap = near_server.wait_for(state="gap", gap_cause="unknown", timeout_s=2 * limits.NFLOG_RETRY_S)[0]
    assert gap["gap_lost"] is None
    assert gap["started_at"] < gap["ended_at"]
