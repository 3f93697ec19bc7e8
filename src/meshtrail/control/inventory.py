"""What an organisation has: peers, groups, policies, networks, settings. Values without behaviour; a *snapshot* is all of
them at one moment, and everything that is computed for agents is computed from one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from meshtrail.control.history import Revision
from meshtrail.control.overlay import Addresses, overlay_addresses
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.network_map import Action, Mode, PortRange, Protocol, ResourceType

ALL = "All"
"""Name of the built-in group that holds every peer."""

NETWORK_RANGE = "100.64.0.0/10"
"""Overlay addresses unless told otherwise: the shared space (RFC 6598) that WireGuard meshes use."""


class Reference(msgspec.Struct, frozen=True):
    """One resource or peer at an end of a rule."""

    id: str
    type: str
    """`host`, `subnet`, `domain` or `peer`."""


class PolicyRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who may (or may not) reach whom. An end is either groups or one resource or peer."""

    id: str
    name: str
    description: str = ""
    enabled: bool = True
    action: Action = Action.accept
    bidirectional: bool = False
    protocol: Protocol = Protocol.all
    ports: tuple[int, ...] = ()
    port_ranges: tuple[PortRange, ...] = ()
    sources: tuple[str, ...] = ()
    """Ids of groups."""
    destinations: tuple[str, ...] = ()
    source_resource: Reference | None = None
    destination_resource: Reference | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that belong together, in one version."""

    id: str
    name: str
    description: str = ""
    enabled: bool = True
    version: int = 1
    """Grows with each change."""
    created_at: int = 0
    posture_checks: tuple[str, ...] = ()
    """Ids as they were given. Posture is not checked."""
    rules: tuple[PolicyRule, ...] = ()


class PolicyVersion(msgspec.Struct, frozen=True):
    """A policy as it was from one moment to another (microseconds)."""

    policy: Policy
    valid_from: int
    valid_until: int | None


class Group(msgspec.Struct, frozen=True):
    """Peers and resources under one name."""

    id: str
    name: str
    built_in: bool
    peers: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class Network(msgspec.Struct, frozen=True):
    """Resources behind routing peers."""

    id: str
    name: str
    description: str = ""
    default: Action | None = None
    """What becomes of connections to its resources that no rule matches; None: what the overlay's default says."""


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a network."""

    id: str
    network_id: str
    name: str
    description: str = ""
    type: ResourceType
    address: str
    """A CIDR, or a domain name."""
    enabled: bool = True


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """Which peers lead into a network: one, or those of groups."""

    id: str
    network_id: str
    peer: str | None = None
    peer_groups: tuple[str, ...] = ()
    metric: int = 9_999
    """Lower is preferred."""
    masquerade: bool = True
    enabled: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an organisation has set for its agents."""

    mode: Mode = Mode.observe
    overlay_default: Action = Action.drop
    """What becomes of connections from the overlay that no rule matches, when the mode is `enforce`."""
    network_range: str = NETWORK_RANGE
    """The overlay's IPv4 addresses (CIDR)."""
    network_range_v6: str = ""
    """The overlay's IPv6 addresses (CIDR); empty: IPv6 is not governed."""
    network_traffic_logs_enabled: bool = True
    network_traffic_logs_groups: tuple[str, ...] = ()
    """Only peers of these groups report; none: all do."""
    network_traffic_packet_counter_enabled: bool = True
    collect_dns: bool = True
    collect_exit_node: bool = True
    progress_interval_s: int = 60

    @property
    def ranges(self) -> tuple[str, ...]:
        """The overlay's networks."""
        return tuple(each for each in (self.network_range, self.network_range_v6) if each)


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """A machine that reports; a peer when it is enrolled."""

    id: str
    name: str
    facts: Facts
    """What its agent said of it last."""
    enrolled_at: int | None = None
    claims: Mapping[str, int] = field(default_factory=dict)
    """Since when (microseconds) it says that it has which address."""
    source: object = None
    """What it was read from, to know it again."""


@dataclass(frozen=True)
class Snapshot:
    """An organisation at one moment. Everything is keyed by id, in the order in which it was made."""

    org_id: str
    settings: Settings = field(default_factory=Settings)
    machines: Mapping[str, PeerRecord] = field(default_factory=dict)
    """All that report and were not removed."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    routers: Mapping[str, Router] = field(default_factory=dict)
    revision: Revision | None = None
    """The revision with which it came to be so; None: nothing was ever changed."""

    @cached_property
    def peers(self) -> Mapping[str, PeerRecord]:
        """The machines that are enrolled."""
        return {identifier: machine for identifier, machine in self.machines.items() if machine.enrolled_at is not None}

    @cached_property
    def overlay(self) -> Mapping[str, Addresses]:
        """Each peer's addresses in the overlay."""
        return overlay_addresses({peer.id: peer.claims for peer in self.peers.values()}, self.settings.ranges)

    @cached_property
    def members(self) -> Mapping[str, frozenset[str]]:
        """Peers of each group."""
        everybody = frozenset(self.peers)
        return {group.id: everybody if group.built_in else everybody.intersection(group.peers) for group in self.groups.values()}

    @cached_property
    def groups_of_peers(self) -> Mapping[str, tuple[Group, ...]]:
        """Groups of each peer, by name."""
        found: dict[str, list[Group]] = {identifier: [] for identifier in self.peers}
        for group in sorted(self.groups.values(), key=lambda group: group.name):
            for peer in self.members[group.id]:
                found[peer].append(group)
        return {identifier: tuple(groups) for identifier, groups in found.items()}

    @cached_property
    def groups_of_resources(self) -> Mapping[str, tuple[Group, ...]]:
        """Groups of each resource, by name."""
        found: dict[str, list[Group]] = {identifier: [] for identifier in self.resources}
        for group in sorted(self.groups.values(), key=lambda group: group.name):
            for resource in group.resources:
                if resource in found:
                    found[resource].append(group)
        return {identifier: tuple(groups) for identifier, groups in found.items()}
