"""The one table of columns of each event family.

Adding a field is one line here and one test. Columns are grouped as people think of them; the order is the order
of the CSV header and of the documentation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property

from meshtrail.model import enums


class Kind(StrEnum):
    """The logical type of a column; each deriver maps it to its own types."""

    text = "text"
    """Free text of high variety."""
    name = "name"
    """Text of low variety (names, ids): stored as a dictionary."""
    names = "names"
    """List of low-variety text."""
    uuid = "uuid"
    address = "address"
    """IPv4 or IPv6 address; stored as IPv6, IPv4 mapped (RFC 4291, 2.5.5.2)."""
    port = "port"
    u8 = "u8"
    u32 = "u32"
    u64 = "u64"
    time = "time"
    """UTC with microseconds."""
    choice = "choice"
    """A closed vocabulary (`Column.choices`)."""


class Merge(StrEnum):
    """What happens when a later report of the same event brings a value again. Null never replaces a fact."""

    key = "key"
    """Part of the event's identity: the same in every report."""
    first = "first"
    """The first known value stays: a snapshot of its moment."""
    largest = "largest"
    """The larger value wins: states that only advance, counters that only grow, times that only move on."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a family, under one name everywhere."""

    name: str
    kind: Kind
    doc: str
    merge: Merge = Merge.first
    nullable: bool = True
    wire: bool = True
    """Whether a sender may set it; the others are given by the server."""
    choices: type[IntEnum] | None = None
    unit: str = ""
    expression: str = ""
    """ClickHouse expression of a computed column; computed columns are not stored."""
    indexed: bool = False
    """Kept in a skip index because lists are filtered by it."""

    @property
    def computed(self) -> bool:
        """Whether the column is derived when read."""
        return bool(self.expression)


@dataclass(frozen=True)
class Family:
    """An event family: its name and its groups of columns."""

    name: str
    groups: dict[str, tuple[Column, ...]] = field(repr=False)
    sort_key: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Column]:
        for group in self.groups.values():
            yield from group

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns by name, in order."""
        return {column.name: column for column in self}

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns that are on disk."""
        return tuple(column for column in self if not column.computed)

    @cached_property
    def wire(self) -> tuple[Column, ...]:
        """The columns a sender may set."""
        return tuple(column for column in self.stored if column.wire)


def _choice(name: str, choices: type[IntEnum], doc: str, merge: Merge = Merge.first) -> Column:
    return Column(name, Kind.choice, doc, merge=merge, choices=choices)


def _endpoint(end: str, who: str) -> tuple[Column, ...]:
    def named(name: str, kind: Kind, doc: str, *, indexed: bool = False) -> Column:
        return Column(f"{end}_{name}", kind, doc.format(who=who), indexed=indexed)

    return (
        named("id", Kind.name, "Id of the peer or resource that is {who}.", indexed=True),
        Column(f"{end}_type", Kind.choice, f"What {who} is.", choices=enums.EndpointType),
        named("name", Kind.name, "Name of {who} at that moment."),
        named("os", Kind.name, "Operating system of {who}."),
        named("address", Kind.address, "Address of {who}, before translation.", indexed=True),
        named("port", Kind.port, "Port of {who}; null for protocols without ports.", indexed=end == "destination"),
        named("dns_label", Kind.name, "DNS name of {who} in the private network."),
        named("groups", Kind.names, "Groups of {who} at that moment."),
        named("country_code", Kind.name, "Country of {who} (ISO 3166-1 alpha-2), when its address is public."),
        named("city_name", Kind.name, "City of {who}, when its address is public."),
        named("resource_id", Kind.name, "Id of the network resource through which {who} was reached."),
        named("resource_name", Kind.name, "Name of that resource."),
    )


def _counter(name: str, doc: str, unit: str) -> Column:
    return Column(name, Kind.u64, doc, merge=Merge.largest, unit=unit)


_ID_HIGH = "bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(started_at)), 16), bitOr(0x7000, bitAnd(cityHash64(flow_id), 0xFFF)))"
_ID_LOW = "bitOr(bitAnd(sipHash64(reporter_id, flow_id), 0x3FFFFFFFFFFFFFFF), 0x8000000000000000)"
ID_EXPRESSION = f"reinterpret(bitOr(toUInt128({_ID_HIGH}), bitShiftLeft(toUInt128({_ID_LOW}), 64)), 'UUID')"
"""A UUIDv7 (RFC 9562, 5.7): milliseconds of the start, version, variant, and 74 bits of hash instead of chance, so
that every report of one connection has the same id and the id leads back to the sort key."""

HEAD_IDENTITY = (
    Column("org_id", Kind.name, "Organisation the event belongs to; every query carries it.", merge=Merge.key, nullable=False, wire=False),
)

