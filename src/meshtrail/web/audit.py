"""What the pages of audit events show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from meshtrail.model.activities import BY_CODE
from meshtrail.web import formats
from meshtrail.web.changes import Change, changes
from meshtrail.web.filters import Filters, parse
from meshtrail.web.listed import AUDIT_LIST
from meshtrail.web.listing import Empty, ListContext, ListPage, list_context, nothing_happened, nothing_matches, shown_filters
from meshtrail.web.pages import Choice, Failure, Shell
from meshtrail.web.row_values import Values, first_known, known_values

_OUTCOMES = (("", "All"), ("success", "Done"), ("denied", "Refused"), ("failure", "Failed"))
_FACTS = (
    ("occurred_at", "When"), ("activity_code", "Code"), ("outcome", "Outcome"), ("status", "HTTP status"), ("error", "Error"),
    ("initiator_name", "Who"), ("initiator_email", "E-mail"), ("initiator_type", "Kind of initiator"), ("initiator_id", "Id of initiator"),
    ("initiator_ip", "From"), ("user_agent", "Program"), ("session_id", "Session"), ("token_id", "Token"), ("request_id", "Request"),
    ("target_type", "Kind of target"), ("target_name", "Target"), ("target_id", "Id of target"), ("reporter_name", "Reported by"),
    ("reporter_id", "Id of reporter"), ("received_at", "Arrived"),
)  # fmt: skip
_TIMES = frozenset({"occurred_at", "received_at"})
_PIVOTS = frozenset({"activity_code", "outcome", "initiator_name", "initiator_id", "initiator_ip", "token_id", "session_id", "target_id",
                     "target_type", "request_id"})  # fmt: skip
_MONOSPACED = frozenset(
    {"activity_code", "initiator_id", "initiator_ip", "session_id", "token_id", "request_id", "target_id", "reporter_id"}
)
_VALUES = {
    "outcome": ("outcome",), "activity": ("activity",), "target": ("target_name", "target_id"), "target_type": ("target_type",),
    "initiator": ("initiator_name", "initiator_email", "initiator_id"), "initiator_type": ("initiator_type",),
    "initiator_ip": ("initiator_ip",), "activity_code": ("activity_code",), "request_id": ("request_id",),
    "reporter": ("reporter_name", "reporter_id"),
}  # fmt: skip
"""Fields behind the parts of a line: the first known one."""

_NAMES = ("rules", "groups")
"""Members of `meta` that say what ids were called."""

Row = Mapping[str, Any]


class AuditPages(Protocol):
    """Where the pages read audit events; the answers are those of the native API, decoded."""

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """`{"data": [event, ...], "next_cursor": str | None}`, as `GET /api/v1/audit`."""
        ...

    async def one(self, org_id: str, identifier: str) -> dict[str, Any]:
        """The event, as `GET /api/v1/audit/{id}`; raises as that."""
        ...


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event of the list."""

    id: str
    href: str
    occurred_at: str
    time: str
    activity: str
    code: str
    meaning: str
    """What the code means, in a sentence; empty for a code that this release does not know."""
    outcome: str
    who: str
    who_kind: str
    address: str
    target: str
    target_kind: str
    changed: tuple[str, ...]
    """Names of the fields that differ, the first few."""
    error: str
    request: str
    reporter: str
    values: Values
    """What the words stand for, by the part of the line."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One known field of an event."""

    label: str
    text: str
    exact: str
    """RFC 3339 for times, else empty."""
    href: str
    """Events that have the same value; empty where that makes no sense."""
    monospaced: bool


@dataclass(frozen=True, slots=True)
class EventContext:
    """Everything `audit_event.html` shows."""

    shell: Shell
    line: AuditLine | None
    facts: tuple[Fact, ...]
    changes: tuple[Change, ...]
    details: tuple[Change, ...]
    """Further facts of this kind of event."""
    same_target: str
    """Address of everything that happened to the target; empty without one."""
    raw: str
    failure: Failure | None
    again: str
    back: str = "/audit"


