"""The matches of nft rules, as its JSON wants them. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from meshtrail.model.network_map import PortRange, Protocol, Rule

Match = dict[str, Any]
PORT_MAX = 65_535


def equal(left: Match, right: object) -> Match:
    """One match."""
    return {"match": {"op": "==", "left": left, "right": right}}


def nfproto(family: str) -> Match:
    """Any packet of an address family: `ip` or `ip6`."""
    return equal({"meta": {"key": "nfproto"}}, "ipv4" if family == "ip" else "ipv6")


def element(network: IPv4Network | IPv6Network) -> object:
    """A network as a value: an address where it is one."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}


def address_match(family: str, side: str, network: IPv4Network | IPv6Network) -> Match:
    """An address (`saddr`, `daddr`) in a network."""
    return equal({"payload": {"protocol": family, "field": side}}, element(network))


_ICMPV6_TYPES = {
    "nd-router-solicit": 133, "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137,
    "mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132, "mld2-listener-report": 143,
}  # fmt: skip

HARMLESS_TYPES = frozenset(_ICMPV6_TYPES.values())
"""Neighbour discovery (RFC 4861) and multicast listener discovery (RFC 3810): without them there is no IPv6."""

HARMLESS_ICMPV6 = [
    equal({"payload": {"protocol": "icmpv6", "field": "type"}}, {"set": sorted(_ICMPV6_TYPES, key=_ICMPV6_TYPES.__getitem__)})
]


def at_server(address: str, port: int) -> list[Match] | None:
    """The server's answers. Not its requests to connect, so that its port opens no way around the rules. None for what is
    no address: a rule must not keep the others from being loaded."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    flags = {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "ack"]]}
    return [
        equal({"payload": {"protocol": "ip" if parsed.version == 4 else "ip6", "field": "saddr"}}, str(parsed)),
        equal({"payload": {"protocol": "tcp", "field": "sport"}}, port),
        {"match": {"op": "!=", "left": flags, "right": "syn"}},
    ]


def protocol_match(rule: Rule, family: str) -> list[Match]:
    """The rule's protocol; ports make `all` TCP and UDP."""
    left = {"meta": {"key": "l4proto"}}
    if rule.protocol is Protocol.icmp:
        return [equal(left, "icmp" if family == "ip" else "ipv6-icmp")]
    if rule.protocol is not Protocol.all:
        return [equal(left, rule.protocol.value)]
    return [equal(left, {"set": ["tcp", "udp"]})] if rule.ports else []


def port_ranges(rule: Rule) -> list[tuple[int, int]]:
    """The rule's ports; none where all match. ICMP has none, so that they are ignored there."""
    merged = [] if rule.protocol is Protocol.icmp else merge(rule.ports)
    return [] if merged == [(0, PORT_MAX)] else merged


def port_value(start: int, end: int) -> object:
    """Ports as a value."""
    return start if start == end else {"range": [start, end]}


def port_match(value: object) -> Match:
    """A destination port."""
    return equal({"payload": {"protocol": "th", "field": "dport"}}, value)


def merge(ports: Iterable[PortRange]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch or overlap joined: nft takes no overlaps."""
    merged: list[tuple[int, int]] = []
    for each in sorted(ports, key=lambda each: (each.start, each.end)):
        if merged and each.start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], each.end))
        else:
            merged.append((each.start, each.end))
    return merged
