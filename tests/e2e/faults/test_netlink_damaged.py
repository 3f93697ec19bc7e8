"""Damaged netlink messages, at the sockets of a running agent. A process with CAP_NET_ADMIN may write to the netlink sockets of
another one; here it does, with what a kernel sends, cut and changed."""

import random
import socket

import pytest

from meshtrail.agent.netlink import attributes as a
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netlink.test_nflog import DATAGRAMS as LOGGED
from tests.agent.netns import Pair, until
from tests.agent.records import datagrams
from tests.e2e.faults.witness import FAR, NEAR, in_force, reaches, survives

pytestmark = [pytest.mark.netns, pytest.mark.slow]
MESSAGES = 1_500


def _ports(pair: Pair) -> list[int]:
    """Numbers of all netfilter sockets of the near namespace; all are the agent's."""

    def read() -> list[int]:
        with open("/proc/thread-self/net/netlink", encoding="ascii") as file:
            rows = [line.split() for line in file]
        return [int(row[2]) for row in rows if row[1] == str(a.NETLINK_NETFILTER) and int(row[2]) > 0]

    return pair.near.inside(read)


def _damaged(chance: random.Random) -> bytes:
    """What a kernel sends of connections, of a dump, of logged packets, of changed rules: cut short, with other bytes, or noise."""
    whole = [*datagrams().values(), *LOGGED.values()]
    content = bytearray(chance.choice(whole) + chance.choice(whole) * chance.randrange(2))
    for _ in range(chance.randrange(12)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    kind = chance.randrange(4)
    if kind == 0:
        return bytes(content[: chance.randrange(1, len(content))])
    return chance.randbytes(chance.randrange(1, 300)) if kind == 1 else bytes(content)


def test_damaged_messages(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """Thousands of them at every socket: the agent says and counts what it could not read, and goes on with all that it does."""
    with pair.near.listen(NEAR) as good, pair.near.listen(NEAR) as bad:
        maps.offer(network_map(5, rule(good.getsockname()[1])))
        agent = launch().ready()
        in_force(pair.near, f"dport {good.getsockname()[1]}")
        until(lambda: len(maps.asked) > 1, "the map is confirmed")
        survives(pair, near_server)
        chance = random.Random(17)
        with pair.near.open(socket.AF_NETLINK, socket.SOCK_RAW, a.NETLINK_NETFILTER) as sender:
            ports = _ports(pair)
            assert len(ports) >= 6, "starts, updates, ends, questions, denials, changed rules"
            for _ in range(MESSAGES):
                try:
                    sender.sendto(_damaged(chance), (chance.choice(ports), 0))
                except (TimeoutError, BlockingIOError, ConnectionRefusedError):
                    ports = _ports(pair)
        until(lambda: "messages of the kernel could not be read" in agent.text(), "it is said")
        near_server.wait_for(state="gap", gap_cause="unknown")
        survives(pair, near_server, 40)
        assert agent.process.poll() is None
        assert reaches(pair, good)
        near_server.wait_for(destination_port=good.getsockname()[1], policy_id="p1")
        assert not reaches(pair, bad)
        near_server.wait_for(state="denied", destination_port=bad.getsockname()[1], timeout_s=20)
        maps.offer(network_map(6, rule(bad.getsockname()[1])))
        in_force(pair.near, f"dport {bad.getsockname()[1]}")
        pair.near.nft("flush ruleset")
        in_force(pair.near, f"dport {bad.getsockname()[1]}", timeout_s=20)
    agent.stop()
    counted = agent.counters()
    assert counted["decode_malformed"] > 100
    assert counted["denials_malformed"] > 10
    assert counted["uplink_faults"] == counted["map_faults"] == 0
    assert "Traceback" not in agent.text()
    assert not near_server.find(destination_address=FAR, destination_port=0)
