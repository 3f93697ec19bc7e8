"""One line of the list: an API row made into text. `static/js/rows.js` fills the same places for live rows."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from meshtrail.web import formats
from meshtrail.web.row_values import NOTHING, Row, Values, end_values, first_known, known_values


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection."""

    name: str
    """Its name, or its address when it has none."""
    address: str
    """Address and port beside the name; empty when the name is the address."""
    bare: bool
    """Whether `name` is an address, to be set in the monospaced face."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the list shows of one row."""

    id: str
    """Permalink id."""
    href: str
    """Address of the details."""
    gap: bool
    """Whether the row says that reports are missing."""
    state: str
    """A state's name; the word of the badge."""
    verdict: str
    """A verdict's name; the shape and colour of the badge."""
    started_at: str
    """RFC 3339."""
    time: str
    """Time of day in UTC."""
    source: End
    destination: End
    application: str
    protocol: str
    person: str
    process: str
    received: str
    sent: str
    duration: str
    close_reason: str
    until: str
    """End of a gap, RFC 3339 or empty."""
    until_time: str
    reporter: str
    """Who reports."""
    lost: str
    """How many reports a gap lost, in words."""
    cause: str
    """Why reports are missing, in words."""
    policy: str
    rule: str
    """The rule, or why none is named."""
    direction: str
    country: str
    rx_packets: str
    tx_packets: str
    values: Values
    """What the words stand for, by the part of the line."""


_NOWHERE = End("", "", False)
BLANK = Line(
    "", "", False, "", "", "", "", _NOWHERE, _NOWHERE, "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", NOTHING
)  # fmt: skip
"""The line of the template that live rows are cloned from."""


_FIELDS = {
    "state": ("state",), "reporter": ("reporter_name", "reporter_id"), "application": ("application",), "protocol": ("protocol",),
    "direction": ("direction",), "country": ("destination_country_code", "source_country_code"),
    "person": ("user_name", "user_email", "user_id"), "process": ("process_name",), "policy": ("policy_name", "policy_id"),
    "rule": ("rule_id", "attribution"), "reason": ("close_reason",),
}  # fmt: skip
"""Fields behind the parts of a line: the first known one."""


def line(row: Row, query: str, now: datetime) -> Line:
    """The list's view of an API row."""
    state = str(row["state"])
    ended = row.get("ended_at") or row.get("window_end") or ""
    return Line(
        id=str(row["id"]),
        href=details_path(str(row["id"]), query),
        gap=state == "gap",
        state=state,
        verdict="denied" if state == "denied" else str(row.get("verdict") or "unknown"),
        started_at=str(row["started_at"]),
        time=formats.clock_time(row["started_at"], now),
        source=end_of(row, "source"),
        destination=end_of(row, "destination"),
        application=_text(row.get("application")),
        protocol=formats.protocol(row.get("protocol")),
        person=_text(row.get("user_name") or row.get("user_email") or row.get("user_id")),
        process=_text(row.get("process_name")),
        received=formats.byte_size(row.get("rx_bytes")),
        sent=formats.byte_size(row.get("tx_bytes")),
        duration=formats.duration(row.get("duration_ms")),
        close_reason=formats.words(_text(row.get("close_reason"))),
        until=ended,
        until_time=formats.clock_time(ended, now) if ended else "",
        reporter=_text(row.get("reporter_name") or row.get("reporter_id")),
        lost=lost_words(row.get("gap_lost")),
        cause=formats.words(_text(row.get("gap_cause")) or "unknown"),
        policy=_text(row.get("policy_name") or row.get("policy_id")),
        rule=_text(row.get("rule_id")) or formats.words(_text(row.get("attribution"))),
        direction=formats.words(_text(row.get("direction"))),
        country=_text(row.get("destination_country_code") or row.get("source_country_code")),
        rx_packets=_counted(row.get("rx_packets")),
        tx_packets=_counted(row.get("tx_packets")),
        values=row_values(row),
    )


def row_values(row: Row) -> Values:
    """What the words of a line stand for."""
    parts = {name: first_known(row, *fields) for name, fields in _FIELDS.items()}
    return known_values((parts | end_values(row, "source") | end_values(row, "destination")).items())


def details_path(identifier: str, query: str) -> str:
    """Address of a row's details, with the filters of the list behind it."""
    return f"/traffic/{quote(identifier, safe='')}" + (f"?{query}" if query else "")


def end_of(row: Row, end: str) -> End:
    """One end: by name when it has one, otherwise by address."""
    name = row.get(f"{end}_name") or row.get(f"{end}_dns_label")
    address, port = row.get(f"{end}_address"), row.get(f"{end}_port")
    if name:
        # The port of the initiating side is chance; beside a name it would only be noise.
        where = formats.address_port(address, port if end == "destination" else None)
        return End(formats.visible(str(name)), formats.visible(where), False)
    where = formats.address_port(address, port)
    return End(formats.visible(where) or "unknown", "", bool(where))


def lost_words(lost: int | None) -> str:
    """`312 reports lost`, or that the number is not known."""
    if lost is None:
        return "unknown number lost"
    return f"{formats.count(lost)} {'report' if lost == 1 else 'reports'} lost"


def _counted(number: int | None) -> str:
    return formats.UNKNOWN if number is None else formats.count(number)


def _text(value: object) -> str:
    return "" if value is None else formats.visible(str(value))
