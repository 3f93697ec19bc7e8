"""A clock that is set by hours and days, forward and back, under a running agent: said and counted; no connection has a negative
duration, the order of reports stays, rules are found, tokens are renewed when they can be."""

import itertools
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from meshtrail.agent import identity
from meshtrail.common.clock import microseconds
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import SOURCE, AgentProcess, Pair, until
from tests.e2e.faults.real_server import RealServer
from tests.e2e.faults.witness import FAR, NEAR, connect, in_force, reaches

pytestmark = [pytest.mark.netns, pytest.mark.slow]
HOUR = 3_600
STEPS = (5 * HOUR, -3 * HOUR, -300 * 24 * HOUR, 400 * 24 * HOUR, 0)
"""Seconds that the agent's clock is ahead of the kernel's, one after the other."""


SITE = """
import mmap, os, struct, time
with open(os.environ["MESHTRAIL_TEST_CLOCK"], "rb") as file:
    ahead = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + struct.unpack("q", ahead)[0]
time.time_ns = lambda: real_ns() + struct.unpack("q", ahead)[0] * 10**9
"""
"""Runs when the interpreter starts, before anything of the agent. (libfaketime would do the same for any program, but its waits
hang in this interpreter's threads.)"""


class Clock:
    """The clock of one process, which the test sets; what passes is measured by another one, as in a machine."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(bytes(8))
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE, encoding="ascii")
        self.prefix = ("env", f"PYTHONPATH={site}:{SOURCE}", f"MESHTRAIL_TEST_CLOCK={self._file}")

    def set(self, seconds: int) -> None:
        """So many seconds ahead from now on."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that can be set."""
    return Clock(tmp_path)


def _said(agent: AgentProcess, count: int) -> None:
    until(lambda: agent.text().count("the clock was set") >= count, f"the step is said: {agent.text()}")


@pytest.mark.parametrize("kernel", ["the kernel has no times", "the kernel has its own times"])
def test_steps(pair: Pair, near_server: FakeServer, launch: Launch, clock: Clock, kernel: str) -> None:
    """After each step connections of before and after it are reported in their order, with an end that is not before the start.
    Without times of the kernel's all come from the clock that is set, as they do when a machine's clock is."""
    options = ("--keep-sysctls",) if "no times" in kernel else ()
    agent = launch(*options, prefix=clock.prefix).ready()
    ports = [connect(pair)]
    near_server.wait_for(destination_port=ports[0], state="closed")
    for number, ahead_s in enumerate(STEPS, 1):
        with pair.far.listen(FAR) as listener, pair.near.open() as client:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            ports.append(listener.getsockname()[1])
            near_server.wait_for(destination_port=ports[-1], state="open")
            clock.set(ahead_s)
            _said(agent, number)
            accepted.close()
        near_server.wait_for(destination_port=ports[-1], state="closed")
        for _ in range(3):
            ports.append(connect(pair))
            near_server.wait_for(destination_port=ports[-1], state="closed")
    firsts = list(dict.fromkeys(row["destination_port"] for row in near_server.rows if row.get("destination_port") in ports))
    assert firsts == list(dict.fromkeys(ports)), "in the order in which they began"
    for row in near_server.rows:
        if row.get("ended_at"):
            assert microseconds(row["ended_at"]) >= microseconds(row["started_at"]), row
    for port in ports:
        assert len({row["flow_id"] for row in near_server.find(destination_port=port)}) == 1
    agent.stop()
    counted = agent.counters()
    assert counted["clock_steps"] == len(STEPS)
    assert counted["reports_dropped"] == counted["errors"] == counted["uplink_faults"] == 0


