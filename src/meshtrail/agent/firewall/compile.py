"""From a network map to an nft ruleset. Pure: JSON statements out, for one transaction.

    input, forward     the server's own connection · loopback · what is established · neighbour discovery: accepted
                       governed traffic, the first that matches: to `<chain>_default_drop` or `<chain>_default_accept`
    <chain>_default_…  the rules (`<chain>_rules`); then the default
    <chain>_rules      drops, each to a `drop_<n>`; then accepts, each to its `accept_<number>`
    drop_<n>           count; log, as long as the limit lets; drop
    accept_<number>    write the number into the connection's mark, unless it has one; accept
    output             the same, and accepts everything
    postrouting        forwarded connections to resources that are to see this machine's address

A packet that belongs to no tracked connection has no mark, so writing and accepting are two rules. Accepting ends this
table's part only: tables of others still judge. A rule becomes one rule of nft per address family, and its networks a set,
which rules share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.addresses import Networks, Places, Resolved
from meshtrail.agent.firewall.matches import (
    HARMLESS_ICMPV6,
    address_match,
    at_server,
    equal,
    nfproto,
    port_match,
    port_ranges,
    port_value,
    protocol_match,
)  # fmt: skip
from meshtrail.agent.firewall.naming import comment, decision_of, drop_prefix
from meshtrail.agent.firewall.nft import Statement
from meshtrail.agent.firewall.ruleset import COUNTER_DENIED, COUNTER_LOGGED, FAMILY, LIMIT_DENIALS, TABLE, Ruleset, named
from meshtrail.agent.firewall.sets import Sets
from meshtrail.agent.limits import MARK_MASK, NFLOG_GROUP
from meshtrail.model.network_map import Action, Chain, NetworkMap, ResourceType, Rule

PRIORITY = -1
"""Just before the usual filter chains, so that a denial of ours is ours."""

NAT_PRIORITY = 100
"""Where sources are translated (`srcnat`)."""

POSTROUTING = "postrouting"

Expression = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server's address, as connections reach it."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Options:
    """What the ruleset depends on besides the map."""

    mask: int = MARK_MASK
    """Bits of the connection's mark, side by side."""
    nflog_group: int = NFLOG_GROUP
    priority: int = PRIORITY
    servers: tuple[Endpoint, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.mask < 2**32 or (self.mask >> self.shift) & ((self.mask >> self.shift) + 1):
            raise ValueError(f"the mask {self.mask:#x} is not a row of bits of a mark, such as {MARK_MASK:#x}")

    @property
    def shift(self) -> int:
        """The lowest bit of the mask."""
        return (self.mask & -self.mask).bit_length() - 1

    @property
    def capacity(self) -> int:
        """The largest rule number."""
        return min(self.mask >> self.shift, limits.NUMBERS_MAX)


def compile_map(network_map: NetworkMap, numbers: Mapping[Decision, int], resolved: Resolved, options: Options) -> Ruleset:
    """The ruleset of a map. `numbers` are the numbers of accepting rules; a rule without one is enforced and leaves no mark.
    `ValueError` for addresses or versions that are none: maps are checked before."""
    return _Compiler(network_map, numbers, resolved, options).compile()


class _Compiler:
    """Collects the statements of one ruleset."""

    def __init__(self, network_map: NetworkMap, numbers: Mapping[Decision, int], resolved: Resolved, options: Options) -> None:
        self._map = network_map
        self._numbers = numbers
        self._options = options
        self._places = Places(resolved)
        self._made = Ruleset()
        self._sets = Sets()
        self._accepts: dict[int, str] = {}

    def compile(self) -> Ruleset:
        """Everything, in the order in which nft needs it."""
        self._made.objects = [
            {"add": {"counter": named(COUNTER_DENIED)}},
            {"add": {"counter": named(COUNTER_LOGGED)}},
            {"add": {"limit": {**named(LIMIT_DENIALS), "rate": limits.DENIALS_PER_S_MAX, "per": "second", "burst": limits.DENIALS_BURST}}},
        ]
        for chain in (Chain.input, Chain.forward, Chain.output):
            self._hook(chain)
        self._translate()
        self._made.sets = self._sets.statements
        return self._made

    def _hook(self, chain: Chain) -> None:
        """One base chain and what it leads to."""
        hook = {"type": "filter", "hook": chain.value, "prio": self._options.priority, "policy": "accept"}
        self._made.hooks[chain.value] = {"add": {"chain": {**named(chain.value), **hook}}}
        if chain is Chain.input:
            answers = [at_server(server.address, server.port) for server in self._options.servers]
            for matches in filter(None, answers):
                self._add(chain.value, [*matches, {"accept": None}])
            self._add(chain.value, [equal({"meta": {"key": "iifname"}}, "lo"), {"accept": None}])
        self._add(
            chain.value, [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": None}]
        )
        if chain is not Chain.forward:
            self._add(chain.value, [*HARMLESS_ICMPV6, {"accept": None}])
        if self._map.mode != "enforce":
            return
        judges = self._judges(chain)
        for governed in self._map.governed:
            if governed.chain is chain:
                destinations = self._places.destinations(governed.destinations, governed.domains)
                self._place(
                    chain.value, self._places.sources(governed.sources), destinations, [], [{"goto": {"target": judges[governed.default]}}]
                )

    def _translate(self) -> None:
        """Connections to resources that do not know the way back get this machine's address. Only forwarded packets have an
        interface through which they came."""
        resources = [each for each in self._map.resources if each.masquerade] if self._map.mode == "enforce" else []
        if not resources:
            return
        hook = {"type": "nat", "hook": "postrouting", "prio": NAT_PRIORITY, "policy": "accept"}
        self._made.hooks[POSTROUTING] = {"add": {"chain": {**named(POSTROUTING), **hook}}}
        forwarded = {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}
        for resource in resources:
            name = (resource.address,)
            places = ((), name) if resource.type is ResourceType.domain else (name, ())
            destinations = self._places.destinations(*places)
            for governed in self._map.governed:
                if governed.chain is Chain.forward and governed.network_id == resource.network_id:
                    sources = self._places.sources(governed.sources)
                    self._place(POSTROUTING, sources, destinations, [forwarded], [{"masquerade": None}])

    def _judges(self, chain: Chain) -> dict[Action, str]:
        """The chains that try the rules of a hook and then do the default."""
        defaults = {each.default for each in self._map.governed if each.chain is chain}
        if not defaults:
            return {}
        rules = self._chain(f"{chain.value}_rules")
        for action in (Action.drop, Action.accept):
            for rule in self._map.rules:
                if rule.chain is chain and rule.action is action:
                    self._rule(rules, rule)
        if chain is Chain.output:
            return dict.fromkeys(Action, rules)
        judges = {}
        for default in sorted(defaults):
            judges[default] = name = self._chain(f"{chain.value}_default_{default.value}")
            self._add(name, [{"jump": {"target": rules}}])
            if default is Action.drop:
                self._deny(name, drop_prefix(None))
        return judges

    def _rule(self, chain: str, rule: Rule) -> None:
        sources = self._places.sources(rule.sources)
        destinations = self._places.destinations(rule.destinations, rule.domains)
        if rule.action is Action.accept:
            verdict = self._accept(self._numbers.get(decision_of(rule)))
        elif rule.chain is Chain.output:
            verdict = {"accept": None}
        else:
            name = self._chain(f"drop_{len(self._made.chains)}")
            self._deny(name, drop_prefix(rule))
            verdict = {"goto": {"target": name}}
        self._place(chain, sources, destinations, self._ports(rule), [verdict], rule)

    def _accept(self, number: int | None) -> Expression:
        """What accepts with a number. The first number of a connection stays: it is the one of its start."""
        if number is None:
            return {"accept": None}
        if number not in self._accepts:
            self._accepts[number] = name = self._chain(f"accept_{number}")
            mask, mark = self._options.mask, {"ct": {"key": "mark"}}
            written = {"|": [{"&": [mark, 0xFFFFFFFF & ~mask]}, number << self._options.shift]}
            unmarked = equal({"&": [mark, mask]}, 0)
            new = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}
            self._add(name, [new, unmarked, {"mangle": {"key": mark, "value": written}}])
            self._add(name, [{"accept": None}])
        return {"goto": {"target": self._accepts[number]}}

    def _deny(self, chain: str, prefix: str) -> None:
        log = {
            "prefix": prefix, "group": self._options.nflog_group, "snaplen": limits.LOG_BYTES, "queue-threshold": limits.LOG_BATCH,
        }  # fmt: skip
        self._add(chain, [{"counter": COUNTER_DENIED}, {"limit": LIMIT_DENIALS}, {"counter": COUNTER_LOGGED}, {"log": log}])
        self._add(chain, [{"drop": None}])

    def _place(
        self,
        chain: str,
        sources: Networks,
        destinations: Networks | None,
        rest: list[Expression],
        verdict: list[Expression],
        rule: Rule | None = None,
    ) -> None:
        """A rule of nft for each family in which there are addresses on both sides."""
        for number, family in enumerate(("ip", "ip6")):
            froms, tos = sources[number], destinations[number] if destinations is not None else None
            if not froms or tos == ():
                continue
            matches = [*self._address(family, "saddr", froms), *(self._address(family, "daddr", tos) if tos else [])]
            protocol = protocol_match(rule, family) if rule is not None else []
            self._add(chain, [*(matches or [nfproto(family)]), *protocol, *rest, *verdict], rule)

    def _address(self, family: str, side: str, found: Sequence[IPv4Network] | Sequence[IPv6Network]) -> list[Expression]:
        """Nothing where every address matches, a set where there are several."""
        if found[0].prefixlen == 0:
            return [nfproto(family)]
        if len(found) == 1:
            return [address_match(family, side, found[0])]
        return [equal({"payload": {"protocol": family, "field": side}}, self._sets.networks(found))]

    def _ports(self, rule: Rule) -> list[Expression]:
        ranges = port_ranges(rule)
        if not ranges:
            return []
        return [port_match(port_value(*ranges[0]) if len(ranges) == 1 else self._sets.ports(ranges))]

    def _chain(self, name: str) -> str:
        self._made.chains[name] = {"add": {"chain": named(name)}}
        return name

    def _add(self, chain: str, expressions: list[Expression], rule: Rule | None = None) -> None:
        made: Statement = {"family": FAMILY, "table": TABLE, "chain": chain, "expr": expressions}
        if rule is not None:
            made["comment"] = comment(rule)
        self._made.rules.append({"add": {"rule": made}})