TRAFFIC = Family(
    "traffic",
    sort_key=("org_id", "started_at", "reporter_id", "flow_id"),
    groups={
        "head": (
            *HEAD_IDENTITY,
            Column(
                "id",
                Kind.uuid,
                "Permalink of the row: a UUIDv7 (RFC 9562) made of the start time and of a hash of reporter and flow.",
                merge=Merge.key,
                nullable=False,
                wire=False,
                expression=ID_EXPRESSION,
            ),
            Column(
                "seq",
                Kind.u64,
                "Position in the store of the row's last change: unique, time-ordered across writers.",
                merge=Merge.largest,
                nullable=False,
                wire=False,
            ),
            Column(
                "occurred_at",
                Kind.time,
                "The reporter's clock when it made its last report of this row.",
                merge=Merge.largest,
                nullable=False,
            ),
            Column(
                "received_at", Kind.time, "The server's clock when that report arrived.", merge=Merge.largest, nullable=False, wire=False
            ),
            Column("source", Kind.name, "Ingest protocol: `agent`, `ndjson`, `arrow`.", nullable=False, wire=False),
            Column("reporter_id", Kind.name, "Peer or system that says so.", merge=Merge.key, nullable=False, indexed=True),
            Column("reporter_name", Kind.name, "Name of the reporter at that moment."),
        ),
        "identity": (
            Column(
                "flow_id",
                Kind.uuid,
                "The connection, as its reporter numbers it; the same in all reports of one connection.",
                merge=Merge.key,
                nullable=False,
            ),
        ),
        "state": (
            Column(
                "state",
                Kind.choice,
                "Where the connection stands: `open`, `attempted` (no reply seen), `lost` (the reporter vanished), "
                "`closed`, `denied`, `window` (an aggregate), `gap` (reports are missing).",
                merge=Merge.largest,
                nullable=False,
                choices=enums.State,
            ),
            Column(
                "started_at",
                Kind.time,
                "Start of the connection, of the attempt, of the window or of the gap.",
                merge=Merge.key,
                nullable=False,
            ),
            Column("ended_at", Kind.time, "End; null while open.", merge=Merge.largest),
            Column("last_seen_at", Kind.time, "Last report while open.", merge=Merge.largest),
            Column(
                "duration_ms",
                Kind.u64,
                "From start to end; null while open.",
                wire=False,
                unit="milliseconds",
                expression="CAST(if(ended_at IS NULL, NULL, greatest(0, dateDiff('millisecond', started_at, ended_at))), 'Nullable(UInt64)')",
            ),
            _choice("close_reason", enums.CloseReason, "Why the connection ended.", Merge.largest),
            _counter("starts", "Starts seen: 1 for a connection whose start was seen.", "events"),
            _counter("ends", "Ends seen.", "events"),
            _counter("drops", "Denied attempts folded into this row.", "events"),
            Column("window_start", Kind.time, "Start of an aggregate's window."),
            Column("window_end", Kind.time, "End of an aggregate's window.", merge=Merge.largest),
        ),
        "verdict": (
            Column("verdict", Kind.choice, "What the network decided.", merge=Merge.largest, choices=enums.Verdict),
            Column("policy_id", Kind.name, "Policy that decided.", indexed=True),
            Column("policy_name", Kind.name, "Name of that policy at that moment."),
            Column("rule_id", Kind.name, "Rule of the policy that decided."),
            Column("policy_version", Kind.u32, "Version of the policy in force at that moment."),
            _choice("attribution", enums.Attribution, "How the deciding policy was found.", Merge.largest),
        ),
        "shape": (
            _choice("connection_type", enums.ConnectionType, "Peer to peer, or through a routing peer."),
            _choice("direction", enums.Direction, "Seen from the reporter."),
            Column("protocol", Kind.u8, "IANA protocol number: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6."),
            Column("icmp_type", Kind.u8, "ICMP type; null for other protocols."),
            Column("icmp_code", Kind.u8, "ICMP code; null for other protocols."),
            Column("application", Kind.name, "Well-known service name of the destination port (IANA).", wire=False),
            Column("nat_source_address", Kind.address, "Source after translation, when translated."),
            Column("nat_source_port", Kind.port, "Source port after translation."),
            Column("nat_destination_address", Kind.address, "Destination after translation, when translated."),
            Column("nat_destination_port", Kind.port, "Destination port after translation."),
        ),
        "source": _endpoint("source", "the initiating side"),
        "destination": _endpoint("destination", "the responding side"),
        "person": (
            Column("user_id", Kind.name, "Person behind the initiating side.", indexed=True),
            Column("user_email", Kind.name, "Their e-mail address at that moment."),
            Column("user_name", Kind.name, "Their name at that moment."),
        ),
        "process": (
            Column("process_name", Kind.name, "Program on the reporter that owns the socket, when local."),
            Column("process_id", Kind.u32, "Its process number on the reporter."),
        ),
        "volume": (
            _counter("rx_bytes", "Bytes received by the reporter; null when not counted.", "bytes"),
            _counter("tx_bytes", "Bytes sent by the reporter; null when not counted.", "bytes"),
            _counter("rx_packets", "Packets received by the reporter; null when not counted.", "packets"),
            _counter("tx_packets", "Packets sent by the reporter; null when not counted.", "packets"),
        ),
        "gap": (
            Column("gap_cause", Kind.choice, "Why reports are missing.", choices=enums.GapCause),
            _counter("gap_lost", "How many reports were lost, when known.", "events"),
        ),
    },
)

FAMILIES: dict[str, Family] = {TRAFFIC.name: TRAFFIC}
