"""What a book is made of: the rules of an organisation at one moment, with numbers for peers, groups, networks and resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import numpy as np


@dataclass(frozen=True, slots=True)
class Line:
    """A rule, as it is told with a connection."""

    policy_id: str
    policy_name: str
    policy_version: int
    rule_id: str
    accept: bool


@dataclass(frozen=True, slots=True)
class Ends:
    """Peers at one end of a rule: those of groups, and perhaps one by itself."""

    groups: tuple[int, ...] = ()
    peer: int = -1


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a policy."""

    line: Line
    sources: Ends
    destinations: Ends
    resources: tuple[int, ...]
    """Resources at its destination."""
    protocol: str
    """`all`, `tcp`, `udp` or `icmp`; `icmp` is that of the connection's address family."""
    ports: tuple[tuple[int, int], ...] = ()
    """Ranges, both ends included; none: all. With ports, `all` is TCP and UDP."""
    bidirectional: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """An enabled resource of a network that somebody routes."""

    id: str
    network: int
    prefix: IPv4Network | IPv6Network | None
    """None: a domain, whose addresses are not known here."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything, at one moment."""

    peers: Sequence[str]
    """Ids."""
    addresses: Mapping[bytes, int]
    """Peers by their addresses in the overlay (16 bytes, IPv4 mapped)."""
    ranges: Sequence[IPv4Network | IPv6Network]
    """The overlay. What does not come from it is not governed by rules."""
    members: np.ndarray
    """Which peers (columns) are in which groups (rows)."""
    rules: Sequence[Rule]
    """In the order in which they are tried: drops before accepts."""
    places: Sequence[Place]
    network_accepts: Sequence[bool]
    """Whether each network lets in what no rule names. Networks are numbered in the order in which they are tried."""
    routers: Mapping[str, frozenset[int]]
    """Networks of each routing peer, by its id."""
    accepts: bool
    """Whether the overlay lets in what no rule names."""
    ordered: bool
    """Whether rules are tried in this order: those that we enforce are. Of others it is only known that drops come first."""
