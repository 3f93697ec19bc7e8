"""The Live page: what happens now. What it shows before its script follows the tail is rendered here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from meshtrail.web import formats
from meshtrail.web.filters import Filters
from meshtrail.web.listed import TRAFFIC_LIST
from meshtrail.web.listing import Chip, chip
from meshtrail.web.pages import Failure, Shell
from meshtrail.web.row_values import Row
from meshtrail.web.rows import End, Line, line

ROWS = 30
"""Lines of the first paint: one screen."""

LIVE_LIST = replace(TRAFFIC_LIST, name="live", title="Live", last="24h")
"""As the list of traffic; the window is that of the lines of the first paint, and of the list that links lead to."""


@dataclass(frozen=True, slots=True)
class TailLine:
    """One line: a row of traffic with less in it, since lines go by."""

    id: str
    href: str
    state: str
    verdict: str
    started_at: str
    """RFC 3339."""
    time: str
    """Time of day in UTC."""
    source: End
    destination: End
    what: str
    """The application, or the protocol."""
    who: str
    """The person, or the program."""
    policy: str
    bytes: str
    """Both ways together; empty when nobody counted."""


@dataclass(frozen=True, slots=True)
class LiveContext:
    """Everything `live.html` shows."""

    shell: Shell
    lines: tuple[TailLine, ...]
    """The newest rows, newest first."""
    blank: TailLine
    """Line of the template for rows that come."""
    chips: tuple[Chip, ...]
    search: str
    kept: tuple[tuple[str, str], ...]
    """Hidden fields of the search form: all filters but the search."""
    clear: str
    api_query: str
    """Filters for the tail."""
    listing: str
    """Address of the list with the same filters."""
    failure: Failure | None
    again: str


BLANK = TailLine("", "", "", "", "", "", End("", "", False), End("", "", False), "", "", "", "")


def live_context(filters: Filters, shell: Shell, now: datetime, answer: Mapping[str, Any], failure: Failure | None = None) -> LiveContext:
    """The page from an answer of the API's list. The filters are those of `LIVE_LIST`."""
    shown = filters if failure is None else filters.retyped()
    query = shown.api_query()
    return LiveContext(
        shell=shell,
        lines=tuple(tail_line(row, query, now) for row in answer.get("data", ())),
        blank=BLANK,
        chips=tuple(chip(each, shown) for each in shown.conditions),
        search=shown.search,
        kept=tuple(parse_qsl(replace(shown, search="").query())),
        clear=LIVE_LIST.path,
        api_query=query,
        listing=replace(shown, listed=TRAFFIC_LIST).path(),
        failure=failure,
        again=filters.path(),
    )


def tail_line(row: Row, query: str, now: datetime) -> TailLine:
    """The tail's view of an API row. `static/js/live_page/line.js` fills the same places."""
    full = line(row, query, now)
    gap = full.gap
    counted = [int(row[name]) for name in ("rx_bytes", "tx_bytes") if row.get(name) is not None]
    return TailLine(
        id=full.id,
        href=full.href,
        state=full.state,
        verdict=full.verdict,
        started_at=full.started_at,
        time=full.time,
        source=End(full.reporter, "", False) if gap else full.source,
        destination=End(_gap_words(full), "", False) if gap else full.destination,
        what="" if gap else full.application or (full.protocol if row.get("protocol") is not None else ""),
        who=full.person or full.process,
        policy=full.policy,
        bytes="" if gap or not counted else formats.byte_size(sum(counted)),
    )


def _gap_words(full: Line) -> str:
    return f"reports are missing: {full.lost}, {full.cause}"
