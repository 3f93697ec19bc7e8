"""A start without the server: the last known map is enforced, reports wait; without a map that is said."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshtrail.agent.firewall.envelope import EnvelopeFile
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import Pair, until
from tests.e2e.faults.witness import connect, in_force, reaches, rules, survives

pytestmark = [pytest.mark.netns, pytest.mark.slow]
PORT = 8_765
URL = f"http://127.0.0.1:{PORT}"
Appear = Callable[[], FakeServer]


@pytest.fixture
def appear(pair: Pair) -> Iterator[Appear]:
    """Lets a server appear where the agent looks for it."""
    made: list[FakeServer] = []

    def start() -> FakeServer:
        listening = pair.near.open()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", PORT))
        listening.listen(64)
        made.append(FakeServer(listening))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_the_last_map(pair: Pair, maps: MapServer, launch: Launch, appear: Appear) -> None:
    """Killed and started again while the server is away, the agent enforces what it knew; connections and denials of that time arrive
    later, with the rules that decided."""
    with pair.near.listen("10.77.0.1") as good, pair.near.listen("10.77.0.1") as bad:
        good_port, bad_port = (each.getsockname()[1] for each in (good, bad))
        maps.offer(network_map(5, rule(good_port)))
        first = launch().ready()
        in_force(pair.near, f"dport {good_port}")
        until(lambda: len(maps.asked) > 1, "the map is confirmed")
        first.stop(signal.SIGKILL)
        assert not reaches(pair, bad), "the rules stay when the agent is gone"

        agent = launch(server=URL).ready()
        in_force(pair.near, f"dport {good_port}")
        until(lambda: "no answer from the server, reports wait" in agent.text(), "it is said")
        assert reaches(pair, good)
        assert not reaches(pair, bad)
        port = connect(pair)
        server = appear()
        server.wait_for(destination_port=port, state="closed", timeout_s=40)
        opened = server.wait_for(destination_port=good_port, verdict="allowed")[0]
        assert (opened["policy_id"], opened["rule_id"]) == ("p1", "r-p1")
        assert server.wait_for(destination_port=bad_port, state="denied")[0]["attribution"] == "default_deny"
        server.wait_for(state="gap", gap_cause="restart")
        survives(pair, server)
    agent.stop()
    assert agent.counters()["connect_failures"] > 0
    assert agent.counters()["reports_dropped"] == 0


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 5_000)


@pytest.mark.parametrize("damage", [_flip, _empty, _foreign])
def test_a_damaged_map(
    pair: Pair, maps: MapServer, launch: Launch, appear: Appear, tmp_path: Path, damage: Callable[[Path], None]
) -> None:  # fmt: skip
    """A map on disk that is damaged is not enforced; that is said and counted, and the agent reports all the same."""
    maps.offer(network_map(5, rule(4_711)))
    first = launch().ready()
    in_force(pair.near, "4711")
    until(lambda: EnvelopeFile(tmp_path / "state").load() is not None and len(maps.asked) > 1, "the map is kept")
    assert first.stop() == 0
    for path in (tmp_path / "state").glob("network-map*.json"):
        damage(path)
    agent = launch(server=URL).ready()
    until(lambda: "the network map on disk is not used" in agent.text(), "it is said")
    assert "4711" not in rules(pair.near)
    port = connect(pair)
    appear().wait_for(destination_port=port, state="closed", timeout_s=40)
    agent.stop()
    assert agent.counters()["map_refused"] == 1


def test_no_map_at_all(pair: Pair, maps: MapServer, launch: Launch, appear: Appear) -> None:
    """A peer that never had a map says that it enforces nothing, and reports; when the server comes, its map is enforced."""
    agent = launch(server=URL).ready()
    until(lambda: "there is no network map on disk: nothing is enforced" in agent.text(), "it is said")
    assert "table inet meshtrail {" not in rules(pair.near)
    port = connect(pair)
    server = appear()
    maps.serve(server)
    maps.offer(network_map(5, rule(4_711)))
    server.wait_for(destination_port=port, state="closed", timeout_s=40)
    in_force(pair.near, "4711", timeout_s=40)
    survives(pair, server)
    agent.stop()
    assert agent.counters()["map_serial"] == 5


def test_damaged_rule_numbers(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch, tmp_path: Path) -> None:
    """Without the file of rule numbers the map is enforced all the same, and new connections have their rule; that older ones have lost
    theirs is said and counted."""
    with pair.near.listen("10.77.0.1") as good:
        port = good.getsockname()[1]
        maps.offer(network_map(5, rule(port)))
        first = launch().ready()
        in_force(pair.near, f"dport {port}")
        until(lambda: len(maps.asked) > 1, "the map is confirmed")
        first.stop(signal.SIGKILL)
        _foreign(tmp_path / "state" / "rule-numbers.json")
        agent = launch().ready()
        until(lambda: "connections from before this start have no rule" in agent.text(), "it is said")
        in_force(pair.near, f"dport {port}")
        assert reaches(pair, good)
        near_server.wait_for(destination_port=port, policy_id="p1", state="closed")
    survives(pair, near_server)
    agent.stop()
    assert agent.counters()["firewall_numbers_damaged"] == 1