def audit_context(
    filters: Filters, shell: Shell, now: datetime, answer: Mapping[str, Any], failure: Failure | None = None
) -> ListPage[AuditLine]:  # fmt: skip
    """The list from an answer of the API."""
    first = shown_filters(filters, failure)
    context = list_context(
        filters, now, answer, failure, choices=_choices(first), choices_label="Outcome", chosen=frozenset({"outcome"})
    )  # fmt: skip
    lines = tuple(audit_line(each, now) for each in answer.get("data", ()))
    return ListPage(shell, context, lines, None if lines or failure else _empty(context, first))


def _choices(first: Filters) -> tuple[Choice, ...]:
    plain = first.without_field("outcome")
    chosen = next((each.values for each in first.conditions if each.parameter == "outcome"), ())
    return tuple(
        Choice(word, (plain.including("outcome", value) if value else plain).path(), chosen == ((value,) if value else ()))
        for value, word in _OUTCOMES
    )


def _empty(context: ListContext, first: Filters) -> Empty:
    if not first.narrowed:
        text = "Every change, refused attempt, sign-in and reading of logs appears here within a second."
        return nothing_happened(context, first, "Nothing was changed in this time", text)
    empty = nothing_matches(context)
    plain = first.without_field("outcome")
    return (
        empty
        if plain == first
        else replace(empty, remedies=(Choice("Whatever became of it", plain.path(), current=False), *empty.remedies))
    )


def audit_line(row: Row, now: datetime) -> AuditLine:
    """An event in words."""
    code = str(row["activity_code"])
    known = BY_CODE.get(code)
    changed = {**_names(row.get("before")), **_names(row.get("after"))}
    return AuditLine(
        id=str(row["id"]),
        href=f"/audit/{quote(str(row['id']), safe='')}",
        occurred_at=str(row["occurred_at"]),
        time=formats.clock_time(row["occurred_at"], now),
        activity=_known(row["activity"]),
        code=code,
        meaning="" if known is None else known.doc,
        outcome=str(row["outcome"]),
        who=_known(row.get("initiator_name") or row.get("initiator_email") or row.get("initiator_id")),
        who_kind=formats.words(str(row.get("initiator_type") or "unknown")),
        address=_known(row.get("initiator_ip")),
        target=_known(row.get("target_name") or row.get("target_id")),
        target_kind=formats.words(str(row.get("target_type") or "")),
        changed=tuple(formats.visible(formats.words(name)) for name in list(changed)[:4]),
        error=_known(row.get("error")),
        request=_known(row.get("request_id")),
        reporter=_known(row.get("reporter_name") or row.get("reporter_id")),
        values=known_values((part, first_known(row, *fields)) for part, fields in _VALUES.items()),
    )


def _names(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _known(value: object) -> str:
    return "" if value is None else formats.visible(str(value))


def event_context(
    row: Row | None, shell: Shell, now: datetime, again: str, failure: Failure | None = None
) -> EventContext:  # fmt: skip
    """The page of one event."""
    if row is None:
        return EventContext(shell, None, (), (), (), "", "", failure, again)
    target, meta = row.get("target_id"), _names(row.get("meta"))
    names = {str(each): str(name) for kind in _NAMES for each, name in _names(meta.get(kind)).items()}
    return EventContext(
        shell=shell,
        line=audit_line(row, now),
        facts=tuple(_fact(row, name, label) for name, label in _FACTS if row.get(name) not in (None, "")),
        changes=changes(row.get("before"), row.get("after"), names),
        details=changes(None, {name: value for name, value in meta.items() if name not in _NAMES}, names),
        same_target=_same("target_id", str(target)) if target else "",
        raw=formats.visible_lines(json.dumps(row, indent=2, ensure_ascii=False)),
        failure=failure,
        again=again,
    )


def _fact(row: Row, name: str, label: str) -> Fact:
    value = str(row[name])
    if name in _TIMES:
        return Fact(label, formats.full_time(value), value, "", monospaced=True)
    text = formats.words(value) if name in {"initiator_type", "target_type"} else value
    return Fact(label, formats.visible(text), "", _same(name, value) if name in _PIVOTS else "", monospaced=name in _MONOSPACED)


def _same(field: str, value: str) -> str:
    return parse("", AUDIT_LIST).including(field, value).path()
