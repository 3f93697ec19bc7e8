"""The things of an inventory as pages show them: values without behaviour."""

from dataclasses import dataclass

from meshtrail.web.changes import Change


@dataclass(frozen=True, slots=True)
class Named:
    """Something else with a page of its own."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who made a change."""

    name: str
    event: str
    """Id of the audit event that says so."""


@dataclass(frozen=True, slots=True)
class PeerLine:
    """A peer."""

    id: str
    name: str
    hostname: str
    """What the machine calls itself."""
    addresses: tuple[str, ...]
    people: tuple[str, ...]
    """Names of its local users."""
    groups: tuple[Named, ...]
    system: str
    state: str
    """How its agent stands, as a collector; empty when that may not be read."""
    reason: str
    seen_at: str
    """RFC 3339; empty when it was never seen."""
    enrolled_at: str
    label: str = ""
    """Its name in the DNS."""
    policies: tuple[Named, ...] = ()
    """Policies that name one of its groups, or itself."""


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group."""

    id: str
    name: str
    built_in: bool
    peers: tuple[Named, ...]
    resources: tuple[Named, ...]
    """Their ids are those of their networks, which have the page."""
    policies: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in a sentence."""

    name: str
    text: str
    enabled: bool
    allows: bool


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """A policy as it is now."""

    id: str
    name: str
    description: str
    enabled: bool
    version: int
    rules: tuple[RuleLine, ...]
    changed_at: str
    author: Author | None
    """None when it is not known, or may not be read."""


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A policy as it was."""

    version: int
    name: str
    enabled: bool
    rules: tuple[RuleLine, ...]
    valid_from: str
    valid_until: str
    """Empty while it is in force."""
    author: Author | None
    changes: tuple[Change, ...]
    """What differs from the version before; none for the first."""


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """A policy and what it was."""

    id: str
    name: str
    current: PolicyLine | None
    """None when it was deleted."""
    versions: tuple[VersionLine, ...]
    """Newest first."""
    older: int
    """Versions before those."""


@dataclass(frozen=True, slots=True)
class ResourceLine:
    """What stands in a network."""

    id: str
    name: str
    type: str
    address: str
    enabled: bool
    groups: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class RouterLine:
    """Who leads into a network."""

    id: str
    peer: Named | None
    groups: tuple[Named, ...]
    metric: int
    masquerade: bool
    enabled: bool


@dataclass(frozen=True, slots=True)
class NetworkLine:
    """A network with what is in it."""

    id: str
    name: str
    description: str
    default: str
    """`accept`, `drop`, or empty: what the overlay's default says."""
    resources: tuple[ResourceLine, ...]
    routers: tuple[RouterLine, ...]


@dataclass(frozen=True, slots=True)
class UserLine:
    """A user."""

    id: str
    name: str
    email: str
    kind: str
    role: str
    status: str
    """`active`, `blocked`, `invited`, or `pending`."""
    groups: tuple[Named, ...]
    last_login_at: str
    created_at: str


@dataclass(frozen=True, slots=True)
class KeyLine:
    """An enrolment key without its secret."""

    id: str
    name: str
    hint: str
    reusable: bool
    usage_limit: int
    used_times: int
    groups: tuple[Named, ...]
    state: str
    expires_at: str
    """Empty: it has no end."""
    last_used_at: str
    created_at: str
