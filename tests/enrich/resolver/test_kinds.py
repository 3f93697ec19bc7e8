"""Kinds of traffic: protocol and port."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meshtrail.enrich.resolver import bits
from meshtrail.enrich.resolver.kinds import NO_PORT, Kinds
from meshtrail.enrich.resolver.material import Ends, Line, Rule

_PORT = st.integers(0, 65_535)
_RANGES = st.lists(st.tuples(_PORT, _PORT).map(lambda ends: (min(ends), max(ends))), max_size=3).map(tuple)
_RULES = st.lists(st.tuples(st.sampled_from(["all", "tcp", "udp", "icmp"]), _RANGES), max_size=8)


def rule(protocol: str, ports: tuple[tuple[int, int], ...]) -> Rule:
    """A rule of which only protocol and ports matter."""
    return Rule(Line("p", "policy", 1, "r", True), Ends(), Ends(), (), protocol, ports)


def matches(protocol: str, ports: tuple[tuple[int, int], ...], asked: int, port: int, is_v4: bool) -> bool:
    """What a rule's protocol and ports say of one connection."""
    if protocol == "icmp":
        return asked == (1 if is_v4 else 58)
    numbers = {"tcp": {6}, "udp": {17}, "all": {6, 17} if ports else {*range(256)}}[protocol]
    return asked in numbers and (not ports or any(start <= port <= end for start, end in ports))


@given(_RULES, st.lists(st.tuples(st.sampled_from([6, 17, 1, 58, 47]), _PORT | st.just(NO_PORT), st.booleans()), min_size=1, max_size=20))
def test_kinds_match_as_rules_do(rules: list[tuple[str, tuple[tuple[int, int], ...]]], asked: list[tuple[int, int, bool]]) -> None:
    """For any rules and any connection; edges of ranges are met by shrinking."""
    kinds = Kinds([rule(*each) for each in rules])
    edges = [(6, edge, True) for _, ranges in rules for start, end in ranges for edge in (start, end, min(end + 1, 65_535))]
    asked = asked + edges
    protocols, ports, families = (np.array(column) for column in zip(*asked, strict=True))
    for (protocol, port, is_v4), kind in zip(asked, kinds.of(protocols, ports, families), strict=True):
        found = bits.numbers(kinds.rows[kind], 100)
        assert found == [number for number, each in enumerate(rules) if matches(*each, protocol, port, is_v4)]


def test_few_kinds() -> None:
    """Ports that the same rules are about are one kind."""
    kinds = Kinds([rule("tcp", ((80, 80), (443, 443))), rule("tcp", ((443, 443),))])
    asked = np.array([80, 443, 22, 65_535])
    found = kinds.of(np.full(4, 6), asked, np.full(4, True))
    assert len(set(found.tolist())) == 3
    assert found[2] == found[3]
