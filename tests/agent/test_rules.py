"""The rules that decided: those of others are read, remembered and named in reports."""

import socket

import pytest

from meshtrail.agent.rules import Rules
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.netns import Pair, until

pytestmark = pytest.mark.netns

OFFICE = (
    "add table inet office; add chain inet office i {{ type filter hook input priority 0; }}; "
    'add rule inet office i tcp dport {port} ct state new ct mark set 0x7 counter accept comment "{name}"; '
    'add rule inet office i tcp dport 22 log prefix "no ssh: " group 2801 counter drop comment "ssh is closed"'
)


def _talk(pair: Pair, server: socket.socket) -> int:
    """One connection from the far side; its source port."""
    with pair.far.open() as client:
        client.connect(server.getsockname())
        server.accept()[0].close()
        return int(client.getsockname()[1])


def _knock(pair: Pair, port: int) -> None:
    """One packet from the far side, to which nobody answers."""
    with pair.far.open() as client:
        client.setblocking(False)
        assert client.connect_ex(("10.77.0.1", port))


def test_before_start() -> None:
    """Without peer and before the first look no rule is known, and nothing is suppressed."""
    rules = Rules(None)
    assert (rules.by_mark(7, 0), rules.by_prefix("no ssh: ", 0), rules.suppressed(), rules.meddled()) == (None, None, 0, False)
    assert rules.local_ports == frozenset()


def test_rules_of_others(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """An agent that enforces nothing names the rule of somebody else's ruleset that marked a connection, and the one that logged a
    denial."""
    with pair.near.listen("10.77.0.1") as server:
        pair.near.nft(OFFICE.format(port=server.getsockname()[1], name="web for all"))
        agent = launch().ready()
        port = _talk(pair, server)
        row = near_server.wait_for(source_port=port)[0]
        assert (row["policy_name"], row["attribution"]) == ("web for all", "reported")
        _knock(pair, 22)
        row = near_server.wait_for(state="denied", destination_port=22)[0]
        assert (row["policy_name"], row["attribution"]) == ("ssh is closed", "reported")
    agent.stop()
    assert agent.counters()["others_rules_versions"] == 1
    assert "inet office" in pair.near.run("nft", "list", "tables")


def test_rule_of_its_time(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """After the ruleset of others has changed, a mark means what it means now."""
    with pair.near.listen("10.77.0.1") as server:
        number = server.getsockname()[1]
        pair.near.nft(OFFICE.format(port=number, name="web for all"))
        agent = launch().ready()
        first = near_server.wait_for(source_port=_talk(pair, server))[0]
        pair.near.nft("delete table inet office; " + OFFICE.format(port=number, name="web for some"))
        until(lambda: agent.text().count("rules of others: 1 marks") == 2, "the new rules are read")
        second = near_server.wait_for(source_port=_talk(pair, server))[0]
        assert (first["policy_name"], second["policy_name"]) == ("web for all", "web for some")
