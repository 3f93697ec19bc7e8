"""What `policy check` says and what the kernel does agree, for a thousand random connections and an organisation that changes."""

import random
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.decide import ICMP, ICMPV6, TCP, UDP, Asked
from meshtrail.control.checked import Checked, Outcome, Question
from meshtrail.control.inventory import Policy, PolicyRule, Reference, Router
from meshtrail.control.network_maps import Plan
from meshtrail.control.policy_check import PolicyCheck
from meshtrail.control.rulebooks import Rulebooks
from meshtrail.control.service import Control
from meshtrail.model.network_map import Action, Chain, PortRange, Protocol
from tests.agent.firewall.bench import Bench
from tests.agent.firewall.test_oracle import BEHINDS, FARS, NEARS, OTHER, PORTS, Kernel, _all_seen, _prepare, _send
from tests.agent.netns import Pair, until
from tests.control.organisation import Clock, Organisation

pytestmark = pytest.mark.netns
ROUNDS, PACKETS, TUPLES = 30, 50, 1_000
NETWORKS = {"office": ["10.88.0.0/16", "10.88.0.5/32", "fd88::/64"], "plant": ["10.88.9.5/32", "10.88.0.0/24", "fd88::9:0/112"]}
OUTSIDERS = {"10.77.0.9", "fd77::9"}
"""Addresses of the overlay that no peer has."""


class Random:
    """An organisation whose peers are the addresses of the far side, and the near side itself, which routes."""

    def __init__(self, organisation: Organisation, chance: random.Random) -> None:
        self._organisation, self._chance, self._by = organisation, chance, organisation.by
        self._control = organisation.control
        ranges = {"network_range": "10.77.0.0/16", "network_range_v6": "fd77::/16"}
        self._control.settings.update(self._by, {"mode": "enforce", "overlay_default": Action.drop, **ranges})
        self.near = organisation.peer("near", *NEARS[4], *NEARS[6])
        pairs = zip(FARS[4], FARS[6], strict=True)
        self._peers = [organisation.peer(f"far {v4}", v4, v6) for v4, v6 in pairs if v4 not in OUTSIDERS]
        self._networks = [self._network(name, resources) for name, resources in NETWORKS.items()]
        things = list(organisation.snapshot.resources)
        self._groups = [self._group(number, things) for number in range(6)]
        self._policies: list[str] = []

    def _network(self, name: str, addresses: list[str]) -> str:
        made = self._control.networks.create(self._by, name)
        for address in addresses:
            self._control.networks.create_resource(self._by, made, address, address, [])
        self._control.networks.create_router(self._by, Router(id="", network_id=made, peer=self.near, masquerade=False))
        return made

    def _group(self, number: int, things: list[str]) -> str:
        peers = self._chance.sample([*self._peers, self.near], self._chance.randint(1, 5))
        return self._organisation.group(f"group {number}", *peers, resources=tuple(self._chance.sample(things, self._chance.randint(0, 2))))

    def change(self) -> None:
        """Other members, policies that come, change and go, other defaults."""
        snapshot, chance = self._organisation.snapshot, self._chance
        group = snapshot.groups[chance.choice(self._groups)]
        peers = chance.sample([*self._peers, self.near], chance.randint(0, 5))
        self._control.groups.update(self._by, group.id, group.name, peers)
        for _ in range(chance.randint(1, 3)):
            self._policies.append(self._organisation.policy(*self._rules(), name=f"policy {len(self._policies)}"))
        there = sorted(snapshot.policies)
        if len(there) > 8:
            self._control.policies.delete(self._by, chance.choice(there))
        for changed in chance.sample(sorted(self._organisation.snapshot.policies), 1):
            self._control.policies.update(self._by, changed, Policy(id="", name="changed", rules=self._rules()))
        self._control.settings.update(
            self._by, {"overlay_default": chance.choice(list(Action))}, {each: chance.choice([None, *Action]) for each in self._networks}
        )

    def _rules(self) -> tuple[PolicyRule, ...]:
        return tuple(self._rule() for _ in range(self._chance.randint(1, 3)))

    def _rule(self) -> PolicyRule:
        chance = self._chance
        protocol = chance.choice(list(Protocol))
        ports = chance.sample(PORTS, chance.randint(0, 3)) if protocol in {Protocol.tcp, Protocol.udp} else []
        ranges = tuple(PortRange(port, port + chance.randint(0, 90)) for port in ports) if chance.random() < 0.5 else ()
        single = Reference(chance.choice(self._peers), "peer") if chance.random() < 0.2 else None
        target = Reference(chance.choice([self.near, *self._peers]), "peer") if chance.random() < 0.2 else None
        return PolicyRule(
            id="", name="rule", action=chance.choice([Action.accept, Action.accept, Action.drop]), bidirectional=chance.random() < 0.5,
            protocol=protocol, ports=() if ranges else tuple(ports), port_ranges=ranges,
            sources=() if single else tuple(chance.sample(self._groups, chance.randint(1, 2))), source_resource=single,
            destinations=() if target else tuple(chance.sample(self._groups, chance.randint(1, 2))), destination_resource=target,
        )  # fmt: skip


