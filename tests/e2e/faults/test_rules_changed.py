"""Rules that change under the agent: its table is made again, what keeps the kernel tracking too, and both are said."""

import re

import pytest

from meshtrail.model.network_map import Mode
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import Pair, until
from tests.e2e.faults.witness import in_force, reaches, rules, survives

pytestmark = [pytest.mark.netns, pytest.mark.slow]
MEDDLING = {
    "all rules are flushed": "flush ruleset",
    "the table is deleted": "delete table inet meshtrail",
    "its rules are flushed": "flush table inet meshtrail",
    "somebody adds a rule": "insert rule inet meshtrail {chain} accept",
}
_COUNTS = re.compile(r"counter packets \d+ bytes \d+|packets \d+ bytes \d+|# handle \d+")


def _table(pair: Pair) -> str:
    """Our table without what was counted; empty without one."""
    found = rules(pair.near)
    begin = found.find("table inet meshtrail {")
    return _COUNTS.sub("", found[begin : found.find("\n}", begin)]) if begin >= 0 else ""


def test_rules_are_made_again(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """Whatever is done to the table, it is as before within moments; each time is said and counted, denials go on, and a gap says
    that what passed meanwhile was nobody's decision."""
    with pair.near.listen("10.77.0.1") as good, pair.near.listen("10.77.0.1") as bad:
        maps.offer(network_map(5, rule(good.getsockname()[1])))
        agent = launch().ready()
        in_force(pair.near, f"dport {good.getsockname()[1]}")
        until(lambda: len(maps.asked) > 1, "the map is confirmed")
        before = _table(pair)
        chain = re.findall(r"chain (\S*in\S*) \{", before)[0]
        for number, (what, command) in enumerate(MEDDLING.items(), 1):
            pair.near.nft(command.format(chain=chain))
            until(lambda: _table(pair) == before, f"the table is back after {what}")
            until(lambda number=number: agent.text().count("it is made again") == number, f"said: {what}")  # type: ignore[misc]
            near_server.wait_for(number, state="gap", gap_cause="unknown")
        assert reaches(pair, good)
        assert not reaches(pair, bad)
        near_server.wait_for(state="denied", destination_port=bad.getsockname()[1])
    survives(pair, near_server)
    agent.stop()
    assert agent.counters()["firewall_rules_changed_under_us"] == len(MEDDLING)
    assert agent.counters()["gaps"] >= len(MEDDLING)


@pytest.mark.parametrize("mode", ["token", "observe"])
def test_tracking_is_kept_on(
    pair: Pair, near_server: FakeServer, launch: Launch, mode: str, request: pytest.FixtureRequest
) -> None:  # fmt: skip
    """Where the agent's own rule is all that makes the kernel track, a flush of the rules does not end capture."""
    if mode == "observe":
        request.getfixturevalue("maps").offer(network_map(5, mode=Mode.observe))
    agent = launch().ready()
    in_force(pair.near, "table inet meshtrail_track")
    for number in (1, 2):
        pair.near.nft("flush ruleset")
        in_force(pair.near, "table inet meshtrail_track")
        near_server.wait_for(number, state="gap", gap_cause="unknown")
        survives(pair, near_server)
    agent.stop()
    assert agent.text().count("nobody tracked connections any more") == 2
    assert agent.counters()["unguarded"] == 2
    assert "meshtrail_track" not in rules(pair.near)


def test_others_may_change_their_rules(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """Rules of others come and go without the agent touching its own, or taking the change for one of its own table."""
    maps.offer(network_map(5, rule(80)))
    agent = launch().ready()
    in_force(pair.near, "dport 80")
    until(lambda: len(maps.asked) > 1, "the map is confirmed")
    before = _table(pair)
    for number in range(20):
        pair.near.nft(f"add table inet other{number}; add chain inet other{number} c {{ type filter hook input priority 5; }}")
        pair.near.nft(f"delete table inet other{number}")
    survives(pair, near_server)
    assert _table(pair) == before
    agent.stop()
    assert agent.counters()["firewall_rules_changed_under_us"] == 0