def test_rules_are_found(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch, clock: Clock) -> None:
    """A clock that was set back shows times at which today's rules were not there yet: connections and denials have them all the same."""
    with pair.near.listen(NEAR) as good, pair.near.listen(NEAR) as bad:
        good_port, bad_port = (each.getsockname()[1] for each in (good, bad))
        serials = itertools.count(5)
        maps.offer(network_map(next(serials), rule(good_port)))
        agent = launch("--keep-sysctls", prefix=clock.prefix).ready()
        in_force(pair.near, f"dport {good_port}")
        for number, ahead_s in enumerate((-5 * HOUR, 3 * HOUR, -2 * HOUR), 1):
            clock.set(ahead_s)
            _said(agent, number)
            _attributed(pair, near_server, lambda: reaches(pair, good), number, good_port, "p1")
            maps.offer(network_map(next(serials), rule(good_port), rule(bad_port, f"p{ahead_s}")))
            in_force(pair.near, f"meshtrail:p{ahead_s}:")
            _attributed(pair, near_server, lambda: reaches(pair, bad), 1, bad_port, f"p{ahead_s}")
            maps.offer(network_map(next(serials), rule(good_port)))
            until(lambda ahead_s=ahead_s: f"meshtrail:p{ahead_s}:" not in pair.near.run("nft", "list", "ruleset"), "the rule goes")  # type: ignore[misc]
            assert not reaches(pair, bad)
        near_server.wait_for(state="denied", destination_port=bad_port, attribution="default_deny")
    agent.stop()
    assert agent.counters()["errors"] == agent.counters()["map_faults"] == 0


def _attributed(pair: Pair, server: FakeServer, act: Callable[[], bool], count: int, port: int, policy: str) -> None:
    """What happens now is reported with this policy."""
    assert act()
    server.wait_for(count, destination_port=port, state="closed", policy_id=policy)


def test_token(pair: Pair, real: RealServer, launch: Launch, clock: Clock, tmp_path: Path) -> None:
    """Half a day ahead, the agent finds its token due and the server finds its clock wrong: that is said, with the old token maps and
    reports go on; when the clock is right it renews no more than is due. Half a day behind nothing is due."""
    key = tmp_path / "key"
    key.write_text(real.key(), encoding="ascii")
    state = tmp_path / "state" / identity.FILE
    with pair.near.listen(NEAR) as good:
        agent = launch("--enrolment-key-file", str(key), "--name", "near", prefix=clock.prefix, server=real.url).ready()
        real.wait_for(destination_port=connect(pair), state="closed")
        token = json.loads(state.read_bytes())["token"]
        clock.set(13 * HOUR)
        _said(agent, 1)
        real.enforce(good.getsockname()[1])
        in_force(pair.near, f"dport {good.getsockname()[1]}", timeout_s=30)
        real.done("PUT", "/api/v1/settings", {"progress_interval_s": 7})
        until(lambda: "no new token" in agent.text() and "clock" in agent.text().split("no new token")[1], "it is said", 30)
        real.wait_for(destination_port=connect(pair), state="closed")
        assert reaches(pair, good)
        clock.set(-13 * HOUR)
        _said(agent, 2)
        real.wait_for(destination_port=connect(pair), state="closed")
        clock.set(0)
        _said(agent, 3)
        real.wait_for(destination_port=connect(pair), state="closed")
        assert json.loads(state.read_bytes())["token"] == token
    agent.stop()
    counted = agent.counters()
    assert counted["map_failed"] > 0
    assert counted["map_renewed"] == counted["unauthorised"] == counted["reports_refused"] == 0


@pytest.mark.parametrize("ahead_s", [-5 * HOUR, 5 * HOUR])
def test_between_two_runs(pair: Pair, near_server: FakeServer, launch: Launch, clock: Clock, ahead_s: int) -> None:
    """A clock that was set while the agent did not run costs none of the reports that wait, and the gap of the restart does not end
    before it begins."""
    first = launch(prefix=clock.prefix, server="http://127.0.0.1:1").ready()
    ports = [connect(pair) for _ in range(5)]
    first.stop()
    clock.set(ahead_s)
    agent = launch(prefix=clock.prefix).ready()
    for port in ports:
        near_server.wait_for(destination_port=port, state="closed")
    gap = near_server.wait_for(state="gap", gap_cause="restart")[0]
    assert microseconds(gap["started_at"]) <= microseconds(gap["ended_at"])
    near_server.wait_for(destination_port=connect(pair), state="closed")
    agent.stop()
    assert agent.counters()["reports_dropped"] == 0
