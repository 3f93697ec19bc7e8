"""Positions of rows in the store: unique across families, time-ordered across writers.

A position is `ticks << 12 | writer`. A tick is a microsecond of the writer's clock, never reused: a batch of n rows
takes n ticks, and a clock that stands still or jumps back makes the ticks run on by themselves. 51 bits of ticks reach
the year 2041; 12 bits number 4,096 writers.

Inside a family positions become visible in their order, because one thread commits. Between families they may not: who reads
several families by position keeps a position for each.
"""

import threading

from meshtrail.common.clock import Clock

WRITER_BITS = 12
WRITERS_MAX = 1 << WRITER_BITS


class Positions:
    """Gives out positions of one writer. Thread-safe: the pipes of all families share it."""

    def __init__(self, clock: Clock, writer: int = 0, last: int = 0) -> None:
        if not 0 <= writer < WRITERS_MAX:
            raise ValueError(f"writer must be below {WRITERS_MAX}")
        self._clock = clock
        self._writer = writer
        self._ticks = last >> WRITER_BITS
        self._lock = threading.Lock()

    def take(self, count: int) -> tuple[int, int]:
        """First position of `count` new ones and the step between them."""
        with self._lock:
            first = max(self._ticks + 1, self._clock())
            self._ticks = first + count - 1
        return first << WRITER_BITS | self._writer, 1 << WRITER_BITS
