"""What the Overview's templates get."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from meshtrail.filter import FilterError, parse
from meshtrail.model.columns import TRAFFIC
from meshtrail.web import formats
from meshtrail.web.filters import FILTER, OPERATORS, Condition, Filters
from meshtrail.web.outlook import LAST, WORDS, Outlook, text_of
from meshtrail.web.pages import Choice, Failure, Shell


@dataclass(frozen=True, slots=True)
class Chosen:
    """One condition as a chip."""

    label: str
    operator: str
    values: str
    remove: str
    """Address without it."""
    negative: bool


@dataclass(frozen=True, slots=True)
class PartFrame:
    """The place of a part."""

    name: str
    title: str
    about: str
    src: str
    """Address of the part at the page's moment."""


@dataclass(frozen=True, slots=True)
class OverviewContext:
    """Everything `overview.html` shows."""

    shell: Shell
    parts: Mapping[str, PartFrame]
    ranges: tuple[Choice, ...]
    fixed: bool
    """Whether the window has fixed ends."""
    moving: str
    """Address with the usual window."""
    chips: tuple[Chosen, ...]
    search: str
    kept: tuple[tuple[str, str], ...]
    """Hidden fields of the search form."""
    clear: str
    """Address without any filter."""
    since: str
    until: str
    since_text: str
    until_text: str
    traffic: str
    """Address of the rows themselves."""
    failure: Failure | None
    """A filter that is none: then no part is asked for."""


@dataclass(frozen=True, slots=True)
class PartContext:
    """Everything that a part shows, alone or as a page."""

    frame: OverviewContext
    shell: Shell
    name: str
    title: str
    about: str
    data: Any
    """What the part's function found; None when it failed."""
    failure: Failure | None
    again: str
    """Address of the part."""
    overview: str
    """Address of the whole."""


def overview_context(outlook: Outlook, shell: Shell, parts: Mapping[str, tuple[str, str]]) -> OverviewContext:
    """The frame: it needs no answer of any store."""
    bare = outlook.with_filters(Filters())
    unsearched = outlook.with_filters(_without_search(outlook.filters))
    chips = tuple(_chip(outlook, each) for each in outlook.filters.conditions)
    if outlook.filters.search:
        chips = (*chips, Chosen("text", "contains", formats.visible(outlook.filters.search), unsearched.path(), False))
    return OverviewContext(
        shell=shell,
        parts={name: PartFrame(name, title, about, outlook.part_path(name)) for name, (title, about) in parts.items()},
        ranges=tuple(Choice(WORDS[word], outlook.within(word).path(), word == outlook.last) for word in LAST),
        fixed=not outlook.last,
        moving=outlook.within("24h").path(),
        chips=chips,
        search=_typed(outlook.filters),
        kept=tuple(parse_qsl(unsearched.path().partition("?")[2])),
        clear=bare.path(),
        since=text_of(outlook.since),
        until=text_of(outlook.until),
        since_text=formats.minute_time(text_of(outlook.since)),
        until_text=formats.minute_time(text_of(outlook.until)),
        traffic=outlook.traffic(),
        failure=_mistake(outlook.filters),
    )


def _mistake(filters: Filters) -> Failure | None:
    for each in filters.conditions:
        try:
            if each.parameter == FILTER:
                parse(each.values[0], TRAFFIC)
        except FilterError as error:
            return Failure(error.message, error.remedy, "")
    return None


def _typed(filters: Filters) -> str:
    """What stands in the search box: a filter with a mistake too, so that it can be mended."""
    return filters.retyped().search if _mistake(filters) else filters.search


def _without_search(filters: Filters) -> Filters:
    return Filters(filters.conditions)


def _chip(outlook: Outlook, condition: Condition) -> Chosen:
    operator = OPERATORS.get(condition.operator, condition.operator)
    values = " or ".join(formats.visible(value) for value in condition.values)
    if condition.operator == "known":
        operator, values = ("is known" if condition.values == ("true",) else "is unknown"), ""
    if condition.parameter == FILTER:
        operator = "chooses"
    remove = outlook.with_filters(outlook.filters.without(condition)).path()
    return Chosen(formats.visible(formats.words(condition.field)), operator, values, remove, condition.operator == "not")
