"""The pages: what each template gets, and what the pages need from the rest of the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from meshtrail.web import formats
from meshtrail.web.assets import Assets
from meshtrail.web.details import Details
from meshtrail.web.filters import FILTER, LAST, OPERATORS, Condition, Filters
from meshtrail.web.rows import BLANK, Line, line

TEMPLATES = Path(__file__).parent / "templates"
PAGE_ROWS = 50
"""Rows of the first paint and of each step further down: two screens; twice as many double the time to paint."""

STARTED_MS_MAX = 4_102_444_800_000
"""Ids of times after the year 2100 are not ours (and later ones leave the calendar)."""

LAST_WORDS = {"15m": "15 min", "1h": "1 h", "24h": "24 h", "7d": "7 d"}


class TrafficPages(Protocol):
    """Where the pages read traffic; the answers are those of the native API, decoded."""

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """`{"data": [row, ...], "next_cursor": str | None}`, as `GET /api/v1/traffic`."""
        ...

    async def total(self, org_id: str) -> int:
        """Rows stored of the organisation, to tell "nothing yet" from "nothing matches"."""
        ...


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """Whether this machine's own connections are captured."""

    capturing: bool
    reason: str
    """A sentence: what is captured, or why not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several links of which one is current."""

    word: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition that can be taken away."""

    field: str
    """Name of the column."""
    label: str
    operator: str
    values: tuple[str, ...]
    remove: str
    """Address without it."""
    negative: bool
    """Whether it hides rows."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people."""

    message: str
    remedy: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame around each page needs."""

    title: str
    capture: CaptureStatus
    rights: frozenset[str] | None = None
    """What whoever looks may do, by which links are left out; None: not known, and all are there."""

    def may(self, right: str) -> bool:
        """Whether a link to what needs this right is there."""
        return self.rights is None or right in self.rights


@dataclass(frozen=True, slots=True)
class TrafficContext:
    """Everything `traffic.html` shows."""

    shell: Shell
    lines: tuple[Line, ...]
    """The rows, newest first."""
    blank: Line
    """Line of the template for live rows."""
    chips: tuple[Chip, ...]
    ranges: tuple[Choice, ...]
    custom: tuple[str, str] | None
    """Start and end of a fixed window."""
    custom_clear: str
    """Address without the fixed window."""
    search: str
    search_clear: str
    """Address without the search text."""
    kept: tuple[tuple[str, str], ...]
    """Hidden fields of the search form: all filters but the search."""
    clear: str
    """Address with the window but without any filter."""
    wider: str
    """Address with the same filters over seven days; empty when already so wide."""
    older: str
    """Address of the next page; empty at the end."""
    newest: str
    """Address of the first page; empty when this is it."""
    api_query: str
    """Filters for the scripts' own requests, without a window."""
    query: str
    """The page's query string, for links of live rows."""
    since: str
    until: str
    """Window of the histogram, RFC 3339; the end is empty when it moves with the clock."""
    after: str
    """Position of the newest change on the page: the live tail goes on from there. Empty without rows."""
    window_ms: int
    """Length of a window that ends now; 0 when fixed."""
    stored: int | None
    """Rows of the organisation, looked up only when the list is empty."""
    details: Details | None
    """The open side panel."""
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class SignInContext:
    """Everything `sign_in.html` shows."""

    shell: Shell
    next_path: str
    """Where to go afterwards."""
    provider: str = ""
    """Name of the identity provider through which people come in; empty when there is none."""


class Renderer:
    """Templates with autoescape and nothing undefined."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = assets.path
        self._environment.filters.update(
            words=formats.words, count=formats.count, visible=formats.visible, minute=formats.minute_time
        )  # fmt: skip

    def render(self, template: str, context: object) -> str:
        """The template with the context as `page`."""
        return self._environment.get_template(template).render(page=context)


def chip(condition: Condition, filters: Filters) -> Chip:
    """A condition as a chip."""
    values = tuple(formats.visible(value) for value in condition.values)
    operator = OPERATORS.get(condition.operator, condition.operator)
    if condition.operator == "known":
        operator, values = ("is known" if condition.values == ("true",) else "is unknown"), ()
    if condition.parameter == FILTER:
        operator = "chooses"
    label = formats.visible(formats.words(condition.field))
    return Chip(condition.parameter, label, operator, values, filters.without(condition).path(), condition.operator == "not")


def traffic_context(
    filters: Filters,
    shell: Shell,
    now: datetime,
    answer: Mapping[str, Any],
    *,
    stored: int | None = None,
    details: Details | None = None,
    failure: Failure | None = None,
) -> TrafficContext:
    """The list page from an answer of the API."""
    first = filters.at("") if failure is None else filters.at("").retyped()
    since, until = first.window(now)
    cursor = answer.get("next_cursor")
    bare = Filters(last=first.last, since=first.since, until=first.until)
    unsearched = Filters(first.conditions, "", first.last, first.since, first.until)
    return TrafficContext(
        shell=shell,
        lines=tuple(line(row, first.query(), now) for row in answer.get("data", ())),
        blank=BLANK,
        chips=tuple(chip(each, first) for each in first.conditions),
        ranges=tuple(Choice(LAST_WORDS[word], first.within(word).path(), word == first.last) for word in LAST),
        custom=None if first.last else (first.since, first.until),
        custom_clear=first.within("1h").path(),
        search=first.search,
        search_clear=unsearched.path(),
        kept=_pairs(unsearched),
        clear=bare.path(),
        wider="" if first.last == "7d" else first.within("7d").path(),
        older=first.at(cursor).path() if cursor else "",
        newest=first.path() if filters.cursor else "",
        api_query=first.api_query(),
        query=first.query(),
        since=since,
        until=until,
        after=str(max((int(row["seq"]) for row in answer.get("data", ())), default="")),
        window_ms=LAST[first.last] // timedelta(milliseconds=1) if first.last else 0,
        stored=stored,
        details=details,
        failure=failure,
    )


def _pairs(filters: Filters) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(filters.query()))


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
