"""The one place that reads the clock; tests pass their own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Returns microseconds since the epoch, UTC."""


def wall_clock() -> int:
    """The system's clock."""
    return time.time_ns() // 1_000


def rfc3339(microseconds: int) -> str:
    """`2026-11-21T03:12:42.000123Z`."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).replace(microsecond=microseconds % 1_000_000).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def microseconds(text: str) -> int:
    """Microseconds of an RFC 3339 time with offset; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no offset: write it in UTC with a Z at its end")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
