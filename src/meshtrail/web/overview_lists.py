"""The Overview's lists: who was denied where, who moves most, what is new, policies that nobody uses, collectors in trouble."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshtrail.model.enums import Attribution
from meshtrail.web import formats
from meshtrail.web.collectors import CollectorLine, collector_line
from meshtrail.web.outlook import Outlook, end_condition, filter_text, is_address
from meshtrail.web.overview_source import BYTES, Answer, Asker, Row, bytes_of, end_group, number

UNNAMED = "ends without a name"
TALKERS = 8
DENIED = 10
NEW = 12
GROUPS_MAX = 1_000
"""As many as the API gives in one answer."""


@dataclass(frozen=True, slots=True)
class EndWord:
    """An end as it is shown."""

    text: str
    bare: bool
    """Whether it is an address, to be set in the monospaced face."""
    named: bool = True
    """False for all ends without a name together."""


def end_word(value: str | None) -> EndWord:
    """An end by what the API calls it."""
    return EndWord(formats.visible(value), is_address(value)) if value is not None else EndWord(UNNAMED, False, False)


@dataclass(frozen=True, slots=True)
class DeniedLine:
    """Denied attempts that have all of this in common."""

    source: EndWord
    person: str
    destination: EndWord
    port: str
    reason: str
    count: str
    share: float
    """Of the largest, in percent."""
    href: str


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """Denied attempts of one reason."""

    reason: str
    count: str
    share: float
    href: str


@dataclass(frozen=True, slots=True)
class Denied:
    """What was denied."""

    lines: tuple[DeniedLine, ...]
    reasons: tuple[ReasonLine, ...]
    total: int
    more: int
    """Attempts in combinations that are not listed."""
    ports: bool
    """Whether ports are told apart."""
    href: str
    whole: str
    """Address of the part's own page."""


async def denied(ask: Asker) -> Denied:
    """Who was denied where, and why."""
    detailed = await ask.detailed()
    source, destination = end_group("source", detailed), end_group("destination", detailed)
    group = [source, destination, "reason", *(["destination_port"] if detailed else [])]
    found = await ask.aggregate(group, verdict="denied", top=str(ask.rows(DENIED)))
    reasons = await ask.aggregate(["attribution", "policy_name"], verdict="denied", top="20")
    people = await ask.aggregate([source, "person"], verdict="denied", top=str(GROUPS_MAX))
    policies = {each["group"]["policy_name"] for each in reasons["data"]}
    most = max((number(each["measures"]["count"]) for each in found["data"]), default=1)
    by_source = _people(people, source)
    lines = tuple(_denied_line(ask.outlook, each, (source, destination), policies, by_source, most) for each in found["data"])
    most = max((number(each["measures"]["count"]) for each in reasons["data"]), default=1)
    by_reason = tuple(_reason_line(ask.outlook, each, most) for each in reasons["data"])
    more = number(found["others"]["count"]) if found["others"] else 0
    total = number(found["totals"]["count"])
    return Denied(lines, by_reason, total, more, detailed, ask.outlook.traffic(verdict="denied"), ask.outlook.part_path("denied"))


def _people(answer: Answer, source: str) -> dict[str | None, list[str]]:
    found: dict[str | None, list[str]] = defaultdict(list)
    for each in answer["data"]:
        if each["group"]["person"] is not None:
            found[each["group"][source]].append(str(each["group"]["person"]))
    return found


def _denied_line(
    outlook: Outlook, each: Row, sides: tuple[str, str], policies: set[Any], people: dict[str | None, list[str]], most: int
) -> DeniedLine:  # fmt: skip
    group, count = each["group"], number(each["measures"]["count"])
    source, destination, reason, port = group[sides[0]], group[sides[1]], group["reason"], group.get("destination_port")
    conditions = {**end_condition("source", source), **end_condition("destination", destination), **_reason(reason, policies)}
    if port is not None:
        conditions["destination_port"] = str(port)
    who = people.get(source, [])
    return DeniedLine(
        end_word(source), formats.visible(who[0]) if len(who) == 1 else f"{len(who)} people" if who else "", end_word(destination),
        "" if port is None else str(port), reason_words(reason, policies), formats.count(count), count * 100 / most,
        outlook.traffic(verdict="denied", **conditions),
    )  # fmt: skip


_ATTRIBUTIONS = {
    "default_deny": "no policy allows it", "ambiguous": "one of several policies", "none": "reason unknown", "reported": "as reported",
    "resolved": "by a policy", "default_allow": "nothing forbids it",
}  # fmt: skip
assert set(_ATTRIBUTIONS) == set(Attribution.__members__)


def reason_words(reason: str | None, policies: set[Any]) -> str:
    """Why it was denied: the policy, or that none allows it."""
    if reason is None:
        return "reason unknown"
    return _ATTRIBUTIONS[reason] if reason in _ATTRIBUTIONS and reason not in policies else formats.visible(reason)


