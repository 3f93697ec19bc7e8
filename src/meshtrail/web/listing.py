"""What every list page shows around its rows: search, chips, windows, paging, columns, and what to say when there are no rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from meshtrail.web import formats
from meshtrail.web.filters import FILTER, LAST, OPERATORS, Condition, Filters
from meshtrail.web.listed import Listed
from meshtrail.web.listing_columns import chosen_columns
from meshtrail.web.pages import Choice, Failure, Shell

PAGE_ROWS = 50
"""Rows of the first paint and of each step further down: two screens; twice as many double the time to paint."""

LAST_WORDS = {"15m": "15 min", "1h": "1 h", "24h": "24 h", "7d": "7 d"}
EVERYTHING = "2000-01-01T00:00:00Z"
"""Start of the window that holds all that is stored."""

LineT = TypeVar("LineT")


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
class Empty:
    """What stands in place of rows when there are none."""

    title: str
    text: str
    remedies: tuple[Choice, ...] = ()
    """Where to go from here."""
    command: str = ""
    """What to run, if that is the remedy."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ListContext:
    """What all lists have in common; each template variable `page.list`."""

    listed: Listed
    path: str
    """The list's address with all its filters: the link to this very view."""
    chips: tuple[Chip, ...]
    choices: tuple[Choice, ...]
    """A list's own quick choices, such as outcomes; empty for none."""
    choices_label: str
    meaning: str
    """What the current choice means, or what a row of this list is."""
    ranges: tuple[Choice, ...]
    custom: tuple[str, str] | None
    """Start and end of a fixed window."""
    custom_clear: str
    """Address without the fixed window."""
    window_words: str
    """The window in words, for print."""
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
    count_query: str
    """The same, without what counts do not know."""
    query: str
    """The page's query string, without a cursor."""
    since: str
    until: str
    """Window of the histogram, RFC 3339; the end is empty when it moves with the clock."""
    window_ms: int
    """Length of a window that ends now; 0 when fixed."""
    columns: tuple[str, ...]
    """Names of the columns that are shown."""
    columns_given: bool
    """Whether the address says them; else the browser may know better."""
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class ListPage(Generic[LineT]):
    """A list with its rows."""

    shell: Shell
    list: ListContext
    lines: tuple[LineT, ...]
    empty: Empty | None
    """None when there are rows, or when they could not be read."""


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


def shown_filters(filters: Filters, failure: Failure | None) -> Filters:
    """The filters as the page offers them for a change: from the first page on, and what failed back in the search box."""
    return filters.at("") if failure is None else filters.at("").retyped()


def list_context(
    filters: Filters, now: datetime, answer: Mapping[str, Any], failure: Failure | None = None,
    choices: Sequence[Choice] = (), choices_label: str = "", meaning: str = "", chosen: frozenset[str] = frozenset(),
) -> ListContext:  # fmt: skip
    """What surrounds the rows of an answer of the API. `chosen` are the fields of the list's own choices: what those
    show is no chip too."""
    first = shown_filters(filters, failure)
    since, until = first.window(now)
    cursor = answer.get("next_cursor")
    unsearched = replace(first, search="")
    return ListContext(
        listed=first.listed,
        path=filters.path(),
        chips=tuple(chip(each, first) for each in first.conditions if each.parameter not in chosen or len(each.values) > 1),
        choices=tuple(choices),
        choices_label=choices_label,
        meaning=meaning or first.listed.about,
        ranges=tuple(Choice(LAST_WORDS[word], first.within(word).path(), word == first.last) for word in LAST),
        custom=None if first.last else (first.since, first.until),
        custom_clear=first.within(first.listed.last).path(),
        window_words=_window_words(first, now),
        search=first.search,
        search_clear=unsearched.path(),
        kept=tuple(parse_qsl(unsearched.query())),
        clear=replace(unsearched, conditions=()).path(),
        wider="" if first.last == "7d" else first.within("7d").path(),
        older=first.at(cursor).path() if cursor else "",
        newest=first.path() if filters.cursor else "",
        api_query=first.api_query(),
        count_query=first.count_query(),
        query=first.query(),
        since=since,
        until=until,
        window_ms=LAST[first.last] // timedelta(milliseconds=1) if first.last else 0,
        columns=chosen_columns(first.listed.columns, first.columns),
        columns_given=bool(first.columns),
        failure=failure,
    )


def _window_words(filters: Filters, now: datetime) -> str:
    if filters.last:
        return f"the last {LAST_WORDS[filters.last]} before {formats.minute_time(now.isoformat())} UTC"
    bounds = ((word, text) for word, text in (("from", filters.since), ("to", filters.until)) if text)
    return " ".join(f"{word} {formats.visible(text)}" for word, text in bounds) or "all times"


def nothing_matches(context: ListContext, stored: str = "") -> Empty:
    """No row goes through the filters: each of them can be taken away. `stored` says how many there are."""
    ways = [Choice(f"Without {_said(each)}", each.remove, current=False) for each in context.chips]
    if context.search:
        ways.append(Choice(f"Without the text {formats.visible(context.search)}", context.search_clear, current=False))
    if context.wider:
        ways.append(Choice("The last 7 days", context.wider, current=False))
    return Empty(
        f"No {context.listed.row[0]} matches this filter", f"{stored} Take a condition away, or look further back:".strip(), tuple(ways)
    )


def nothing_happened(context: ListContext, filters: Filters, title: str, text: str) -> Empty:
    """There is no row in this window."""
    everything = replace(filters, last="", since=EVERYTHING, until="", cursor="")
    way = ("Show the last 7 days", context.wider) if context.wider else ("Show everything that is stored", everything.path())
    return Empty(title, text, (Choice(*way, current=False),))


def _said(each: Chip) -> str:
    return " ".join(filter(None, (each.label, each.operator, ", ".join(each.values))))
