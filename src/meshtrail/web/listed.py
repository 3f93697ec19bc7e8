"""The lists there are: where each stands, whose events it shows, and what it offers beside its rows."""

from dataclasses import dataclass, field

from meshtrail.model.columns import AUDIT, TRAFFIC, Column, Family, Kind
from meshtrail.web.listing_columns import AUDIT_COLUMNS, CONNECTION_COLUMNS, TRAFFIC_COLUMNS, ListColumn

OPEN_FACETS = 5
"""Facets that are open before somebody chooses: each is a read of its own, and they fill a screen."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A field whose values stand beside the rows."""

    field: str
    label: str
    words: bool
    """Whether its values are ours, and read as words; else they are shown as they are."""
    monospaced: bool
    open: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One list page: what its addresses, filters and scripts need to know of it."""

    name: str
    """As the API's addresses say it: `/api/v1/{name}`."""
    title: str
    about: str
    """One sentence: what a row is. Empty where the rows speak for themselves."""
    events: Family = field(repr=False)
    """Whose fields choose rows."""
    counted: str
    """The part of the API that counts these events over time and lists the values of their fields."""
    row: tuple[str, str]
    """What a line is called: one, and many."""
    nouns: tuple[str, str]
    """What is counted: one, and many."""
    series: tuple[tuple[str, str], ...]
    """Members of a bar of the histogram, from the ground up, with their words."""
    last: str
    """The window when the address says none: as long as it takes for something to happen."""
    example: str
    """A filter, as one would type it."""
    columns: tuple[ListColumn, ...] = field(repr=False)
    facet_fields: tuple[str, ...] = field(repr=False)
    """Fields whose values stand beside the rows, what is looked at first before the others."""
    own: frozenset[str] = frozenset()
    """Parameters that choose among rows after their events were read: what is counted does not know them."""

    @property
    def path(self) -> str:
        """Where the page stands."""
        return f"/{self.name}"

    @property
    def facets(self) -> tuple[Facet, ...]:
        """What stands beside the rows."""
        return tuple(_facet(self.events.columns[name], index < OPEN_FACETS) for index, name in enumerate(self.facet_fields))


def _facet(column: Column, is_open: bool) -> Facet:
    label = column.name.removesuffix("_name").removesuffix("_code").replace("_", " ")
    return Facet(column.name, label, column.choices is not None, column.kind in _MONOSPACED, is_open)


_MONOSPACED = frozenset({Kind.address, Kind.port})


_VERDICTS = (("allowed", "allowed"), ("unknown", "no verdict"), ("denied", "denied"))
_TRAFFIC_FACETS = (
    "verdict", "state", "source_name", "destination_name", "user_name", "policy_name", "destination_port", "protocol", "application",
    "reporter_name", "destination_country_code", "attribution", "direction", "process_name",
)  # fmt: skip
_AUDIT_FACETS = ("outcome", "activity", "initiator_name", "target_type", "target_name", "initiator_type", "initiator_ip", "reporter_name")

TRAFFIC_LIST = Listed(
    "traffic", "Traffic", "", TRAFFIC, "traffic", ("row", "rows"), ("connection", "connections"), _VERDICTS, "1h",
    "user = ana and port in (22, 443)", TRAFFIC_COLUMNS, _TRAFFIC_FACETS,
)  # fmt: skip
CONNECTIONS_LIST = Listed(
    "connections", "Connections", "One line for each connection, joined from what its two ends and the routers between them report.",
    TRAFFIC, "traffic", ("connection", "connections"), ("report", "reports"), _VERDICTS, "1h", "user = ana and port in (22, 443)",
    CONNECTION_COLUMNS, _TRAFFIC_FACETS, frozenset({"agreement", "finding"}),
)  # fmt: skip
AUDIT_LIST = Listed(
    "audit", "Audit", "Who changed, tried or read what, from where, and what became of it.", AUDIT, "audit",
    ("event", "events"), ("event", "events"),
    (("success", "done"), ("failure", "failed"), ("denied", "refused")), "7d", "initiator.name = ana and outcome = denied",
    AUDIT_COLUMNS, _AUDIT_FACETS,
)  # fmt: skip
LISTS = (TRAFFIC_LIST, CONNECTIONS_LIST, AUDIT_LIST)
