"""From maps to statements of nft."""

import json

import pytest

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.compile import Endpoint, Options, compile_map
from meshtrail.agent.firewall.naming import decision_of
from meshtrail.agent.firewall.ruleset import Names, Ruleset
from meshtrail.model.network_map import Action, Chain, Mode, NetworkMap, Protocol
from tests.agent.firewall.maps import governed, network_map, rule

BOTH = (governed(), governed(Chain.forward), governed(Chain.output))


def _compiled(compiled: NetworkMap, **options: object) -> Ruleset:
    numbers = {decision_of(each): number for number, each in enumerate(compiled.rules, 1) if each.action is Action.accept}
    return compile_map(compiled, numbers, {}, Options(**options))  # type: ignore[arg-type]


def _rules(ruleset: Ruleset, chain: str) -> list[str]:
    """The rules of a chain, as text in which a test can look."""
    found = [each["add"]["rule"] for each in ruleset.rules]
    return [json.dumps(each["expr"]) for each in found if each["chain"] == chain]


def test_drops_come_first() -> None:
    """Whatever the order in the map, drops are tried before accepts, and each accept goes to its number."""
    ruleset = _compiled(network_map(rule("a", 22), rule("b", 22, action=Action.drop)))
    targets = [text.split('"target": ')[1] for text in _rules(ruleset, "input_rules")]
    assert [target.split('"')[1].split("_")[0] for target in targets] == ["drop", "drop", "accept", "accept"]


def test_marks_keep_other_bits() -> None:
    """A number is written into its bits only, once, on new connections; packets without a connection are accepted too."""
    written, accepted = _rules(_compiled(network_map(rule("a"))), "accept_1")
    assert '{"|": [{"&": [{"ct": {"key": "mark"}}, 16777215]}, 16777216]}' in written and '"right": "new"' in written
    assert accepted == '[{"accept": null}]'
    assert "983055}, 16" not in _rules(_compiled(network_map(rule("a")), mask=0xFFF0), "accept_1")[0]
    assert '{"ct": {"key": "mark"}}, 4294901775]}, 16]}' in _rules(_compiled(network_map(rule("a")), mask=0xFFF0), "accept_1")[0]


def test_denials_are_counted_and_logged() -> None:
    """A drop counts, logs within the limit under its own prefix, and drops."""
    ruleset = _compiled(network_map(rule("a", action=Action.drop)), nflog_group=77)
    logged, dropped = next(_rules(ruleset, name) for name in ruleset.chains if name.startswith("drop_"))
    assert logged.index("denied") < logged.index("limit") < logged.index("logged") < logged.index("prefix")
    assert '"prefix": "meshtrail:policy-a:rule-a@1:D", "group": 77, "snaplen": 96, "queue-threshold": 64' in logged
    assert dropped == '[{"drop": null}]'
    assert '"meshtrail::@0:D"' in _rules(ruleset, "input_default_drop")[1]


def test_output_never_blocks() -> None:
    """The output chain has neither drops nor logs, whatever the map says."""
    compiled = network_map(rule("a", chain=Chain.output, action=Action.drop), rule("b", chain=Chain.output), on=(governed(Chain.output),))
    text = json.dumps(_compiled(compiled).rules)
    assert '"drop"' not in text and '"log"' not in text and "accept_2" in text


def test_server_comes_first() -> None:
    """Answers of the server are accepted before anything else, of both families."""
    servers = (Endpoint("::ffff:10.0.0.9", 443), Endpoint("nonsense", 1), Endpoint("fd00::9%eth0", 8765))
    rules = _rules(_compiled(network_map(), servers=servers), "input")
    assert "10.0.0.9" in rules[0] and "443" in rules[0] and '"fd00::9"' in rules[1] and '"lo"' in rules[2]


def test_families_and_nothing() -> None:
    """A rule has a part for each family with addresses on both sides; without sources it matches nothing."""
    mixed = rule("a", sources=("10.0.0.0/8", "fd00::/8"), destinations=("10.1.0.0/16",), chain=Chain.forward)
    ruleset = _compiled(network_map(mixed, rule("b", sources=()), on=BOTH))
    assert len(_rules(ruleset, "forward_rules")) == 1 and not _rules(ruleset, "input_rules")
    everywhere = _rules(_compiled(network_map(rule("a", sources=("0.0.0.0/0",)))), "input_rules")
    assert len(everywhere) == 1 and "ipv4" in everywhere[0] and "saddr" not in everywhere[0]


def test_unresolved_domain() -> None:
    """A domain without addresses is nowhere, not everywhere; with addresses it is there."""
    named = rule("a", chain=Chain.forward, domains=("db.example.org",))
    assert not _rules(_compiled(network_map(named, on=BOTH)), "forward_rules")
    from ipaddress import ip_address

    ruleset = compile_map(network_map(named, on=BOTH), {}, {"db.example.org": [ip_address("10.9.0.1")]}, Options())
    assert "10.9.0.1" in _rules(ruleset, "forward_rules")[0]


def test_protocols_and_ports() -> None:
    """`icmp` is that of the family and has no ports; ports make `all` TCP and UDP; ranges that touch are one."""
    ports = rule("b", (80, 90), (91, 95), 95, protocol=Protocol.all)
    ruleset = _compiled(network_map(rule("a", 80, protocol=Protocol.icmp), ports, rule("c", (0, 65_535)), rule("d", 1, 3)))
    rules = _rules(ruleset, "input_rules")
    assert '"icmp"' in rules[0] and '"ipv6-icmp"' in rules[1] and "dport" not in rules[0]
    assert '["tcp", "udp"]' in rules[2] and '"range": [80, 95]' in rules[2]
    assert "dport" not in rules[4] and '"@inet_service_' in rules[6]


def test_sets_are_shared() -> None:
    """Rules with the same addresses share a set, overlapping networks are one, and a small change leaves the sets alone."""
    many = ("10.1.0.0/24", "10.1.0.7/32", "10.3.0.0/24")
    first = _compiled(network_map(*(rule(str(number), number, sources=many) for number in range(50))))
    assert len(first.sets) == 1
    assert any(each["add"]["set"]["elem"] == [{"prefix": {"addr": "10.1.0.0", "len": 24}}, {"prefix": {"addr": "10.3.0.0", "len": 24}}]
               for each in first.sets.values())  # fmt: skip
    second = _compiled(network_map(*(rule(str(number), number, sources=many) for number in range(60))))
    change = second.change_from(first.names)
    assert change is not None and not [each for each in change if "set" in each.get("add", {}) or "set" in each.get("delete", {})]


def test_large_changes_are_made_afresh() -> None:
    """When too many sets change, the whole table is the shorter way."""
    count = limits.SETS_CHANGED_MAX + 1
    rules = (rule(str(number), sources=(f"10.{number >> 8}.{number & 255}.1", "10.0.0.4")) for number in range(count))
    assert _compiled(network_map(*rules)).change_from(Names()) is None


def test_observing_governs_nothing() -> None:
    """A map that is to be observed compiles to nothing that blocks."""
    assert not _compiled(network_map(rule("a", action=Action.drop), mode=Mode.observe)).chains


@pytest.mark.parametrize("mask", [0, 0xF0F0, 2**32])
def test_masks(mask: int) -> None:
    """A mask is one row of bits."""
    with pytest.raises(ValueError, match="row of bits"):
        Options(mask=mask)


def test_capacity() -> None:
    """Eight bits are 255 numbers."""
    assert Options().capacity == 255 and Options().shift == 24 and Options(mask=0xFFFFFFFF).capacity == limits.NUMBERS_MAX
