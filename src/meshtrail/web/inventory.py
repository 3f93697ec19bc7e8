"""The inventory's pages: what an organisation has, one tab for each kind, and one page for each thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from meshtrail.web.changes import Change
from meshtrail.web.collectors import ago
from meshtrail.web.pages import Choice, Failure, Shell
from meshtrail.web.viewer import Viewer

EVER = "2000-01-01T00:00:00Z"
"""A window from here shows all that is stored."""

TABS = (
    ("peers", "Peers", "peers.read"),
    ("groups", "Groups", "groups.read"),
    ("policies", "Policies", "policies.read"),
    ("networks", "Networks", "networks.read"),
    ("users", "Users", "users.read"),
    ("enrolment-keys", "Enrolment keys", "enrolment_keys.read"),
)
"""Last part of the address, heading, and the right that it takes."""

ROLES = ("owner", "admin", "network_admin", "auditor", "user")
"""Roles that a user may get."""


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


@dataclass(frozen=True, slots=True)
class KeysPage:
    """The keys, and the groups that a new one may name."""

    keys: tuple[KeyLine, ...]
    groups: tuple[Named, ...]


class InventoryPages(Protocol):
    """Where the pages read the inventory. Whoever looks is told no more than their rights allow."""

    async def listed(self, org_id: str, tab: str, who: Viewer) -> Any:
        """What a tab shows: a tuple of lines, or a `KeysPage`."""
        ...

    async def one(self, org_id: str, tab: str, identifier: str, who: Viewer) -> Any:
        """What the page of one thing shows; `NotFoundError` when there is no such thing."""
        ...


@dataclass(frozen=True, slots=True)
class InventoryContext:
    """Everything that a page of the inventory shows."""

    shell: Shell
    tabs: tuple[Choice, ...]
    tab: str
    heading: str
    who: Viewer
    data: Any
    """What `InventoryPages` answered; None after a failure."""
    now: datetime
    failure: Failure | None
    again: str
    origin: str
    """Scheme and host of this server, for commands to copy."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that a user may get."""
        return ROLES

    def ago(self, text: str) -> str:
        """How long ago a time was."""
        return ago(text, self.now)

    def traffic(self, **conditions: str) -> str:
        """Address of the traffic of the last day that meets these conditions."""
        return "/traffic?" + urlencode({**conditions, "last": "24h"})

    def changes(self, identifier: str) -> str:
        """Address of all audit events about a thing."""
        return "/audit?" + urlencode({"target_id": identifier, "from": EVER})


def object_path(tab: str, identifier: str) -> str:
    """Address of the page of one thing."""
    return f"/inventory/{tab}/{quote(identifier, safe='')}"


def tabs(current: str, who: Viewer) -> tuple[Choice, ...]:
    """The tabs that this person may see."""
    return tuple(Choice(heading, f"/inventory/{name}", name == current) for name, heading, right in TABS if who.may(right))


HEADINGS: Mapping[str, str] = {name: heading for name, heading, _ in TABS}
