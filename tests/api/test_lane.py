"""A lane of its own for calls that take long."""

import asyncio
import threading

import pytest

from meshtrail.api.lane import Lane
from meshtrail.common.errors import BusyError


async def _too_many(lane: Lane, leave: threading.Event) -> tuple[list[bool], int]:
    calls = [asyncio.create_task(lane.run(leave.wait, 20)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await lane.run(int, "5")
    leave.set()
    return await asyncio.gather(*calls), await lane.run(int, "5")


def test_a_full_lane_says_so() -> None:
    """Threads and queue are bounded; afterwards there is room again."""
    lane = Lane(1, 2, "test")
    assert asyncio.run(_too_many(lane, threading.Event())) == ([True, True, True], 5)
    lane.close()


def test_errors_come_through() -> None:
    """And leave room."""
    lane = Lane(1, 0, "test")
    for _ in range(3):
        with pytest.raises(ValueError, match="invalid literal"):
            asyncio.run(lane.run(int, "x"))
    lane.close()
