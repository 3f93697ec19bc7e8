"""The traffic page: a list of reports with a side panel, and the rows of which live ones are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from meshtrail.web import formats
from meshtrail.web.details import Details
from meshtrail.web.filters import Filters
from meshtrail.web.listing import PAGE_ROWS, Empty, ListContext, ListPage, list_context, nothing_happened, nothing_matches
from meshtrail.web.pages import Choice, Failure, Shell
from meshtrail.web.rows import BLANK, Line, line

STARTED_MS_MAX = 4_102_444_800_000
"""Ids of times after the year 2100 are not ours (and later ones leave the calendar)."""

AGENT_COMMAND = "sudo meshtrail agent"


class TrafficPages(Protocol):
    """Where the pages read traffic; the answers are those of the native API, decoded."""

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """`{"data": [row, ...], "next_cursor": str | None}`, as `GET /api/v1/traffic`."""
        ...

    async def total(self, org_id: str) -> int:
        """Rows stored of the organisation, to tell "nothing yet" from "nothing matches"."""
        ...


@dataclass(frozen=True, slots=True)
class TrafficContext(ListPage[Line]):
    """Everything `traffic.html` shows."""

    blank: Line
    """Line of the template for live rows."""
    after: str
    """Position of the newest change on the page: the live tail goes on from there. Empty without rows."""
    details: Details | None
    """The open side panel."""


def traffic_context(
    filters: Filters, shell: Shell, now: datetime, answer: Mapping[str, Any], *,
    stored: int | None = None, details: Details | None = None, failure: Failure | None = None,
) -> TrafficContext:  # fmt: skip
    """The list page from an answer of the API; `stored` is looked up only when the list is empty."""
    context, rows = list_context(filters, now, answer, failure), answer.get("data", ())
    return TrafficContext(
        shell=shell,
        list=context,
        lines=tuple(line(row, context.query, now) for row in rows),
        empty=None if rows or failure else _empty(context, filters, shell, stored or 0),
        blank=BLANK,
        after=str(max((int(row["seq"]) for row in rows), default="")),
        details=details,
    )


def _empty(context: ListContext, filters: Filters, shell: Shell, stored: int) -> Empty:
    if stored == 0:
        return _nothing_yet(shell)
    said = f"{formats.count(stored)} {'row is' if stored == 1 else 'rows are'} stored"
    if filters.narrowed:
        return nothing_matches(context, f"{said}.")
    return nothing_happened(context, filters, "Nothing happened in this time", f"{said}, but none in this window.")


def _nothing_yet(shell: Shell) -> Empty:
    title, reason = "No connection has been recorded yet", shell.capture.reason
    if shell.capture.capturing:
        return Empty(title, reason, note="Open any connection on this machine. It appears here within a second.")
    return Empty(
        title, f"{reason} To record the connections of this machine, run the agent as root:",
        (Choice("Or send events: the API description has the fields", "/api/v1/openapi.json", current=False),), AGENT_COMMAND,
    )  # fmt: skip


async def traffic_page(pages: TrafficPages, org_id: str, filters: Filters, now: datetime) -> tuple[dict[str, Any], int | None]:
    """The answer for a list, and how many rows there are at all when it is empty."""
    answer = await pages.page(org_id, {**filters.api_parameters(now), "limit": [str(PAGE_ROWS)]})
    stored = None if answer["data"] else await pages.total(org_id)
    return answer, stored


async def one_row(pages: TrafficPages, org_id: str, identifier: str) -> Mapping[str, Any] | None:
    """The row with this id. The id is a UUIDv7, so its first bits are the millisecond in which the row started."""
    digits = identifier.replace("-", "").lower()
    if len(digits) != 32 or set(digits) - set("0123456789abcdef"):
        return None
    started_ms = int(digits[:12], 16)
    if started_ms > STARTED_MS_MAX:
        return None
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=started_ms)
    window = {"from": [_rfc3339(start)], "to": [_rfc3339(start + timedelta(milliseconds=1))]}
    found = (await pages.page(org_id, {**window, "id": [identifier], "limit": ["1"]}))["data"]
    return found[0] if found else None


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
