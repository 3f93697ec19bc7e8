"""What the server tells a peer's agent: which rules are in force for it, and what it is to report.

The *network map* (NetBird's word) of one peer holds the rules that concern it, with addresses instead of groups: the agent
needs no directory. It travels in a signed *envelope*; the agent keeps the envelope on disk, and enforces the last one it
has when the server cannot be reached. The agent and the server both import this file, so it imports nothing heavy.
"""

from enum import StrEnum

import msgspec

SIGNED_PREFIX = b"meshtrail network map v1\n"
"""Comes before the payload in what is signed (Ed25519, RFC 8032), so that a signature of ours means one thing only."""

ENROL_PREFIX = b"meshtrail enrol v1\n"
"""The same for a peer's request to be enrolled: prefix, enrolment key, newline, time in microseconds as decimal text."""

TOKEN_PREFIX = b"meshtrail token v1\n"
"""The same for a peer's request of a new token: prefix, peer id, newline, time in microseconds as decimal text."""

RULES_MAX = 10_000
"""Rules of one map: nft loads five thousand in a third of a second."""


class Mode(StrEnum):
    """What the agent does with the rules."""

    observe = "observe"
    """Only report: the rules that decide are somebody else's, and are read from the kernel."""
    enforce = "enforce"
    """Program them, and report which one decided."""


class Action(StrEnum):
    """What a rule does with a connection that it matches."""

    accept = "accept"
    drop = "drop"


class Protocol(StrEnum):
    """The protocols of a rule; `icmp` is ICMP and ICMPv6."""

    all = "all"
    tcp = "tcp"
    udp = "udp"
    icmp = "icmp"


class Chain(StrEnum):
    """Where a rule stands, seen from the peer: connections to it, from it, and through it."""

    input = "input"
    output = "output"
    """Never blocks: it says which rule let a connection of this peer leave, and the other end decides."""
    forward = "forward"


class PortRange(msgspec.Struct, frozen=True):
    """Destination ports, both ends included."""

    start: int
    end: int


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule as it concerns this peer. Rules are tried in order, drops before accepts."""

    policy_id: str
    policy_name: str
    policy_version: int
    """Grows with each change of the policy."""
    rule_id: str
    chain: Chain
    action: Action
    protocol: Protocol
    sources: tuple[str, ...]
    """Networks in CIDR notation, IPv4 and IPv6; none: no address matches."""
    destinations: tuple[str, ...] = ()
    """The same. With `domains`, what they resolve to comes on top."""
    domains: tuple[str, ...] = ()
    """Names whose addresses are destinations too; the agent resolves them from time to time."""
    ports: tuple[PortRange, ...] = ()
    """None: all ports."""
    resource_id: str | None = None
    """The resource that the destination is, when it stands behind a routing peer."""
    resource_name: str | None = None


class Governed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Connections that the rules are about, and what becomes of those that no rule matches. What is not governed is left
    alone, so that a machine stays reachable by its other addresses. Tried in order; the first that matches decides."""

    network_id: str
    """The network with this default; empty for the overlay itself."""
    chain: Chain
    sources: tuple[str, ...]
    default: Action
    destinations: tuple[str, ...] = ()
    """None (and no domains): any destination."""
    domains: tuple[str, ...] = ()


class ResourceType(StrEnum):
    """What a resource's address is."""

    host = "host"
    subnet = "subnet"
    domain = "domain"


class RoutedResource(msgspec.Struct, frozen=True):
    """A resource for which this peer is a routing peer."""

    id: str
    name: str
    type: ResourceType
    address: str
    """A CIDR, or a domain name (`*.` in front: and all below it)."""
    network_id: str
    masquerade: bool


class AgentSettings(msgspec.Struct, frozen=True):
    """What the agent reports."""

    collect: bool = True
    """Report connections at all."""
    packet_counters: bool = True
    """Count packets and bytes in the kernel (`nf_conntrack_acct`)."""
    collect_dns: bool = True
    """Report connections to port 53."""
    collect_exit_node: bool = True
    """Report connections that are forwarded to public addresses."""
    progress_interval_s: int = 60
    """How often an open connection is reported again while its counters grow; 0: only start and end."""


class NetworkMap(msgspec.Struct, frozen=True):
    """All that concerns one peer."""

    org_id: str
    peer_id: str
    serial: int
    """Grows with every change; a map with a smaller one is refused."""
    issued_at: int
    """Microseconds since the epoch."""
    mode: Mode
    settings: AgentSettings
    governed: tuple[Governed, ...] = ()
    rules: tuple[Rule, ...] = ()
    resources: tuple[RoutedResource, ...] = ()


class Envelope(msgspec.Struct, frozen=True):
    """A signed map: the answer of `GET /api/v1/agent/network-map`, and the file on the agent's disk."""

    payload: bytes
    """The map as JSON: exactly the bytes that are signed. Base64 in JSON."""
    key_id: str
    """Which of the server's keys signed."""
    signature: bytes
    """Ed25519 over `SIGNED_PREFIX` and the payload. Base64 in JSON."""


class Enrol(msgspec.Struct, frozen=True):
    """Body of `POST /api/v1/agent/enrol`: an enrolment key turns a machine into a peer."""

    enrolment_key: str
    public_key: bytes
    """Ed25519, 32 bytes."""
    name: str
    os: str | None
    addresses: tuple[str, ...]
    at: int
    """The peer's clock, microseconds; the server takes five minutes of difference."""
    signature: bytes
    """Over `ENROL_PREFIX`, by the private key of `public_key`."""


class Enrolled(msgspec.Struct, frozen=True):
    """Its answer. The token is shown this once."""

    org_id: str
    peer_id: str
    token: str
    token_expires_at: int
    server_key_id: str
    server_key: bytes
    """Ed25519 public key with which maps are signed; the agent trusts it from now on."""


class Renew(msgspec.Struct, frozen=True):
    """Body of `POST /api/v1/agent/token`: a peer proves itself by its key and gets a new token, the old one works ten more
    minutes."""

    peer_id: str
    at: int
    signature: bytes
    """Over `TOKEN_PREFIX`."""


class Renewed(msgspec.Struct, frozen=True):
    """Its answer."""

    token: str
    token_expires_at: int
