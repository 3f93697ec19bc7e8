"""Joined connections for the dashboard's tests, in the shape of the native API."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from meshtrail.store.connection_view import COUNTERS, REPORT_FIELDS, SHOWN_FIELDS
from tests.web.fake_api import identifier, rfc3339

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Row = dict[str, Any]
_CHANCE = random.Random(11)


def report(role: str, name: str, **given: Any) -> Row:
    """One report of a connection that began a minute ago, closed unless told otherwise."""
    began = NOW - timedelta(minutes=1)
    row: Row = dict.fromkeys(("id", "role", *REPORT_FIELDS, *COUNTERS))
    return row | {
        "id": identifier(began, _CHANCE), "role": role, "reporter_id": f"id-{name}", "reporter_name": name, "state": "closed",
        "verdict": "allowed", "policy_name": "Staff to CRM", "attribution": "reported", "started_at": rfc3339(began),
        "ended_at": rfc3339(began + timedelta(seconds=2)), "close_reason": "fin", "source_address": "100.64.0.1", "source_port": 40_000,
        "destination_address": "100.64.0.2", "destination_port": 443, "bytes_to_destination": 1_000, "bytes_to_source": 5_000,
        "packets_to_destination": 10, "packets_to_source": 12,
    } | given  # fmt: skip


def connection(*reports: Row, **given: Any) -> Row:
    """A connection of these reports; of laptop and crm, which agree, when none are given."""
    told = reports or (report("initiator", "laptop"), report("target", "crm"))
    row: Row = dict.fromkeys(SHOWN_FIELDS)
    shared = {name: told[0][name] for name in ("id", *REPORT_FIELDS, *COUNTERS) if name in row}
    return row | shared | {
        "reports": list(told), "agreement": "both", "finding": False, "missing": [], "duration_ms": 2_000, "connection_type": "p2p",
        "protocol": 6, "application": "https", "source_name": "laptop", "destination_name": "crm",
    } | given  # fmt: skip


def denied(*reports: Row, **given: Any) -> Row:
    """A connection of which a report is a denial."""
    fields = {"state": "denied", "verdict": "denied", "policy_name": None, "attribution": "default_deny"}
    return connection(*reports, **{**fields, **given})


def attempt(name: str = "laptop") -> Row:
    """The initiator's word of what nobody answered."""
    return report("initiator", name, state="attempted", verdict="unknown", policy_name=None, attribution=None, close_reason="no_reply",
                  bytes_to_source=0, packets_to_source=0)  # fmt: skip


def denial(role: str = "target", name: str = "crm", **given: Any) -> Row:
    """The word of the one that denied."""
    counted = dict.fromkeys(COUNTERS)
    fields = {"state": "denied", "verdict": "denied", "policy_name": None, "attribution": "default_deny", "close_reason": None, "drops": 3}
    return report(role, name, **{**counted, **fields, **given})


def missing(side: str, name: str | None = None) -> Row:
    """Someone who should have reported."""
    return {"side": side, "reporter_id": f"id-{side}", "reporter_name": name}
