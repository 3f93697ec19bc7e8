"""The inventory's pages: what an organisation has, one tab for each kind, and one page for each thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from meshtrail.web.collectors import ago
from meshtrail.web.inventory_lines import Named
from meshtrail.web.pages import Choice, Failure, Shell
from meshtrail.web.viewer import Viewer

LINES_MAX = 500
"""Things of one page: of more one is searched for, and a page of all would take seconds to build and to read."""

SEARCH_FROM = 20
"""From so many things on there is a field to search them."""

SEARCH_CHARACTERS_MAX = 200
"""What is typed beyond is not looked at."""

_SEARCHED = (
    "name",
    "id",
    "hostname",
    "addresses",
    "people",
    "system",
    "groups",
    "email",
    "description",
    "resources",
    "state",
    "status",
    "role",
)
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


class Line(Protocol):
    """What a tab lists."""

    @property
    def id(self) -> str:
        """Of the thing."""
        ...

    @property
    def name(self) -> str:
        """Of the thing."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What a tab shows."""

    lines: tuple[Any, ...]
    """No more than `LINES_MAX`."""
    matching: int
    """How many there are that match the search."""
    total: int
    groups: tuple[Named, ...] = ()
    """With enrolment keys: the groups that a new one may name."""


def listing(lines: Sequence[Line], search: str, groups: tuple[Named, ...] = ()) -> Listing:
    """The lines in which all words of the search occur."""
    words = search.lower().split()
    found = [line for line in lines if _matches(line, words)] if words else lines
    return Listing(tuple(found[:LINES_MAX]), len(found), len(lines), groups)


def _matches(line: Line, words: Sequence[str]) -> bool:
    text = _searched(line)
    return all(word in text for word in words)


def _searched(line: Line) -> str:
    values: list[str] = []
    for name in _SEARCHED:
        value = getattr(line, name, "")
        values += [str(getattr(each, "name", each)) for each in value] if isinstance(value, tuple) else [str(value)]
    return " ".join(values).lower()


class InventoryPages(Protocol):
    """Where the pages read the inventory. Whoever looks is told no more than their rights allow."""

    async def listed(self, org_id: str, tab: str, who: Viewer, search: str) -> Listing:
        """What a tab shows."""
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
    """What `InventoryPages` answered: a `Listing`, or one thing; None after a failure."""
    now: datetime
    failure: Failure | None
    again: str
    origin: str
    """Scheme and host of this server, for commands to copy."""
    search: str = ""
    """What is searched for."""

    @property
    def searchable(self) -> bool:
        """Whether there is a field to search."""
        return bool(self.search) or (isinstance(self.data, Listing) and self.data.total >= SEARCH_FROM)

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that a user may get."""
        return ROLES

    def ago(self, text: str) -> str:
        """How long ago a time was."""
        return ago(text, self.now)

    @property
    def thing_path(self) -> str:
        """Of a page about what happened to a thing: that of the thing."""
        return self.again.removesuffix("/activity")

    def traffic(self, **conditions: str) -> str:
        """Address of the traffic of the last day that meets these conditions."""
        return "/traffic?" + urlencode({**conditions, "last": "24h"})

    def changes(self, identifier: str) -> str:
        """Address of all audit events about a thing."""
        return "/audit?" + urlencode({"target_id": identifier, "from": EVER})


def tabs(current: str, who: Viewer) -> tuple[Choice, ...]:
    """The tabs that this person may see."""
    return tuple(Choice(heading, f"/inventory/{name}", name == current) for name, heading, right in TABS if who.may(right))


HEADINGS: Mapping[str, str] = {name: heading for name, heading, _ in TABS}