def _reason(reason: str | None, policies: set[Any]) -> dict[str, str]:
    if reason is None:
        return {"policy_name__known": "false"}
    if reason in _ATTRIBUTIONS and reason not in policies:
        return {"policy_name__known": "false", "attribution": reason}
    return {"policy_name": reason}


def _reason_line(outlook: Outlook, each: Row, most: int) -> ReasonLine:
    policy, attribution, count = each["group"]["policy_name"], each["group"]["attribution"], number(each["measures"]["count"])
    conditions = {"policy_name": policy} if policy is not None else _reason(attribution, set())
    words = formats.visible(policy) if policy is not None else reason_words(attribution, set())
    return ReasonLine(words, formats.count(count), count * 100 / most, outlook.traffic(verdict="denied", **conditions))


@dataclass(frozen=True, slots=True)
class TalkerLine:
    """An end and how much it moved."""

    end: EndWord
    bytes: str
    count: str
    share: float
    narrow: str
    """Address of the Overview of this end alone."""
    href: str
    """Address of its rows."""


@dataclass(frozen=True, slots=True)
class Talkers:
    """Who moves most."""

    sides: tuple[tuple[str, str, tuple[TalkerLine, ...]], ...]
    """Side, heading, lines."""
    more: bool
    whole: str


async def talkers(ask: Asker) -> Talkers:
    """Sources and destinations by bytes both ways."""
    detailed, sides, more = await ask.detailed(), [], False
    for side, heading in (("source", "From"), ("destination", "To")):
        group = end_group(side, detailed)
        found = await ask.aggregate([group], ["count", *BYTES], order="sum(rx_bytes)", top=str(GROUPS_MAX))
        moved = [each for each in found["data"] if bytes_of(each["measures"])]
        shown = sorted(moved, key=lambda each: -bytes_of(each["measures"]))[: ask.rows(TALKERS)]
        most = max((bytes_of(each["measures"]) for each in shown), default=1)
        sides.append((side, heading, tuple(_talker(ask.outlook, side, each["group"][group], each["measures"], most) for each in shown)))
        more = more or len(moved) > len(shown)
    return Talkers(tuple(sides), more, ask.outlook.part_path("talkers"))


def _talker(outlook: Outlook, side: str, value: str | None, measures: Row, most: int) -> TalkerLine:
    condition, moved = end_condition(side, value), bytes_of(measures)
    (field, chosen), *_ = condition.items()
    narrow = outlook.narrowed(field.replace("__", "."), chosen).path()
    count = formats.count(number(measures["count"]))
    return TalkerLine(end_word(value), formats.byte_size(moved), count, moved * 100 / most, narrow, outlook.traffic(**condition))


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
    answer = await ask.source.new_pairs(ask.request, ask.org_id, {**week.parameters(), "limit": [str(ask.rows(NEW, 500))]})
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
    ever = {name: values for name, values in week.parameters(state__not="gap").items() if name != "from"}
    found: dict[str, str] = {}
    for side in ("source", "destination"):
        name = f"{side}_country_code"
        asked = {**ever, "group": [name], "measure": ["min(started_at)"], "top": ["300"]}
        for each in (await ask.source.aggregate(ask.request, ask.org_id, asked))["data"]:
            code, first = each["group"][name], str(each["measures"]["min(started_at)"])
            if code is not None:
                found[code] = min(found.get(code, first), first)
    since = week.parameters()["from"][0]
    new = sorted(((first, code) for code, first in found.items() if first >= since), reverse=True)
    return tuple(
        NewCountry(formats.visible(code), first, formats.clock_time(first, ask.now), week.traffic(filter_text("country_code", code)))
        for first, code in new
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unused:
    """Policies without a hit."""

    policies: tuple[tuple[str, str], ...]
    """Name and address."""
    enabled: int
    narrowed: bool


async def unused(ask: Asker) -> Unused:
    """Policies that decided nothing in the window."""
    enabled = await ask.source.policies(ask.org_id)
    found = await ask.aggregate(["policy_id"], top=str(GROUPS_MAX)) if enabled else {"data": ()}
    used = {each["group"]["policy_id"] for each in found["data"]}
    left = sorted((name, identifier) for identifier, name in enabled if identifier not in used)
    shown = tuple((formats.visible(name), f"/inventory/policies/{identifier}") for name, identifier in left)
    return Unused(shown, len(enabled), ask.outlook.filters.narrowed)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Collectors that are not as they should be."""

    lines: tuple[CollectorLine, ...]
    total: int


async def collectors(ask: Asker) -> Trouble:
    """Silent, late and losing collectors."""
    answer = await ask.source.collectors(ask.org_id)
    lines: Sequence[Row] = answer["data"]
    return Trouble(tuple(collector_line(each, ask.now) for each in lines if each["state"] != "ok"), len(lines))
