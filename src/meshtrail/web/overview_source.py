"""What the Overview reads, and how a part asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from meshtrail.web.outlook import Outlook, Parameters
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import AnyRequest
from meshtrail.web.viewer import Viewer

GROUPS_MAX = 1_000
"""As many as the API gives in one answer."""

Answer = Mapping[str, Any]
Row = Mapping[str, Any]


class OverviewSource(Protocol):
    """Where the Overview reads. Questions end when the request's client leaves."""

    places: bool
    """Whether a file with places of public addresses is loaded."""

    async def aggregate(self, request: AnyRequest, org_id: str, params: Mapping[str, Sequence[str]]) -> Answer:
        """As `GET /api/v1/traffic/aggregate`, in plain values."""
        ...

    async def new_pairs(self, request: AnyRequest, org_id: str, params: Mapping[str, Sequence[str]]) -> Answer:
        """As `GET /api/v1/traffic/new-pairs`, in plain values."""
        ...

    async def few_rows(self, org_id: str, params: Mapping[str, Sequence[str]]) -> bool:
        """Whether the rows are so few that each can be looked at: then addresses and ports are told apart."""
        ...

    async def stored(self, org_id: str) -> int:
        """Rows stored of the organisation."""
        ...

    async def policies(self, org_id: str) -> Sequence[tuple[str, str]]:
        """Id and name of each policy that is enabled."""
        ...

    async def collectors(self, org_id: str) -> Answer:
        """As `GET /api/v1/collectors`, in plain values."""
        ...


@dataclass(frozen=True, slots=True)
class Asker:
    """One part's way to ask."""

    source: OverviewSource
    request: AnyRequest
    org_id: str
    outlook: Outlook
    viewer: Viewer
    capture: CaptureStatus
    now: datetime
    whole: bool
    """Whether the part is a page of its own, with room for more lines."""

    def rows(self, few: int, many: int = 200) -> int:
        """Lines to show: a few on the Overview, many on the part's own page."""
        return many if self.whole else few

    async def aggregate(self, group: Sequence[str], measures: Sequence[str] = ("count",), outlook: Outlook | None = None,
                        **more: str | list[str]) -> Answer:  # fmt: skip
        """Rows of the window, or of another one, grouped and measured; gaps are no connections. `more` are further parameters, with
        `__` for a dot."""
        own: Parameters = {"group": list(group), "measure": list(measures)}
        chosen = (outlook or self.outlook).parameters(**{"state__not": "gap", **more})
        return await self.source.aggregate(self.request, self.org_id, {**chosen, **own})

    async def detailed(self, outlook: Outlook | None = None) -> bool:
        """Whether the rows of the window are few enough to tell addresses and ports apart."""
        return await self.source.few_rows(self.org_id, (outlook or self.outlook).parameters())


def end_group(side: str, detailed: bool) -> str:
    """What an end is grouped by."""
    return f"end({side})" if detailed else f"{side}_name"


def number(value: object) -> int:
    """A measure as a number: sums that 64 bits do not hold come as text, of nothing as null."""
    return int(str(value)) if value is not None else 0


def bytes_of(measures: Row) -> int:
    """Bytes both ways."""
    return number(measures["sum(rx_bytes)"]) + number(measures["sum(tx_bytes)"])


BYTES = ("sum(rx_bytes)", "sum(tx_bytes)")


def moment(value: object) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(str(value)).astimezone(UTC)
