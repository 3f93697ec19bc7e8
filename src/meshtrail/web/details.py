"""The side panel: every field of one row, grouped as the column table groups them, and a sentence that sums it up."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from meshtrail.model.columns import TRAFFIC, Column, Kind
from meshtrail.web import formats
from meshtrail.web.filters import Filters
from meshtrail.web.joined import JoinedReports
from meshtrail.web.row_values import Row
from meshtrail.web.rows import Line, line

AROUND = timedelta(minutes=5)
"""Half of the window that "around this moment" shows."""

NAME_CHARACTERS_MAX = 80
"""Length of a name in the sentence."""

GROUP_ORDER = (
    "gap", "state", "verdict", "source", "destination", "person", "process", "volume", "shape", "identity", "head",
)  # fmt: skip
"""What people look for first stands first; groups that are not named here follow."""

_MONOSPACED = frozenset({Kind.address, Kind.port, Kind.uuid})
_VERBS = {
    "open": "is connected to", "attempted": "tried to reach", "lost": "reached", "closed": "reached",
    "denied": "tried to reach", "window": "exchanged traffic with",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field and where clicking it leads."""

    text: str
    exact: str
    """RFC 3339 for times, otherwise empty."""
    include: str
    """Address that shows only rows with this value; empty when that makes no sense."""
    exclude: str
    """Address that hides rows with this value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One known field."""

    name: str
    """Name of the column, the word of the API."""
    label: str
    doc: str
    values: tuple[Value, ...]
    monospaced: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the column table, with its known fields."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the sentence; the strong ones are names."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Details:
    """Everything the panel shows."""

    line: Line
    sentence: tuple[Part, ...]
    groups: tuple[Group, ...]
    unknown: tuple[str, ...]
    """Names of the columns that are null."""
    permalink: str
    """Address of the row without the filters around it."""
    around: str
    """Address of the list five minutes before and after."""
    raw: str
    """The row as indented JSON."""
    curl: str
    """A shell line that asks the API for this row."""
    back: str
    """Address of the list behind the panel."""
    joined: JoinedReports | None
    """What others report of the same connection; None when that cannot be asked."""


def details(row: Row, filters: Filters, origin: str, now: datetime, joined: JoinedReports | None = None) -> Details:
    """The panel of an API row; `origin` is scheme and host of this server."""
    identifier = quote(str(row["id"]), safe="")
    return Details(
        line=line(row, filters.query(), now),
        sentence=tuple(sentence(row, now)),
        groups=tuple(group for group in _groups(row, filters) if group.fields),
        unknown=tuple(column.name for column in TRAFFIC if _absent(row.get(column.name)) and column.name != "org_id"),
        permalink=f"/traffic/{identifier}",
        around=_around(str(row["started_at"])),
        raw=formats.visible_lines(json.dumps(dict(row), indent=2, ensure_ascii=False)),
        curl=f'curl -H "Authorization: Token $MESHTRAIL_TOKEN" {shell_word(f"{origin}/api/v1/traffic/{identifier}")}',
        back=filters.path(),
        joined=joined,
    )


def shell_word(text: str) -> str:
    """The text as one word of a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def sentence(row: Row, now: datetime) -> Iterator[Part]:
    """The row in one sentence."""
    view = line(row, "", now)
    if view.gap:
        yield Part("Reports of ")
        yield Part(_short(view.reporter), strong=True)
        yield Part(f" are missing: {view.lost}, cause: {view.cause}.")
        return
    if view.person:
        yield Part(_short(view.person), strong=True)
        yield Part(" on ")
    yield Part(_short(view.source.name), strong=True)
    yield Part(f" {_VERBS.get(view.state, 'reached')} ")
    port = row.get("destination_port")
    yield Part(_short(view.destination.name) + ("" if view.destination.bare or port is None else f":{port}"), strong=True)
    yield Part(_outcome(row, view))
    policy = row.get("policy_name") or row.get("policy_id")
    if policy:
        yield Part(" by " if view.verdict != "unknown" else ", policy ")
        yield Part(_short(formats.visible(str(policy))), strong=True)
    yield Part(_volume(row, view) + ".")


def _short(text: str) -> str:
    """Cut a name that would drown the sentence; the fields below have all of it."""
    return text if len(text) <= NAME_CHARACTERS_MAX else text[: NAME_CHARACTERS_MAX - 1] + "…"


def _outcome(row: Row, view: Line) -> str:
    if view.state == "attempted":
        return ", nothing answered"
    if view.verdict == "unknown":
        return ""
    default = row.get("attribution") == "default_deny"
    return f", {view.verdict}" + (" because no policy allows it" if default and view.verdict == "denied" else "")


def _volume(row: Row, view: Line) -> str:
    counted = [row[name] for name in ("rx_bytes", "tx_bytes") if row.get(name) is not None]
    parts = [formats.byte_size(sum(counted))] if counted and view.state != "denied" else []
    if row.get("duration_ms") is not None and view.state not in {"denied", "attempted"}:
        parts.append(f"in {view.duration}")
    return f", {' '.join(parts)}" if parts else ""


def _absent(value: object) -> bool:
    return value is None or value == []


def _groups(row: Row, filters: Filters) -> Iterator[Group]:
    for name in sorted(TRAFFIC.groups, key=_place):
        known = [column for column in TRAFFIC.groups[name] if column.name != "org_id" and not _absent(row.get(column.name))]
        yield Group(name, tuple(_field(column, name, row[column.name], filters) for column in known))


def _place(group: str) -> int:
    return GROUP_ORDER.index(group) if group in GROUP_ORDER else len(GROUP_ORDER)


def _field(column: Column, group: str, value: object, filters: Filters) -> Field:
    items = value if isinstance(value, list) else [value]
    label = column.name.removeprefix(f"{group}_") if group in {"source", "destination", "process"} else column.name
    return Field(
        name=column.name,
        label=formats.words(label.removesuffix("_ms")),
        doc=column.doc,
        values=tuple(_value(column, item, filters) for item in items),
        monospaced=column.kind in _MONOSPACED or column.name == "seq",
    )


def _value(column: Column, value: object, filters: Filters) -> Value:
    text = str(value)
    if column.kind is Kind.time:
        return Value(formats.full_time(text), text, "", "")
    shown = _with_unit(column, value)
    include, exclude = filters.including(column.name, text), filters.excluding(column.name, text)
    return Value(shown, "", include.path(), exclude.path())


def _with_unit(column: Column, value: object) -> str:
    text = formats.visible(str(value))
    if not isinstance(value, int):
        return formats.words(text) if column.choices is not None else text
    if column.unit == "bytes" and value >= 1_000:
        return f"{formats.byte_size(value)} ({formats.count(value)})"
    if column.unit == "milliseconds":
        return formats.duration(value)
    if column.name == "protocol":
        return f"{formats.protocol(value)} ({value})"
    return formats.count(value) if column.unit else text


def _around(started_at: str) -> str:
    moment = datetime.fromisoformat(started_at).astimezone(UTC)
    start, end = moment - AROUND, moment + AROUND
    return Filters().between(f"{start:%Y-%m-%dT%H:%M:%S}Z", f"{end:%Y-%m-%dT%H:%M:%S}Z").path()
