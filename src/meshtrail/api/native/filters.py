"""The filter language for those who write filters: what may stand at the cursor, and what a text is understood as."""

import asyncio

import msgspec
from litestar import get
from litestar.datastructures import State

from meshtrail.api.filter_text import family_of, understood, zone_of
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.common.clock import rfc3339
from meshtrail.control.service import Permission
from meshtrail.filter import FilterError, Moment, Node, complete, is_relative, parse, printed, resolved, window
from meshtrail.filter.completion import Completion
from meshtrail.filter.explanation import Explanation, explained
from meshtrail.filter.fields import fields_of
from meshtrail.filter.printer import printed_value
from meshtrail.filter.sorts import Sort
from meshtrail.filter.values import Text
from meshtrail.model.columns import AUDIT, TRAFFIC, Family
from meshtrail.store.family_reader import FamilyReader

VALUES_OFFERED_MAX = 20
"""Values that occur, of one completion: a screen of a phone."""

_OCCURRING = frozenset({Sort.text, Sort.names, Sort.address})


class Offer(msgspec.Struct):
    """One thing that may stand at the cursor."""

    text: str
    kind: str
    """`field`, `operator`, `value` or `keyword`."""
    doc: str = ""


class FilterCompletion(msgspec.Struct):
    """Candidates, best first. Each replaces the characters from start to end, counted from 0."""

    start: int
    end: int
    wanted: str
    """`term`, `operator`, `value`, `item` (of a list), `rest` (of a list) or `more`."""
    field: str
    """The field whose value is wanted; empty otherwise."""
    candidates: list[Offer]


class FilterExplanation(msgspec.Struct):
    """What a filter is understood as."""

    family: str
    text: str
    """Its printed form, which means the same."""
    relative: bool
    """Whether what it chooses depends on the time of the request."""
    resolved: str
    """The printed form with the moments that relative times stand for now."""
    since: str | None
    until: str | None
    """The window of time outside of which no row can match, `until` not included; null where it is open."""
    tree: Explanation


class Mistake(msgspec.Struct):
    """Why a text is no filter, and where. Characters are counted from 0, `end` is not included."""

    message: str
    remedy: str
    start: int
    end: int
    expected: list[str]
    """What may stand there."""
    suggestions: list[str]
    """What was meant perhaps."""


class FilterCheck(msgspec.Struct):
    """What a text is understood as, or why it is no filter: one of both."""

    understood: FilterExplanation | None
    mistake: Mistake | None


def offered(reader: FamilyReader | None, org_id: str, text: str, at: int, family: Family) -> FilterCompletion:
    """The completion, with values that occur in the newest rows when there is a reader of the family."""
    found = complete(text, at, family)
    offers = [Offer(each.text, each.kind, each.doc) for each in found.candidates]
    if reader is not None and found.field:
        offers += [Offer(each, "value") for each in _occurring(reader, org_id, found, family)]
    return FilterCompletion(found.start, found.end, found.wanted, found.field, offers)


def _occurring(reader: FamilyReader, org_id: str, found: Completion, family: Family) -> list[str]:
    field = fields_of(family).find(found.field)
    if field is None or field.sort not in _OCCURRING:
        return []
    values = reader.recent_values(org_id, [column.name for column in field.columns], found.typed, VALUES_OFFERED_MAX)
    return values if field.sort is Sort.address else [printed_value(field, Text(value)) for value in values]


def explanation(text: str, family: Family, moment: Moment) -> FilterExplanation:
    """What the text is understood as at this moment."""
    return _explanation(understood(text, family, "text"), family, moment)


def checked(text: str, family: Family, moment: Moment) -> FilterCheck:
    """The same for a text that is being written: a mistake is an answer."""
    try:
        return FilterCheck(_explanation(parse(text, family), family, moment), None)
    except FilterError as error:
        found = Mistake(error.message, error.remedy, error.start, error.end, list(error.expected), list(error.suggestions))
        return FilterCheck(None, found)


def _explanation(tree: Node, family: Family, moment: Moment) -> FilterExplanation:
    instants = resolved(tree, moment)
    since, until = (rfc3339(bound) if bound is not None else None for bound in window(instants, family.time))
    return FilterExplanation(
        family.name, printed(tree, family), is_relative(tree), printed(instants, family), since, until, explained(tree, family)
    )  # fmt: skip


@get(
    "/filter/complete", opt={"permission": Permission.traffic_read}, summary="What may stand at the cursor of a filter",
    operation_id="completeFilter",
)  # fmt: skip
async def complete_filter(
    request: AnyRequest, state: State, text: str = "", at: int | None = None, family: str = "traffic"
) -> FilterCompletion:
    """Fields, operators, values and keywords for the cursor `at` (characters from the beginning; without it, the end), and values
    that occur in the newest rows, for who may read them. What is wrong left of the cursor does not matter."""
    chosen = family_of(family)
    permission, reader = {TRAFFIC: (Permission.traffic_read, state.reader), AUDIT: (Permission.audit_read, state.audit_reader)}[chosen]
    if permission not in request.state.identity.permissions:
        reader = None
    cursor = len(text) if at is None else at
    return await asyncio.to_thread(offered, reader, request.state.identity.org_id, text, cursor, chosen)


@get(
    "/filter/explain", opt={"permission": Permission.traffic_read}, summary="What a filter is understood as", operation_id="explainFilter",
)  # fmt: skip
async def explain_filter(state: State, text: str = "", family: str = "traffic", zone: str = "") -> FilterExplanation:
    """The filter's printed form, the moments that its relative times stand for, the window of time that can match, and its tree."""
    return await asyncio.to_thread(explanation, text, family_of(family), Moment(state.clock(), zone_of(zone)))


@get(
    "/filter/check", opt={"permission": Permission.traffic_read}, summary="Whether a text is a filter, while it is written",
    operation_id="checkFilter",
)  # fmt: skip
async def check_filter(state: State, text: str = "", family: str = "traffic", zone: str = "") -> FilterCheck:
    """As `/filter/explain`, for editors: a mistake is no error here, but an answer with its place and what was meant perhaps."""
    return await asyncio.to_thread(checked, text, family_of(family), Moment(state.clock(), zone_of(zone)))


ROUTES = (complete_filter, explain_filter, check_filter)
"""Routes below /api/v1."""
