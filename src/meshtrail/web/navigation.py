"""The pages that the bar leads to, and where somebody lands who may not see all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the bar."""

    name: str
    """As templates call it when it is the current one."""
    word: str
    path: str
    right: str
    """The right that the page takes."""
    key: str
    """Leads there after `g`."""


ENTRIES = (
    Entry("overview", "Overview", "/overview", "traffic.read", "o"),
    Entry("traffic", "Traffic", "/traffic", "traffic.read", "t"),
    Entry("connections", "Connections", "/connections", "traffic.read", "c"),
    Entry("live", "Live", "/live", "traffic.read", "l"),
    Entry("audit", "Audit", "/audit", "audit.read", "a"),
    Entry("collectors", "Collectors", "/collectors", "collectors.read", "r"),
    Entry("inventory", "Inventory", "/inventory", "peers.read", "i"),
    Entry("settings", "Settings", "/settings", "profile.read", "s"),
)
"""In the order of the bar."""


def entries(rights: frozenset[str] | None) -> tuple[Entry, ...]:
    """What somebody with these rights may see; None: not known, and everything is there."""
    return tuple(entry for entry in ENTRIES if rights is None or entry.right in rights)


def landing(rights: frozenset[str] | None) -> str:
    """Where somebody with these rights begins: the first page that they may see. Without any there is still the page to sign in
    as somebody else."""
    return next((entry.path for entry in entries(rights)), "/sign-in")
