"""The connections pages: a list of joined connections, and one of them side by side as each reporter saw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote

from meshtrail.web import formats
from meshtrail.web.agreement import AGREEMENTS, FINDING, explained, known, missing_name, reporter, sentence
from meshtrail.web.filters import LAST, Filters
from meshtrail.web.pages import LAST_WORDS, Chip, Choice, Failure, Shell, chip
from meshtrail.web.reports import ReportLine, differing, report_line
from meshtrail.web.rows import End, end_of

PAGE_ROWS = 50
"""Connections of one page."""

_CHOSEN = ("agreement", "finding")
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


@dataclass(frozen=True, slots=True)
class ConnectionsContext:
    """Everything `connections.html` shows."""

    shell: Shell
    lines: tuple[ConnectionLine, ...]
    ranges: tuple[Choice, ...]
    choices: tuple[Choice, ...]
    """All, findings, and each agreement."""
    meaning: str
    """What the chosen one of them means."""
    chips: tuple[Chip, ...]
    search: str
    kept: tuple[tuple[str, str], ...]
    """Hidden fields of the search form."""
    clear: str
    wider: str
    everything: str
    """Address without a choice of agreement; empty when none is chosen."""
    older: str
    newest: str
    failure: Failure | None
    again: str


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


def connection_path(filters: Filters) -> str:
    """The list's address with these filters."""
    query = filters.query()
    return f"/connections?{query}" if query else "/connections"


def connections_context(
    filters: Filters, shell: Shell, now: datetime, answer: Mapping[str, Any], failure: Failure | None = None
) -> ConnectionsContext:  # fmt: skip
    """The list from an answer of the API."""
    first = filters.at("") if failure is None else filters.at("").retyped()
    plain = _without_choice(first)
    bare = Filters(last=first.last, since=first.since, until=first.until)
    unsearched = Filters(first.conditions, "", first.last, first.since, first.until)
    cursor = answer.get("next_cursor")
    chips = [chip(each, first) for each in first.conditions if each.field not in _CHOSEN]
    return ConnectionsContext(
        shell=shell,
        lines=tuple(connection_line(each, now) for each in answer.get("data", ())),
        ranges=tuple(Choice(LAST_WORDS[word], connection_path(first.within(word)), word == first.last) for word in LAST),
        choices=_choices(first, plain),
        meaning=_meaning(first),
        chips=tuple(Chip(each.field, each.label, each.operator, each.values, _here(each.remove), each.negative) for each in chips),
        search=first.search,
        kept=tuple(parse_qsl(unsearched.query())),
        clear=connection_path(bare),
        wider="" if first.last == "7d" else connection_path(first.within("7d")),
        everything=connection_path(plain) if plain != first else "",
        older=connection_path(first.at(cursor)) if cursor else "",
        newest=connection_path(first) if filters.cursor else "",
        failure=failure,
        again=connection_path(filters),
    )


def _here(path: str) -> str:
    return "/connections" + path.removeprefix("/traffic")


def _without_choice(filters: Filters) -> Filters:
    for each in filters.conditions:
        if each.field in _CHOSEN:
            filters = filters.without(each)
    return filters


def _choices(first: Filters, plain: Filters) -> tuple[Choice, ...]:
    chosen = [(each.field, *each.values) for each in first.conditions if each.field in _CHOSEN]
    wanted = [("All", None), ("Findings", ("finding", "true"))]
    wanted += [(badge[0].capitalize(), ("agreement", name)) for name, badge in AGREEMENTS.items()]
    return tuple(
        Choice(word, connection_path(plain if pair is None else plain.including(*pair)), chosen == ([] if pair is None else [pair]))
        for word, pair in wanted
    )


def _meaning(first: Filters) -> str:
    chosen = [each for each in first.conditions if each.field in _CHOSEN]
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
    )


def connection_context(row: Row | None, shell: Shell, now: datetime, again: str, failure: Failure | None = None) -> ConnectionContext:
    """The page of one connection."""
    if row is None:
        return ConnectionContext(shell, None, (), (), frozenset(), failure, again)
    reports = tuple(report_line(each, row["started_at"], now) for each in row["reports"])
    return ConnectionContext(shell, connection_line(row, now), reports, explained(row), differing(row), failure, again)
