"""Shapes that several of NetBird's routes share. Empty lists are lists, never null."""

from typing import Any

import msgspec

from meshtrail.common.clock import rfc3339
from meshtrail.control.inventory import Group, Reference, Snapshot

JSON_BYTES_MAX = 4 * 1024**2
"""A group of twenty thousand peers fits."""

NEVER = "0001-01-01T00:00:00Z"
"""How NetBird writes a time that never was."""


class GroupMinimum(msgspec.Struct):
    """A group in the answers of others."""

    id: str
    name: str
    peers_count: int
    resources_count: int
    issued: str = "api"


class ResourceShape(msgspec.Struct):
    """A resource or peer by id; `type` is host, subnet, domain or peer."""

    id: str
    type: str

    def reference(self) -> Reference:
        """As the control store has it."""
        return Reference(self.id, self.type)


def group_minimum(snapshot: Snapshot, group: Group) -> GroupMinimum:
    """The short form."""
    things = sum(each in snapshot.resources for each in group.resources)
    return GroupMinimum(group.id, group.name, len(snapshot.members[group.id]), things)


def groups_of(snapshot: Snapshot, ids: tuple[str, ...]) -> list[GroupMinimum]:
    """The short forms of those that are there."""
    return [group_minimum(snapshot, snapshot.groups[each]) for each in ids if each in snapshot.groups]


def time(microseconds: int | None) -> str:
    """RFC 3339."""
    return NEVER if microseconds is None else rfc3339(microseconds)


NOTHING: dict[str, Any] = {}
"""What NetBird answers to a deletion."""
