"""Conntrack records for tests, as short as a transcript needs them."""

import json
from pathlib import Path
from typing import Any

from meshtrail.agent.netlink.decode import Record

START_US = 1_795_234_698_000_000
"""When the transcripts begin."""

NEAR, FAR = b"\x0a\x4d\x00\x01", b"\x0a\x4d\x00\x02"
_BLANK = Record(
    "new", 1, 6, NEAR, FAR, 40_000, 443, FAR, NEAR, 443, 40_000,
    None, None, None, 0x188, 1, 120, None, None, None, None, None, None, None, None, None,
)  # fmt: skip
FIXTURES = Path(__file__).parent / "fixtures"


def at(seconds: float) -> int:
    """Microseconds of a moment of the transcript."""
    return START_US + round(seconds * 1_000_000)


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else at(seconds) * 1_000


def new(number: int = 1, seconds: float | None = 0.0, **changes: Any) -> Record:
    """A NEW event of a TCP connection from near to far."""
    return _BLANK._replace(**{"id": number, "event_ns": _ns(seconds), **changes})


def closing(number: int = 1, seconds: float = 1.0, state: int = 7, **changes: Any) -> Record:
    """An UPDATE event that says that both sides have closed."""
    return _BLANK._replace(**{"kind": "update", "id": number, "event_ns": _ns(seconds), "tcp_state": state, "status": 0x18E, **changes})


def entry(number: int = 1, started: float | None = 0.0, counts: tuple[int, int, int, int] | None = None, **changes: Any) -> Record:
    """An entry of a dump, established unless said otherwise."""
    made = _BLANK._replace(**{"kind": "entry", "id": number, "started_ns": _ns(started), "tcp_state": 3, "status": 0x18E, **changes})
    return _counted(made, counts)


def destroy(
    number: int = 1,
    started: float | None = 0.0,
    stopped: float | None = 2.0,
    counts: tuple[int, int, int, int] | None = (4, 400, 3, 300),
    **changes: Any,
) -> Record:
    """A DESTROY event of a connection that was closed by both sides."""
    given = {"kind": "destroy", "id": number, "started_ns": _ns(started), "stopped_ns": _ns(stopped), "event_ns": _ns(stopped)}
    return _counted(_BLANK._replace(**{**given, "tcp_state": 7, "status": 0x38E, "timeout_s": None, **changes}), counts)


def _counted(record: Record, counts: tuple[int, int, int, int] | None) -> Record:
    if counts is None:
        return record
    packets, size, reply_packets, reply_size = counts
    return record._replace(packets_orig=packets, bytes_orig=size, packets_reply=reply_packets, bytes_reply=reply_size)


def datagrams() -> dict[str, bytes]:
    """Datagrams recorded from Linux 6.18, by what they say."""
    stored = json.loads((FIXTURES / "conntrack-6.18.json").read_text(encoding="ascii"))
    return {name: bytes.fromhex(content) for name, content in stored.items()}
