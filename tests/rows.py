"""Rows of traffic for tests."""

import uuid
from typing import Any

from meshtrail.common.clock import rfc3339, wall_clock

NOON_US = 1_790_000_000_000_000
"""2026-09-21, an hour of an ordinary day."""


def report(started_us: int | None = None, **fields: Any) -> dict[str, Any]:
    """A complete report of an open connection; fields replace or, when None, remove."""
    began = wall_clock() if started_us is None else started_us
    row: dict[str, Any] = {
        "reporter_id": "peer-1",
        "flow_id": str(uuid.uuid4()),
        "state": "open",
        "started_at": rfc3339(began),
        "occurred_at": rfc3339(began),
        "starts": 1,
        "verdict": "allowed",
        "protocol": 6,
        "source_address": "10.0.0.1",
        "source_port": 40_000,
        "destination_address": "10.0.0.2",
        "destination_port": 443,
    }
    return {name: value for name, value in {**row, **fields}.items() if value is not None}


def closing(opening: dict[str, Any], after_us: int = 1_500_000, **fields: Any) -> dict[str, Any]:
    """The closing report of the same connection, without the opening's optional facts."""
    from meshtrail.common.clock import microseconds

    ended = rfc3339(microseconds(opening["started_at"]) + after_us)
    kept = ("reporter_id", "flow_id", "started_at", "protocol", "source_address", "source_port", "destination_address",
            "destination_port")  # fmt: skip
    row = {name: opening[name] for name in kept if name in opening}
    return {**row, "state": "closed", "occurred_at": ended, "ended_at": ended, "ends": 1, "close_reason": "fin",
            "rx_bytes": 200, "tx_bytes": 100, "rx_packets": 2, "tx_packets": 3, **fields}  # fmt: skip
