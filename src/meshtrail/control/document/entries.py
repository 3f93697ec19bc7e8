"""What may stand in the document. A field that is left out stays as it is, or is as it comes for a new thing."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from meshtrail.model.network_map import Action, Mode, PortRange, Protocol

FORMAT: Literal[1] = 1
"""Version of the document's form."""

DefaultAction = Literal["", "accept", "drop"]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the document. Unknown fields are errors: a typing error would be lost otherwise."""


class GroupEntry(_Entry, frozen=True):
    """A group."""

    name: str
    id: str = ""
    """Needed only where the name is not enough: two things have it, or it is to change. An id that is unknown here is ignored."""
    peers: tuple[str, ...] | UnsetType = UNSET
    """Names of peers, or ids where a name is not enough."""


class RuleEntry(_Entry, frozen=True):
    """A rule. All rules of a policy are replaced together."""

    name: str
    description: str = ""
    enabled: bool = True
    action: Action = Action.accept
    bidirectional: bool = False
    protocol: Protocol = Protocol.all
    ports: tuple[int, ...] = ()
    port_ranges: tuple[PortRange, ...] = ()
    sources: tuple[str, ...] = ()
    """Names of groups."""
    destinations: tuple[str, ...] = ()
    """Names of groups."""
    source_peer: str = ""
    """In place of `sources`: one peer."""
    destination_peer: str = ""
    """In place of `destinations`: one peer."""
    destination_resource: str = ""
    """In place of `destinations`: one resource, as `name` or `network/name`."""


class PolicyEntry(_Entry, frozen=True):
    """A policy."""

    name: str
    id: str = ""
    description: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    posture_checks: tuple[str, ...] | UnsetType = UNSET
    rules: tuple[RuleEntry, ...] | UnsetType = UNSET


class ResourceEntry(_Entry, frozen=True):
    """What stands in a network."""

    name: str
    id: str = ""
    address: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    groups: tuple[str, ...] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class RouterEntry(_Entry, frozen=True):
    """What leads into a network: a peer, or the peers of groups. It is known by them."""

    id: str = ""
    peer: str = ""
    peer_groups: tuple[str, ...] = ()
    metric: int | UnsetType = UNSET
    masquerade: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class NetworkEntry(_Entry, frozen=True):
    """A network with what is in it."""

    name: str
    id: str = ""
    description: str | UnsetType = UNSET
    default_action: DefaultAction | UnsetType = UNSET
    """What becomes of connections that no rule matches; empty: what the settings' `overlay_default` says."""
    resources: tuple[ResourceEntry, ...] | UnsetType = UNSET
    routers: tuple[RouterEntry, ...] | UnsetType = UNSET


class KeyEntry(_Entry, frozen=True):
    """An enrolment key without its secret. Keys that are spent are not in the document."""

    name: str
    id: str = ""
    reusable: bool | UnsetType = UNSET
    usage_limit: int | UnsetType = UNSET
    auto_groups: tuple[str, ...] | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    """RFC 3339; empty: never."""


class SettingsEntry(_Entry, frozen=True):
    """Settings of the agents."""

    mode: Mode | UnsetType = UNSET
    overlay_default: Action | UnsetType = UNSET
    network_range: str | UnsetType = UNSET
    network_range_v6: str | UnsetType = UNSET
    network_traffic_logs_enabled: bool | UnsetType = UNSET
    network_traffic_logs_groups: tuple[str, ...] | UnsetType = UNSET
    network_traffic_packet_counter_enabled: bool | UnsetType = UNSET
    collect_dns: bool | UnsetType = UNSET
    collect_exit_node: bool | UnsetType = UNSET
    progress_interval_s: int | UnsetType = UNSET


class Document(_Entry, frozen=True, omit_defaults=False):
    """The document. A section that is left out is left alone, also by pruning."""

    format: Literal[1] = FORMAT
    settings: SettingsEntry | UnsetType = UNSET
    groups: tuple[GroupEntry, ...] | UnsetType = UNSET
    networks: tuple[NetworkEntry, ...] | UnsetType = UNSET
    policies: tuple[PolicyEntry, ...] | UnsetType = UNSET
    enrolment_keys: tuple[KeyEntry, ...] | UnsetType = UNSET


Thing = GroupEntry | NetworkEntry | ResourceEntry | RouterEntry | PolicyEntry | KeyEntry
"""An entry of which there may be many."""


def known_by(entry: Thing) -> str:
    """What tells the thing from others of its kind: its name, or where a router leads through."""
    return entry.name if not isinstance(entry, RouterEntry) else entry.peer or ", ".join(sorted(entry.peer_groups))
