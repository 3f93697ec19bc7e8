"""The connections pages: a list of joined connections, and one of them side by side as each reporter saw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from meshtrail.web import formats
from meshtrail.web.agreement import AGREEMENTS, FINDING, explained, known, missing_name, reporter, sentence
from meshtrail.web.filters import Filters
from meshtrail.web.listing import Empty, ListContext, ListPage, list_context, nothing_happened, nothing_matches, shown_filters
from meshtrail.web.pages import Choice, Failure, Shell
from meshtrail.web.reports import ReportLine, differing, report_line
from meshtrail.web.row_values import RowValue, Values
from meshtrail.web.rows import End, end_of, row_values

Row = Mapping[str, Any]


class ConnectionPages(Protocol):
    """Where the pages read connections; the answers are those of the native API, decoded."""

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """`{"data": [connection, ...], "next_cursor": str | None}`, as `GET /api/v1/connections`."""
        ...

    async def one(self, org_id: str, identifier: str) -> dict[str, Any]:
        """The connection to which the id of a report leads, as `GET /api/v1/connections/{id}`; raises as that."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """One connection of the list."""

    id: str
    href: str
    agreement: str
    badge: str
    finding: bool
    sentence: str
    """What its reports say of each other."""
    verdict: str
    state: str
    started_at: str
    time: str
    source: End
    destination: End
    application: str
    protocol: str
    person: str
    policy: str
    reporters: tuple[tuple[str, str], ...]
    """Role and name of each."""
    missing: tuple[str, ...]
    """Names of those who should have reported."""
    to_destination: str
    to_source: str
    duration: str
    values: Values
    """What the words stand for, by the part of the line."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """Everything `connection.html` shows."""

    shell: Shell
    line: ConnectionLine | None
    reports: tuple[ReportLine, ...]
    explained: tuple[str, ...]
    """What may be the reason, when they do not agree."""
    differing: frozenset[str]
    """Amounts in which the reports differ: `to_destination`, `to_source`."""
    failure: Failure | None
    again: str
    back: str = "/connections"


def connections_context(
    filters: Filters, shell: Shell, now: datetime, answer: Mapping[str, Any], failure: Failure | None = None
) -> ListPage[ConnectionLine]:  # fmt: skip
    """The list from an answer of the API."""
    first = shown_filters(filters, failure)
    plain = _without_choice(first)
    context = list_context(
        filters, now, answer, failure, choices=_choices(first, plain), choices_label="Agreement", meaning=_meaning(first),
        chosen=filters.listed.own,
    )  # fmt: skip
    lines = tuple(connection_line(each, now) for each in answer.get("data", ()))
    return ListPage(shell, context, lines, None if lines or failure else _empty(context, first, plain))


def _empty(context: ListContext, first: Filters, plain: Filters) -> Empty:
    who = Choice("Who reports", "/collectors", current=False)
    if context.older:
        return Empty("None among the newest", "There are older connections that were not looked at yet.", (who,))
    if plain != first:
        everything = Choice("Whatever their reports say", plain.path(), current=False)
        narrow = nothing_matches(context)
        return replace(narrow, remedies=(everything, *narrow.remedies, who))
    if first.narrowed:
        narrow = nothing_matches(context)
        return replace(narrow, remedies=(*narrow.remedies, who))
    words = "No connection was reported in this time", "Each connection appears here as soon as somebody reports it."
    nothing = nothing_happened(context, first, *words)
    return replace(nothing, remedies=(*nothing.remedies, who))


def _without_choice(filters: Filters) -> Filters:
    for name in filters.listed.own:
        filters = filters.without_field(name)
    return filters


def _choices(first: Filters, plain: Filters) -> tuple[Choice, ...]:
    chosen = [(each.field, *each.values) for each in first.conditions if each.field in first.listed.own]
    wanted = [("All", None), ("Findings", ("finding", "true"))]
    wanted += [(badge[0].capitalize(), ("agreement", name)) for name, badge in AGREEMENTS.items()]
    return tuple(
        Choice(word, (plain if pair is None else plain.including(*pair)).path(), chosen == ([] if pair is None else [pair]))
        for word, pair in wanted
    )


def _meaning(first: Filters) -> str:
    chosen = [each for each in first.conditions if each.field in first.listed.own]
    if len(chosen) != 1:
        return ""
    return FINDING if chosen[0].field == "finding" else " ".join(AGREEMENTS[value][1] for value in chosen[0].values if value in AGREEMENTS)


def connection_line(row: Row, now: datetime) -> ConnectionLine:
    """A connection in words."""
    badge, _ = AGREEMENTS[row["agreement"]]
    return ConnectionLine(
        id=row["id"],
        href=f"/connections/{quote(row['id'], safe='')}",
        agreement=row["agreement"],
        badge=badge,
        finding=bool(row["finding"]),
        sentence=sentence(row),
        verdict="denied" if row["state"] == "denied" else str(row["verdict"] or "unknown"),
        state=row["state"],
        started_at=row["started_at"],
        time=formats.clock_time(row["started_at"], now),
        source=end_of(row, "source"),
        destination=end_of(row, "destination"),
        application=known(row["application"]),
        protocol=formats.protocol(row["protocol"]),
        person=known(row["user_name"] or row["user_email"] or row["user_id"]),
        policy=known(row["policy_name"] or row["policy_id"]),
        reporters=tuple((each["role"], reporter(each)) for each in row["reports"]),
        missing=tuple(missing_name(row, each) for each in row["missing"]),
        to_destination=formats.byte_size(row["bytes_to_destination"]),
        to_source=formats.byte_size(row["bytes_to_source"]),
        duration=formats.duration(row["duration_ms"]),
        values={**row_values(row), "agreement": RowValue("agreement", row["agreement"])},
    )


def connection_context(row: Row | None, shell: Shell, now: datetime, again: str, failure: Failure | None = None) -> ConnectionContext:
    """The page of one connection."""
    if row is None:
        return ConnectionContext(shell, None, (), (), frozenset(), failure, again)
    reports = tuple(report_line(each, row["started_at"], now) for each in row["reports"])
    return ConnectionContext(shell, connection_line(row, now), reports, explained(row), differing(row), failure, again)
