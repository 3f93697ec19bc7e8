"""The audit family: one row an attempt to change or to read, with who, from where, and what it made of what."""

from meshtrail.model import enums
from meshtrail.model.family import Column, Family, Kind, Merge, Partition, choice, computed_id, org_column


def _given(name: str, kind: Kind, doc: str) -> Column:
    """A column of the head that the server fills in."""
    return Column(name, kind, doc, merge=Merge.smallest, nullable=False, wire=False)


AUDIT = Family(
    "audit",
    time="occurred_at",
    key=("reporter_id", "event_id"),
    partition=Partition.month,
    searched=(
        "activity",
        "activity_code",
        "initiator_name",
        "initiator_email",
        "initiator_id",
        "initiator_ip",
        "target_name",
        "target_id",
        "error",
        "request_id",
        "before",
        "after",
        "meta",
    ),
    groups={
        "head": (
            org_column(),
            Column(
                "id",
                Kind.uuid,
                "Permalink of the row: a UUIDv7 (RFC 9562) made of the time and of a hash of reporter and event.",
                merge=Merge.key,
                nullable=False,
                wire=False,
                expression=computed_id("occurred_at", "reporter_id", "event_id"),
            ),
            _given("seq", Kind.u64, "Position in the store: unique, time-ordered across writers."),
            Column("occurred_at", Kind.time, "The reporter's clock at the event.", merge=Merge.key, nullable=False),
            _given("received_at", Kind.time, "The server's clock when the event arrived."),
            Column("source", Kind.name, "Ingest protocol: `control` for this server's own events.", nullable=False, wire=False),
            Column("reporter_id", Kind.name, "System that says so.", merge=Merge.key, nullable=False),
            Column("reporter_name", Kind.name, "Name of the reporter at that moment."),
        ),
        "identity": (
            Column(
                "event_id",
                Kind.text,
                "The event, as its reporter numbers it: the same when it is delivered again.",
                merge=Merge.key,
                nullable=False,
            ),
        ),
        "what": (
            Column("activity", Kind.name, "What happened, as a sentence for people.", nullable=False),
            Column("activity_code", Kind.name, "The same as a code for programs; see the list of audit codes.", nullable=False),
            Column(
                "outcome",
                Kind.choice,
                "How it ended: `success`, `failure` (it was allowed and did not work), `denied` (for want of a right).",
                nullable=False,
                choices=enums.Outcome,
            ),
            Column("status", Kind.u32, "HTTP status that the initiator was answered."),
            Column("error", Kind.text, "Why it did not succeed."),
        ),
        "initiator": (
            Column("initiator_id", Kind.name, "Id of who acted; `sys` is the server itself.", indexed=True),
            choice("initiator_type", enums.InitiatorType, "What the initiator is."),
            Column("initiator_name", Kind.name, "Name of the initiator at that moment."),
            Column("initiator_email", Kind.name, "E-mail address of the initiator at that moment."),
            Column("initiator_ip", Kind.address, "Address that the request came from."),
            Column("user_agent", Kind.name, "Program that sent the request, as it calls itself."),
            Column("session_id", Kind.name, "Sign-in that was used."),
            Column("token_id", Kind.name, "API token that was used."),
            Column("request_id", Kind.text, "The request; it is in the server's log under the same id."),
        ),
        "target": (
            Column("target_id", Kind.name, "Id of what was acted on.", indexed=True),
            Column("target_type", Kind.name, "What the target is."),
            Column("target_name", Kind.name, "Name of the target at that moment."),
        ),
        "change": (
            Column("before", Kind.json, "What changed, as it was; secrets read `[redacted]`."),
            Column("after", Kind.json, "What changed, as it became; secrets read `[redacted]`."),
            Column("meta", Kind.json, "Further facts of this kind of event."),
        ),
    },
)
