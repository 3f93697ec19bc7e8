"""What the pages of audit events show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from meshtrail.filter import FilterError, parse, printed
from meshtrail.filter.tree import And, Node, Word
from meshtrail.model.activities import BY_CODE
from meshtrail.model.columns import AUDIT
from meshtrail.web import formats
from meshtrail.web.changes import Change, changes
from meshtrail.web.filters import LAST, Filters
from meshtrail.web.pages import LAST_WORDS, Chip, Choice, Failure, Shell, chip

PAGE_ROWS = 50
"""Events of one page."""

LAST_DEFAULT = "7d"
"""Changes are rare: an hour would often be empty."""

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
class AuditContext:
    """Everything `audit.html` shows."""

    shell: Shell
    lines: tuple[AuditLine, ...]
    ranges: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    chips: tuple[Chip, ...]
    search: str
    kept: tuple[tuple[str, str], ...]
    """Hidden fields of the search form."""
    clear: str
    wider: str
    older: str
    newest: str
    failure: Failure | None
    again: str


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


def audit_path(filters: Filters) -> str:
    """The list's address with these filters. Its window is seven days unless it says another."""
    pairs = [pair for pair in parse_qsl(filters.query()) if pair[0] != "last"]
    if filters.last and filters.last != LAST_DEFAULT:
        pairs.append(("last", filters.last))
    return f"/audit?{urlencode(pairs)}" if pairs else "/audit"


def typed(filters: Filters) -> Filters:
    """A filter of the language that was typed into the search box becomes the filter; words stay words."""
    if not filters.search:
        return filters
    try:
        tree = parse(filters.search, AUDIT)
    except FilterError as error:
        return filters.choosing(filters.search) if error.suggestions else filters
    return filters.choosing(printed(tree, AUDIT)) if _says_more(tree) else filters


def _says_more(node: Node) -> bool:
    match node:
        case And(items):
            return any(_says_more(item) for item in items)
        case Word():
            return False
        case _:
            return True


def audit_context(
    filters: Filters, shell: Shell, now: datetime, answer: Mapping[str, Any], failure: Failure | None = None
) -> AuditContext:  # fmt: skip
    """The list from an answer of the API."""
    first = filters.at("") if failure is None else filters.at("").retyped()
    plain = _without_outcome(first)
    bare = Filters(last=first.last, since=first.since, until=first.until)
    unsearched = Filters(first.conditions, "", first.last, first.since, first.until)
    cursor = answer.get("next_cursor")
    chips = [(each, chip(each, first)) for each in first.conditions if each.field != "outcome"]
    chosen = next((each.values for each in first.conditions if each.parameter == "outcome"), ())
    return AuditContext(
        shell=shell,
        lines=tuple(audit_line(each, now) for each in answer.get("data", ())),
        ranges=tuple(Choice(LAST_WORDS[word], audit_path(first.within(word)), word == first.last) for word in LAST),
        outcomes=tuple(
            Choice(word, audit_path(plain.including("outcome", value) if value else plain), chosen == ((value,) if value else ()))
            for value, word in _OUTCOMES
        ),
        chips=tuple(
            Chip(each.field, each.label, each.operator, each.values, audit_path(first.without(condition)), each.negative)
            for condition, each in chips
        ),
        search=first.search,
        kept=tuple(parse_qsl(audit_path(unsearched).partition("?")[2])),
        clear=audit_path(bare),
        wider="" if first.last == "7d" else audit_path(first.within("7d")),
        older=audit_path(first.at(cursor)) if cursor else "",
        newest=audit_path(first) if filters.cursor else "",
        failure=failure,
        again=audit_path(filters),
    )


def _without_outcome(filters: Filters) -> Filters:
    for each in filters.conditions:
        if each.field == "outcome":
            filters = filters.without(each)
    return filters


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
    return audit_path(Filters(last=LAST_DEFAULT).including(field, value))
