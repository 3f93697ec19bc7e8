"""What the disk did not take, in order, bounded by bytes."""

from collections import deque
from itertools import chain
from typing import NamedTuple

from meshtrail.agent import limits

_CHUNK_BYTES = 200
"""What a chunk takes besides its payload."""


class Chunk(NamedTuple):
    """Lines of one put."""

    payload: bytes
    """A zstd frame: lines joined by newlines."""
    rows: int
    raw: int
    """Bytes when unpacked."""
    at_us: int


class Memory:
    """A queue of chunks. What has been taken stays, apart, until it is acknowledged."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._waiting: deque[Chunk] = deque()
        self._taken: list[Chunk] = []
        self.batches = 0
        """How often chunks were taken."""
        self.rows = 0
        self.bytes = 0

    def put(self, chunk: Chunk) -> list[Chunk]:
        """Add a chunk; returns those that had to go for it, oldest first."""
        self._waiting.append(chunk)
        self.rows += chunk.rows
        self.bytes += len(chunk.payload) + _CHUNK_BYTES
        gone: list[Chunk] = []
        while self.bytes > self._bytes_max and self._waiting:
            gone.append(self._waiting[0])
            self.remove_first()
        return gone

    @property
    def oldest_us(self) -> int | None:
        """Time of the oldest chunk, taken or not."""
        return next((chunk.at_us for chunk in chain(self._taken, self._waiting)), None)

    def first(self) -> Chunk | None:
        """The oldest chunk that has not been taken."""
        return self._waiting[0] if self._waiting else None

    def remove_first(self) -> None:
        """Remove that one."""
        self._forget(self._waiting.popleft())

    def take(self, rows_max: int) -> list[Chunk]:
        """Take as many as `rows_max` lines and a request's bytes; at least one chunk if there is one."""
        rows = raw = 0
        while self._waiting:
            rows += self._waiting[0].rows
            raw += self._waiting[0].raw + 1
            if self._taken and (rows > rows_max or raw > limits.BATCH_BYTES_MAX):
                break
            self._taken.append(self._waiting.popleft())
        self.batches += bool(self._taken)
        return list(self._taken)

    def remove_taken(self) -> None:
        """What was taken has arrived."""
        for chunk in self._taken:
            self._forget(chunk)
        self._taken.clear()

    def put_back(self) -> None:
        """What was taken waits again."""
        self._waiting.extendleft(reversed(self._taken))
        self._taken.clear()

    def _forget(self, chunk: Chunk) -> None:
        self.rows -= chunk.rows
        self.bytes -= len(chunk.payload) + _CHUNK_BYTES
