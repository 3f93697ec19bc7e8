"""The resolver decides as the agents do, for random organisations and connections."""

import random
from ipaddress import ip_address
from typing import Any

import pytest

from meshtrail.agent.firewall.decide import Asked, Judge, Judged
from meshtrail.control.inventory import Snapshot
from meshtrail.control.network_maps import Plan
from meshtrail.model.network_map import Chain, Mode
from tests.enrich.resolver.organisations import organisation, resolved, tuples

TUPLES = 120


def holders(snapshot: Snapshot) -> dict[str, str]:
    """The peer of each address of the overlay."""
    return {network.partition("/")[0]: peer for peer, networks in snapshot.overlay.items() for network in networks}


class Agents:
    """The agents of all peers, as far as they decide."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._plan = Plan(snapshot)
        self._holders = holders(snapshot)
        self._snapshot = snapshot
        self._judges: dict[str, Judge] = {}

    def judge(self, row: dict[str, Any]) -> Judged | None:
        """What the peer at which the connection ends, or the routing peer that reports it, decides. None: none of them is known."""
        target = self._holders.get(row["destination_address"])
        if row.get("connection_type") == "routed":
            return self._ask(row["reporter_id"], Chain.forward, row)
        if target is not None:
            same = target == self._holders.get(row["source_address"])
            return None if same else self._ask(target, Chain.input, row)
        if (row.get("connection_type"), row.get("direction")) == ("p2p", "ingress"):
            return self._ask(row["reporter_id"], Chain.input, row)
        return None

    def _ask(self, peer: str, chain: Chain, row: dict[str, Any]) -> Judged | None:
        if peer not in self._snapshot.peers:
            return None
        if peer not in self._judges:
            self._judges[peer] = Judge(self._plan.network_map(peer), {})
        ends = ip_address(row["source_address"]), ip_address(row["destination_address"])
        return self._judges[peer].judge(Asked(chain, *ends, row["protocol"], row.get("destination_port"), row.get("icmp_type")))


def expected(judged: Judged) -> dict[str, Any]:
    """What the resolver is to say where an agent decided so."""
    if judged.rule is not None:
        rule = judged.rule
        return {
            "attribution": "resolved", "policy_id": rule.policy_id, "policy_name": rule.policy_name, "rule_id": rule.rule_id,
            "policy_version": rule.policy_version,
        }  # fmt: skip
    if judged.governed is None:
        return {}
    return {"attribution": f"default_{'deny' if judged.action == 'drop' else 'allow'}"}


@pytest.mark.parametrize("seed", range(40))
def test_agents_and_resolver_agree(seed: int) -> None:
    """Where the rules are enforced, the resolver names the rule that the deciding agent names."""
    chance = random.Random(seed)
    snapshot = organisation(chance, Mode.enforce)
    agents = Agents(snapshot)
    rows = tuples(chance, snapshot, TUPLES)
    answers = [{name: value for name, value in each.items() if value != "none"} for each in resolved(snapshot, rows)]
    asked = 0
    for row, answer in zip(rows, answers, strict=True):
        judged = agents.judge(row)
        if judged is not None:
            asked += 1
            assert answer == expected(judged), (row, judged)
    assert asked > TUPLES // 10
