"""Peers: maps that come, are enforced, are kept, are refused; and what the agent reports of them."""

import contextlib
import socket
from pathlib import Path

import pytest

from meshtrail.model.network_map import Action, AgentSettings, Mode
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import Pair, until

pytestmark = pytest.mark.netns


@pytest.fixture
def maps(near_server: FakeServer, tmp_path: Path) -> MapServer:
    """A server of maps; the machine is a peer."""
    made = MapServer(near_server)
    made.identity(tmp_path / "state")
    return made


def _reaches(pair: Pair, listener: socket.socket) -> bool:
    """Whether the far side can connect to a port of the near one."""
    with pair.far.open() as client:
        client.settimeout(0.3)
        with contextlib.suppress(OSError):
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            accepted.close()
            return True
    return False


def _in_force(pair: Pair, text: str) -> bool:
    return text in pair.near.run("nft", "list", "ruleset")


def test_enforced_and_attributed(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """A map is enforced; connections and denials carry the rule that decided, and a new map changes both."""
    with pair.near.listen("10.77.0.1") as listener:
        port = listener.getsockname()[1]
        maps.offer(network_map(5, rule(port)))
        launch().ready()
        until(lambda: _in_force(pair, f"dport {port}"), "the rules")
        assert _reaches(pair, listener)
        opened = near_server.wait_for(verdict="allowed", destination_port=port)[0]
        assert (opened["policy_id"], opened["policy_name"], opened["rule_id"], opened["policy_version"]) == ("p1", "Policy p1", "r-p1", 1)
        assert opened["attribution"] == "reported"

        maps.offer(network_map(6, rule(port, "p2", 3, Action.drop)))
        until(lambda: 6 in maps.asked, "the new map is known")
        assert not _reaches(pair, listener)
        denied = near_server.wait_for(state="denied", destination_port=port)[0]
        assert (denied["policy_id"], denied["policy_name"], denied["policy_version"]) == ("p2", "Policy p2", 3)

        maps.offer(network_map(7))
        until(lambda: 7 in maps.asked, "the map without rules is known")
        assert not _reaches(pair, listener)
        near_server.wait_for(state="denied", destination_port=port, attribution="default_deny")


def test_without_the_server(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """A restarted agent enforces the last map although the server is away; a stopped one leaves no rules."""
    maps.offer(network_map(5, rule(4_711)))
    agent = launch().ready()
    until(lambda: _in_force(pair, "4711") and len(maps.asked) > 1, "the rules")
    agent.stop()
    assert not _in_force(pair, "table inet meshtrail")
    launch(server="http://127.0.0.1:1").ready()
    until(lambda: _in_force(pair, "4711"), "the rules of the last map")


def test_refused_maps(pair: Pair, maps: MapServer, launch: Launch) -> None:
    """A forged map, an older one and nonsense change nothing."""
    maps.offer(network_map(5, rule(4_711)))
    agent = launch().ready()
    until(lambda: _in_force(pair, "4711"), "the rules")
    maps.offer(network_map(9, rule(666)), forged=True)
    until(lambda: "not signed by the server" in agent.text(), "the forged map is refused")
    maps.offer(network_map(4, rule(666)))
    until(lambda: "smaller than 5" in agent.text(), "the older map is refused")
    assert _in_force(pair, "4711")
    assert not _in_force(pair, "666")


def test_token_is_renewed(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch, tmp_path: Path) -> None:
    """A token past the middle of its life, or refused, is replaced by a new one."""
    maps.identity(tmp_path / "state", token_expires_at=1)
    agent = launch().ready()
    until(lambda: maps.renewals == 1, "a new token")
    maps.status = 401
    until(lambda: maps.renewals >= 2, "another new token")
    agent.stop()
    assert agent.counters()["map_renewed"] >= 2


def test_removed_peer(maps: MapServer, launch: Launch) -> None:
    """A removed peer says so once, and keeps running."""
    maps.status = 403
    agent = launch().ready()
    until(lambda: "removed from the network" in agent.text(), "it is said")
    assert agent.process.poll() is None


def test_settings(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """What is collected follows the settings: progress of open connections, nothing at all, packets uncounted."""
    maps.offer(network_map(5, settings=AgentSettings(progress_interval_s=1), mode=Mode.observe))
    launch().ready()
    until(lambda: 5 in maps.asked, "the map is known")
    with pair.far.listen("10.77.0.2") as listener, pair.near.open() as client:
        port = listener.getsockname()[1]
        client.connect(("10.77.0.2", port))
        accepted, _ = listener.accept()
        client.sendall(b"x" * 5_000)
        near_server.wait(lambda: any(row.get("tx_bytes", 0) > 5_000 for row in near_server.find(destination_port=port)), "progress")
        row = near_server.find(destination_port=port)[-1]
        assert (row["state"], row["verdict"]) == ("open", "allowed")
        accepted.close()
    maps.offer(network_map(6, settings=AgentSettings(collect=False, packet_counters=False), mode=Mode.observe))
    until(lambda: 6 in maps.asked and pair.near.sysctl("nf_conntrack_acct") == "0", "the settings")
    with pair.far.listen("10.77.0.2") as listener, pair.near.open() as client:
        client.connect(listener.getsockname())
        silent = listener.getsockname()[1]
    near_server.wait_for(state="closed", destination_port=port)
    maps.offer(network_map(7, mode=Mode.observe))
    until(lambda: 7 in maps.asked and pair.near.sysctl("nf_conntrack_acct") == "1", "the settings are back")
    with pair.far.listen("10.77.0.2") as listener, pair.near.open() as client:
        client.connect(listener.getsockname())
        near_server.wait_for(destination_port=listener.getsockname()[1])
    assert not near_server.find(destination_port=silent)


def test_flood_of_denials(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """Denials beyond the rate that is logged are counted, and a gap says how many."""
    maps.offer(network_map(5))
    launch().ready()
    until(lambda: _in_force(pair, "table inet meshtrail") and len(maps.asked) > 1, "the rules")
    with pair.far.open(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(6_000):
            client.sendto(b"x", ("10.77.0.1", 9))
    near_server.wait_for(state="gap", gap_cause="rate_limited")

    def told() -> int:
        drops = max((row["drops"] for row in near_server.find(state="denied")), default=0)
        return int(drops + sum(row["gap_lost"] for row in near_server.find(state="gap")))

    near_server.wait(lambda: told() == 6_000, "every denial is told of", 30)


def test_flood_of_denials_at_the_end(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """An agent that is stopped in the middle of one says how many were not logged, too."""
    maps.offer(network_map(5))
    agent = launch().ready()
    until(lambda: 5 in maps.asked, "the map is known")
    with pair.far.open(kind=socket.SOCK_DGRAM) as sender:
        for number in range(4_000):
            sender.sendto(b"x", ("10.77.0.1", 20_000 + number))
    assert agent.stop() == 0
    logged = sum(row["drops"] for row in near_server.find(state="denied"))
    suppressed = sum(row["gap_lost"] for row in near_server.find(gap_cause="rate_limited"))
    assert (logged + suppressed, suppressed > 0) == (4_000, True)