def _asked(chance: random.Random) -> Asked:
    """A connection from the far side to the near one, or through it."""
    version = chance.choice([4, 6])
    chain = chance.choice([Chain.input, Chain.forward])
    protocol = chance.choice([TCP, TCP, UDP, ICMP if version == 4 else ICMPV6, OTHER])
    destination = chance.choice((NEARS if chain is Chain.input else BEHINDS)[version])
    port = chance.choice([*PORTS, 90, 9_999]) if protocol in {TCP, UDP} else None
    kind = {ICMP: 8, ICMPV6: 128}.get(protocol)
    return Asked(chain, ip_address(chance.choice(FARS[version])), ip_address(destination), protocol, port, kind)


def _packets(chance: random.Random) -> list[Asked]:
    """Connections of their own: without ports the way back is the same one."""
    drawn = (_asked(chance) for _ in range(PACKETS))
    return list({(frozenset((each.source, each.destination)), *each[3:], each.port and each.source): each for each in drawn}.values())


def _question(asked: Asked) -> Question:
    protocol = ICMP if asked.protocol == ICMPV6 else asked.protocol
    via = "near" if asked.chain is Chain.forward else None
    return Question(str(asked.source), str(asked.destination), protocol, asked.port, None, via, asked.icmp_type)


def _expected(checked: Checked) -> tuple[Action, tuple[str, str, int, str] | str | None]:
    """What the kernel should have done, and what it should say of it."""
    assert checked.outcome is not Outcome.unknown, checked
    action = Action.drop if checked.outcome is Outcome.denied else Action.accept
    if checked.rule is None:
        return action, "default_deny" if action is Action.drop else None
    return action, (checked.rule.policy_id, checked.rule.policy_name, checked.rule.policy_version, checked.rule.rule.id)


def _did(seen: tuple[Action, Decision | None] | None) -> tuple[Action, tuple[str, str, int, str] | str | None]:
    assert seen is not None
    action, decision = seen
    if decision is None or decision.rule_id is None:
        return action, None if decision is None else decision.attribution
    assert decision.policy_id is not None
    assert decision.policy_name is not None
    assert decision.policy_version is not None
    return action, (decision.policy_id, decision.policy_name, decision.policy_version, decision.rule_id)


def test_policy_check_agrees_with_nftables(pair: Pair, bench: Bench, tmp_path: Path) -> None:
    """The verdict, and the policy, version and rule, of connections that were really tried; the compiled rules of the near peer judge."""
    chance = random.Random(20_261_121)
    clock = Clock()
    control = Control(tmp_path / "control.sqlite", clock)
    control.open()
    organisation = Organisation(control, control.add_organisation("test"), clock)
    changing = Random(organisation, chance)
    check = PolicyCheck(control.database, control.snapshots, Rulebooks(control.snapshots), clock)
    _prepare(pair)
    kernel = Kernel(pair, bench)
    compared: list[tuple[Action, bool, Chain]] = []
    try:
        for serial in range(1, ROUNDS + 1):
            clock.pass_s(1)
            changing.change()
            network_map = Plan(organisation.snapshot).network_map(changing.near)
            bench.now_s += 100
            bench.apply(msgspec.structs.replace(network_map, serial=serial))
            kernel.forget()
            packets = _packets(chance)
            senders = [_send(pair, asked) for asked in packets]
            sent = [(asked, sender.getsockname()[1]) for asked, sender in zip(packets, senders, strict=True)]
            until(partial(_all_seen, kernel, sent), "all packets judged")
            for sender in senders:
                sender.close()
            for asked, port in sent:
                expected = _expected(check.check(organisation.id, _question(asked)))
                assert _did(kernel.judged(asked, port)) == expected, asked
                compared.append((expected[0], isinstance(expected[1], tuple), asked.chain))
    finally:
        kernel.close()
        control.close()
    assert len(compared) >= TUPLES
    assert len(set(compared)) == 8, "drops and accepts, by rules and by default, in and through"
