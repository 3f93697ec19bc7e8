"""The Overview's news: pairs and countries that were never seen before this week."""

from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition, filter_text
from meshtrail.web.overview_ends import EndWord, end_word
from meshtrail.web.overview_source import GROUPS_MAX, Asker, Row

LINES, LINES_MAX = 12, 500
"""Pairs on the Overview itself, and on the part's own page."""


@dataclass(frozen=True, slots=True)
class NewLine:
    """A pair that is new."""

    source: EndWord
    destination: EndWord
    first_at: str
    first: str
    count: str
    href: str
    narrow: str
    """Address of the Overview of this source alone."""


@dataclass(frozen=True, slots=True)
class NewCountry:
    """A country that is new."""

    code: str
    first_at: str
    first: str
    href: str


@dataclass(frozen=True, slots=True)
class News:
    """What was never seen before."""

    lines: tuple[NewLine, ...]
    countries: tuple[NewCountry, ...]
    more: bool
    since: str
    since_day: str
    together: bool
    """Whether ends without a name count as one."""
    whole: str


async def news(ask: Asker) -> News:
    """First-time pairs and new countries of the week that ends with the window."""
    week = ask.outlook.week()
    answer = await ask.source.new_pairs(ask.request, ask.org_id, {**week.parameters(), "limit": [str(ask.rows(LINES, LINES_MAX))]})
    lines = tuple(_new_line(ask, week, each) for each in answer["data"])
    countries = await _new_countries(ask, week)
    return News(lines, countries, answer["more"], answer["since"], formats.minute_time(answer["since"]), answer["unnamed"] == "together",
                ask.outlook.part_path("new"))  # fmt: skip


def _new_line(ask: Asker, week: Outlook, each: Row) -> NewLine:
    source, destination = each["source"], each["destination"]
    condition = end_condition("source", source)
    (field, value), *_ = condition.items()
    href = week.traffic(**condition, **end_condition("destination", destination))
    narrow = ask.outlook.narrowed(field.replace("__", "."), value).path()
    first = formats.clock_time(each["first_at"], ask.now)
    return NewLine(end_word(source), end_word(destination), each["first_at"], first, formats.count(each["count"]), href, narrow)


async def _new_countries(ask: Asker, week: Outlook) -> tuple[NewCountry, ...]:
    sides = ["source_country_code", "destination_country_code"]
    ever = {name: values for name, values in week.parameters(state__not="gap").items() if name != "from"}
    asked = {**ever, "group": sides, "measure": ["min(started_at)"], "top": [str(GROUPS_MAX)]}
    found: dict[str, str] = {}
    for each in (await ask.source.aggregate(ask.request, ask.org_id, asked))["data"]:
        first = str(each["measures"]["min(started_at)"])
        for code in {each["group"][side] for side in sides} - {None}:
            found[code] = min(found.get(code, first), first)
    since = week.parameters()["from"][0]
    new = sorted(((first, code) for code, first in found.items() if first >= since), reverse=True)
    return tuple(
        NewCountry(formats.visible(code), first, formats.clock_time(first, ask.now), week.traffic(filter_text("country_code", code)))
        for first, code in new
    )  # fmt: skip
