"""The Overview's picture of who reached what."""

from collections import defaultdict
from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition, filter_text
from meshtrail.web.overview_ends import EndWord, end_word
from meshtrail.web.overview_source import BYTES, GROUPS_MAX, Asker, bytes_of, end_group, number

FLOWS = 28
"""Bands of the Sankey: more cannot be followed by eye."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One band: who reached what."""

    source: EndWord
    person: bool
    """Whether `source` is a person."""
    destination: EndWord
    count: int
    bytes: str
    href: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Who reached what."""

    flows: tuple[Flow, ...]
    pairs: int
    more: int
    """Connections of pairs that are not shown."""
    whole: str


async def reached(ask: Asker) -> Reached:
    """People, or sources where no person is known, and what they reached; without what was denied or not answered."""
    detailed = await ask.detailed()
    source, destination = end_group("source", detailed), end_group("destination", detailed)
    found = await ask.aggregate(
        ["person", source, destination], ["count", *BYTES], order="count", top=str(GROUPS_MAX), state__not=["denied", "attempted", "gap"],
        verdict__not="denied",
    )  # fmt: skip
    sums: dict[tuple[str, str | None, str | None], list[int]] = defaultdict(lambda: [0, 0])
    for each in found["data"]:
        person = each["group"]["person"]
        key = ("person", person) if person is not None else ("source", each["group"][source])
        total = sums[(*key, each["group"][destination])]
        total[0] += number(each["measures"]["count"])
        total[1] += bytes_of(each["measures"])
    ordered = sorted(sums.items(), key=lambda each: (-each[1][0], str(each[0])))[: ask.rows(FLOWS)]
    flows = tuple(_flow(ask.outlook, *key, *total) for key, total in ordered)
    whole = number(found["totals"]["count"])
    return Reached(flows, max(len(sums), found["groups"] if found["others"] else 0), whole - sum(flow.count for flow in flows),
                   ask.outlook.part_path("reached"))  # fmt: skip


def _flow(outlook: Outlook, kind: str, who: str | None, destination: str | None, count: int, moved: int) -> Flow:
    to = end_condition("destination", destination)
    if kind == "person":
        href = outlook.traffic(filter_text("user", str(who)), **to)
        return Flow(EndWord(formats.visible(str(who)), False), True, end_word(destination), count, formats.byte_size(moved), href)
    href = outlook.traffic(**end_condition("source", who), **to)
    return Flow(end_word(who), False, end_word(destination), count, formats.byte_size(moved), href)
