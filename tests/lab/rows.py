"""Talks and rows for tests."""

from typing import Any

from lab.expect import Row
from lab.traffic import TCP, Talk
from meshtrail.model.columns import TRAFFIC

A, B = "100.90.0.1", "100.90.0.3"


def talk(**other: Any) -> Talk:
    """A connection that sent 1,000 bytes and received 5,000."""
    made = Talk(TCP, A, B, 4000, 443, sent=1_000, received=5_000)
    for name, value in other.items():
        setattr(made, name, value)
    return made


def row(**other: Any) -> Row:
    """What the laptop says of it."""
    blank = dict.fromkeys(TRAFFIC.columns)
    return blank | {
        "reporter_name": "laptop", "state": "closed", "verdict": "allowed", "direction": "egress", "connection_type": "p2p",
        "close_reason": "fin", "protocol": TCP, "source_address": A, "source_port": 4000, "destination_address": B,
        "destination_port": 443, "started_at": "2026-01-01T00:00:00.000000Z",
        "tx_packets": 10, "tx_bytes": 1_528, "rx_packets": 8, "rx_bytes": 5_424,
    } | other  # fmt: skip
