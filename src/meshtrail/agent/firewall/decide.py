"""What the rules of a map do with a connection, in plain Python: the same as the compiled ruleset does in the kernel.

For people who ask before they change something, and for tests, which compare both. Pure; knows nothing of nft.
"""

from dataclasses import dataclass
from typing import NamedTuple

from meshtrail.agent.decision import UNDECIDED, Decision
from meshtrail.agent.firewall.addresses import Address, Networks, Places, Resolved
from meshtrail.agent.firewall.matches import HARMLESS_TYPES
from meshtrail.agent.firewall.naming import DEFAULT_DENY, decision_of
from meshtrail.model.network_map import Action, Chain, Governed, NetworkMap, PortRange, Protocol, Rule

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


class Asked(NamedTuple):
    """A new connection, as it arrives at the peer, leaves it, or passes through it. Loopback is never asked about."""

    chain: Chain
    source: Address
    destination: Address
    protocol: int
    """IP protocol number."""
    port: int | None = None
    """Destination port, where the protocol has one."""
    icmp_type: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of it."""

    action: Action
    decision: Decision
    """What is reported; `UNDECIDED` where no rule and no default to drop decided."""
    rule: Rule | None
    """The rule that matched."""
    governed: Governed | None
    """What made it the rules' business; None: it is let through unseen."""


class Judge:
    """The rules of one map, prepared for many questions."""

    def __init__(self, network_map: NetworkMap, resolved: Resolved) -> None:
        places = Places(resolved)
        enforced = network_map.mode == "enforce"
        self._governed = [
            (each, places.sources(each.sources), places.destinations(each.destinations, each.domains))
            for each in (network_map.governed if enforced else ())
        ]
        rules = sorted(network_map.rules, key=lambda rule: rule.action is Action.accept)
        self._rules = [(each, places.sources(each.sources), places.destinations(each.destinations, each.domains)) for each in rules]

    def judge(self, asked: Asked) -> Judged:
        """The decision about one connection."""
        governed = self._governing(asked)
        if governed is None:
            return Judged(Action.accept, UNDECIDED, None, None)
        rule = next((rule for rule, sources, to in self._rules if _matches(rule, asked) and _between(asked, sources, to)), None)
        if asked.chain is Chain.output:
            return Judged(Action.accept, decision_of(rule) if rule and rule.action is Action.accept else UNDECIDED, rule, governed)
        if rule is not None:
            return Judged(rule.action, decision_of(rule), rule, governed)
        return Judged(governed.default, DEFAULT_DENY if governed.default is Action.drop else UNDECIDED, None, governed)

    def _governing(self, asked: Asked) -> Governed | None:
        if asked.protocol == ICMPV6 and asked.icmp_type in HARMLESS_TYPES and asked.chain is not Chain.forward:
            return None
        return next((each for each, sources, to in self._governed if each.chain is asked.chain and _between(asked, sources, to)), None)


def decide(network_map: NetworkMap, asked: Asked, resolved: Resolved | None = None) -> Judged:
    """The decision of a map about one connection. For many questions make one `Judge`."""
    return Judge(network_map, resolved or {}).judge(asked)


def _between(asked: Asked, sources: Networks, destinations: Networks | None) -> bool:
    if asked.source.version != asked.destination.version:
        return False
    return sources.holds(asked.source) and (destinations is None or destinations.holds(asked.destination))


def _matches(rule: Rule, asked: Asked) -> bool:
    """Whether the rule is about connections of this kind."""
    if rule.chain is not asked.chain:
        return False
    if rule.protocol is Protocol.icmp:
        return asked.protocol == (ICMP if asked.source.version == 4 else ICMPV6)
    wanted = {Protocol.tcp: {TCP}, Protocol.udp: {UDP}}.get(rule.protocol, {TCP, UDP} if rule.ports else None)
    return (wanted is None or asked.protocol in wanted) and _on(rule.ports, asked.port)


def _on(ports: tuple[PortRange, ...], port: int | None) -> bool:
    return not ports or (port is not None and any(each.start <= port <= each.end for each in ports))
