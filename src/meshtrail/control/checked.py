"""A question about policies, and its answer."""

from dataclasses import dataclass
from enum import StrEnum

from meshtrail.control.check_ends import End
from meshtrail.control.history import Revision
from meshtrail.control.inventory import Group, PolicyRule


class Outcome(StrEnum):
    """What becomes of the connection."""

    allowed = "allowed"
    denied = "denied"
    not_governed = "not_governed"
    """The rules are not about it."""
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Question:
    """A connection that somebody asks about."""

    source: str
    """A peer's id, name or address, or any address."""
    destination: str
    """The same, or a resource's id, name, address or domain."""
    protocol: int
    """IANA number; ICMP stands for that of the addresses' family."""
    port: int | None = None
    at: int | None = None
    """Microseconds; None: now."""
    via: str | None = None
    """The routing peer through which it would go, by id or name."""
    icmp_type: int | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """Why an end of a rule holds: the group, peer or resource that it names."""

    type: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RuleFound:
    """A rule as it was, and why it is about the connection."""

    policy_id: str
    policy_name: str
    policy_version: int
    valid_from: int | None
    """Since when that version was in force, and until when (microseconds); None: unknown, and not ended."""
    valid_until: int | None
    text: str
    rule: PolicyRule
    reversed: bool
    """Whether the source is at the rule's destination, and the rule works both ways."""
    source: tuple[Named, ...]
    destination: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer."""

    at: int
    revision: Revision | None
    mode: str
    source: End
    destination: End
    outcome: Outcome
    attribution: str
    reason: str
    rule: RuleFound | None = None
    candidates: tuple[RuleFound, ...] = ()
    also: tuple[RuleFound, ...] = ()
    """Rules that are about the connection too, and come after the one that decides."""
    groups: tuple[tuple[Group, ...], tuple[Group, ...]] = ((), ())
    """Groups of both ends."""
