"""The traffic family: one row a connection and reporter."""

from meshtrail.model import enums
from meshtrail.model.family import Column, Family, Kind, Merge, Partition, choice, computed_id, org_column


def _endpoint(end: str, who: str) -> tuple[Column, ...]:
    def named(name: str, kind: Kind, doc: str, *, indexed: bool = False) -> Column:
        return Column(f"{end}_{name}", kind, doc.format(who=who), indexed=indexed)

    return (
        named("id", Kind.name, "Id of the peer or resource that is {who}.", indexed=True),
        Column(f"{end}_type", Kind.choice, f"What {who} is.", choices=enums.EndpointType),
        named("name", Kind.name, "Name of {who} at that moment.", indexed=True),
        named("os", Kind.name, "Operating system of {who}."),
        named("address", Kind.address, "Address of {who}, before translation.", indexed=True),
        named("port", Kind.port, "Port of {who}; null for protocols without ports.", indexed=end == "destination"),
        named("dns_label", Kind.name, "DNS name of {who} in the private network.", indexed=True),
        named("groups", Kind.names, "Groups of {who} at that moment."),
        named("country_code", Kind.name, "Country of {who} (ISO 3166-1 alpha-2), when its address is public."),
        named("city_name", Kind.name, "City of {who}, when its address is public."),
        named("resource_id", Kind.name, "Id of the network resource through which {who} was reached."),
        named("resource_name", Kind.name, "Name of that resource."),
    )


def _counter(name: str, doc: str, unit: str) -> Column:
    return Column(name, Kind.u64, doc, merge=Merge.largest, unit=unit)


TRAFFIC = Family(
    "traffic",
    time="started_at",
    key=("reporter_id", "flow_id"),
    partition=Partition.day,
    searched=(
        "source_name",
        "destination_name",
        "user_email",
        "user_name",
        "source_dns_label",
        "destination_dns_label",
        "policy_name",
        "process_name",
        "application",
        "source_address",
        "destination_address",
    ),
    groups={
        "head": (
            org_column(),
            Column(
                "id",
                Kind.uuid,
                "Permalink of the row: a UUIDv7 (RFC 9562) made of the start time and of a hash of reporter and flow.",
                merge=Merge.key,
                nullable=False,
                wire=False,
                expression=computed_id("started_at", "reporter_id", "flow_id"),
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
                expression="CAST(if(ended_at IS NULL, NULL, "
                "greatest(0, dateDiff('millisecond', started_at, ended_at))), 'Nullable(UInt64)')",
            ),
            choice("close_reason", enums.CloseReason, "Why the connection ended.", Merge.largest),
            _counter("starts", "Starts seen: 1 for a connection whose start was seen.", "events"),
            _counter("ends", "Ends seen.", "events"),
            _counter("drops", "Denied attempts folded into this row.", "events"),
            Column("window_start", Kind.time, "Start of an aggregate's window."),
            Column("window_end", Kind.time, "End of an aggregate's window.", merge=Merge.largest),
        ),
        "verdict": (
            Column("verdict", Kind.choice, "What the network decided.", merge=Merge.largest, choices=enums.Verdict),
            Column("policy_id", Kind.name, "Policy that decided.", indexed=True),
            Column("policy_name", Kind.name, "Name of that policy at that moment.", indexed=True),
            Column("rule_id", Kind.name, "Rule of the policy that decided."),
            Column("policy_version", Kind.u32, "Version of the policy in force at that moment."),
            choice(
                "attribution",
                enums.Attribution,
                "How the deciding rule was found: `reported` by the agent that enforced it, `resolved` by the server from the policies in "
                "force, `default_deny` or `default_allow` where no rule matches, `ambiguous` where several may have decided.",
                Merge.largest,
            ),
            Column(
                "rule_candidates",
                Kind.names,
                "Rules that may have decided, the first 16, where it is not certain which of them did.",
                merge=Merge.largest,
                wire=False,
            ),
        ),
        "shape": (
            choice("connection_type", enums.ConnectionType, "Peer to peer, or through a routing peer."),
            choice("direction", enums.Direction, "Seen from the reporter."),
            Column("protocol", Kind.u8, "IANA protocol number: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6."),
            Column("icmp_type", Kind.u8, "ICMP type; null for other protocols."),
            Column("icmp_code", Kind.u8, "ICMP code; null for other protocols."),
            Column("application", Kind.name, "Well-known service name of the destination port (IANA).", wire=False, indexed=True),
            Column("nat_source_address", Kind.address, "Source after translation, when translated."),
            Column("nat_source_port", Kind.port, "Source port after translation."),
            Column("nat_destination_address", Kind.address, "Destination after translation, when translated."),
            Column("nat_destination_port", Kind.port, "Destination port after translation."),
        ),
        "source": _endpoint("source", "the initiating side"),
        "destination": _endpoint("destination", "the responding side"),
        "person": (
            Column("user_id", Kind.name, "Person behind the initiating side.", indexed=True),
            Column("user_email", Kind.name, "Their e-mail address at that moment.", indexed=True),
            Column("user_name", Kind.name, "Their name at that moment.", indexed=True),
        ),
        "process": (
            Column("process_name", Kind.name, "Program on the reporter that owns the socket, when local.", indexed=True),
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
