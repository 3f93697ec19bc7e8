"""Rules in plain Python. That the kernel does the same is shown by `test_oracle.py`."""

from ipaddress import ip_address
from typing import Any

import pytest

from meshtrail.agent.decision import UNDECIDED
from meshtrail.agent.firewall.decide import ICMP, ICMPV6, TCP, UDP, Asked, decide
from meshtrail.agent.firewall.naming import DEFAULT_DENY, decision_of
from meshtrail.model.network_map import Action, Chain, Mode, Protocol
from tests.agent.firewall.maps import governed, network_map, rule


def _asked(port: int | None = 443, protocol: int = TCP, source: str = "10.77.0.2", to: str = "10.77.0.1", **changes: Any) -> Asked:
    fields: dict[str, Any] = {"chain": Chain.input, "protocol": protocol, "port": port, **changes}
    return Asked(source=ip_address(source), destination=ip_address(to), **fields)


def test_verdicts() -> None:
    """A rule that matches decides, drops first; else the default; and what is not governed is left alone."""
    accepting, dropping = rule("a", (400, 500)), rule("b", 450, action=Action.drop)
    wanted = network_map(accepting, dropping)
    found = [decide(wanted, _asked(port)) for port in (443, 450, 600)]
    assert [each.action for each in found] == [Action.accept, Action.drop, Action.drop]
    assert [each.decision for each in found] == [decision_of(accepting), decision_of(dropping), DEFAULT_DENY]
    assert [each.rule for each in found] == [accepting, dropping, None]
    elsewhere = decide(wanted, _asked(source="192.0.2.1"))
    assert (elsewhere.action, elsewhere.decision, elsewhere.governed) == (Action.accept, UNDECIDED, None)


def test_protocols() -> None:
    """`icmp` is that of the family; neighbour discovery is nobody's business; ports make `all` TCP and UDP."""
    pings = network_map(rule("a", protocol=Protocol.icmp))
    six = {"source": "fd77::2", "to": "fd77::1"}
    assert decide(pings, _asked(None, ICMP)).action == decide(pings, _asked(None, ICMPV6, **six)).action == Action.accept
    assert decide(pings, _asked(None, ICMPV6)).action is Action.drop
    assert decide(network_map(), _asked(None, ICMPV6, **six, icmp_type=135)).governed is None
    ports = network_map(rule("a", 443, protocol=Protocol.all))
    assert [decide(ports, _asked(443, number)).action for number in (TCP, UDP, 132)] == [Action.accept, Action.accept, Action.drop]


def test_names() -> None:
    """A name is where its addresses are; without any, nowhere."""
    named = network_map(rule("a", domains=("db.test",)))
    assert decide(named, _asked()).action is Action.drop
    assert decide(named, _asked(), {"db.test": [ip_address("10.77.0.1")]}).action is Action.accept


def test_output() -> None:
    """What leaves is never blocked."""
    wanted = network_map(rule("a", chain=Chain.output, action=Action.drop), on=(governed(Chain.output),))
    found = decide(wanted, _asked(chain=Chain.output))
    assert (found.action, found.decision) == (Action.accept, UNDECIDED) and found.rule is not None


@pytest.mark.parametrize("default", list(Action))
def test_defaults(default: Action) -> None:
    """The default is that of the first that matches; a map to be observed decides nothing."""
    wanted = network_map(on=(governed(default=default), governed(default=Action.drop)))
    assert decide(wanted, _asked()).action is default
    observed = network_map(mode=Mode.observe)
    assert decide(observed, _asked()).governed is None
