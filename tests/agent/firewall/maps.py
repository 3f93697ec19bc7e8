"""Network maps for tests, as short as a transcript needs them."""

from typing import Any

import msgspec

from meshtrail.model.network_map import Action, AgentSettings, Chain, Governed, Mode, NetworkMap, PortRange, Protocol, RoutedResource, Rule

PEER, ORG = "peer1", "org1"
NEAR, FAR = ("10.77.0.1/32", "fd77::1/128"), ("10.77.0.2/32", "fd77::2/128")
EVERYONE = ("10.77.0.0/16", "fd77::/16")


def rule(name: str, *ports: int | tuple[int, int], **changes: Any) -> Rule:
    """A rule that accepts TCP from everyone to these ports, unless said otherwise."""
    ranges = tuple(PortRange(*each) if isinstance(each, tuple) else PortRange(each, each) for each in ports)
    made = Rule(f"policy-{name}", f"Policy {name}", 1, f"rule-{name}", Chain.input, Action.accept, Protocol.tcp, EVERYONE, ports=ranges)
    return msgspec.structs.replace(made, **changes)


def governed(chain: Chain = Chain.input, default: Action = Action.drop, **changes: Any) -> Governed:
    """Everything from everyone."""
    return msgspec.structs.replace(Governed("", chain, EVERYONE, default), **changes)


def network_map(
    *rules: Rule,
    serial: int = 1,
    on: tuple[Governed, ...] | None = None,
    mode: Mode = Mode.enforce,
    resources: tuple[RoutedResource, ...] = (),
) -> NetworkMap:
    """A map with rules; what comes in is governed, and dropped by default."""
    return NetworkMap(ORG, PEER, serial, 1, mode, AgentSettings(), (governed(),) if on is None else on, rules, resources)
