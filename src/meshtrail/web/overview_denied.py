"""The Overview's denials: who was denied where, and why."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from meshtrail.model.enums import Attribution
from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition, filter_text
from meshtrail.web.overview_ends import EndWord, end_word
from meshtrail.web.overview_source import GROUPS_MAX, Answer, Asker, Row, end_group, number

LINES = 10
"""Combinations on the Overview itself."""


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
    group = [source, destination, "reason", "destination_port" if detailed else "person"]  # four groups are the most
    found = await ask.aggregate(group, verdict="denied", top=str(ask.rows(LINES)))
    reasons = await ask.aggregate(["attribution", "policy_name"], verdict="denied", top="20")
    people = _people(await ask.aggregate([source, "person"], verdict="denied", top=str(GROUPS_MAX)), source) if detailed else {}
    policies = {each["group"]["policy_name"] for each in reasons["data"]}
    most = max((number(each["measures"]["count"]) for each in found["data"]), default=1)
    lines = tuple(_denied_line(ask.outlook, each, (source, destination), policies, people, most) for each in found["data"])
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
    who = [str(group["person"])] if group.get("person") is not None else people.get(source, [])
    text = filter_text("user", who[0]) if "person" in group and who else ""
    return DeniedLine(
        end_word(source), formats.visible(who[0]) if len(who) == 1 else f"{len(who)} people" if who else "", end_word(destination),
        "" if port is None else str(port), reason_words(reason, policies), formats.count(count), count * 100 / most,
        outlook.traffic(text, verdict="denied", **conditions),
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
