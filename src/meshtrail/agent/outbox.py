"""Reports that wait for the server: a queue bounded by bytes. Pure; times come with the calls, locks are the caller's.

Reports leave only when they are acknowledged. When there is no room the oldest go, and the next batch begins with a gap
row that says from when to when and how many. A spool on disk takes this queue's place when it comes.
"""

import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from meshtrail.agent import limits

GapLine = Callable[[int, int, int], bytes]
"""Writes a gap row: from and to in microseconds, number of reports lost."""


@dataclass(slots=True)
class Batch:
    """Lines of one request. The key stays the same through all attempts, so that a repetition is recognised."""

    lines: list[bytes]
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class _Chunk:
    at_us: int
    lines: list[bytes]
    size: int


class Outbox:
    """A bounded queue of lines."""

    def __init__(self, gap_line: GapLine, bytes_max: int = limits.OUTBOX_BYTES_MAX) -> None:
        self._gap_line = gap_line
        self._bytes_max = bytes_max
        self._chunks: deque[_Chunk] = deque()
        self._lost: tuple[int, int, int] | None = None
        self.rows = 0
        """Reports that wait, without those on their way."""
        self.bytes = 0
        self.queued = 0
        self.dropped = 0

    def put(self, lines: list[bytes], now_us: int) -> None:
        """Queue lines; the oldest go when there is no room."""
        for start in range(0, len(lines), limits.BATCH_ROWS_MAX):
            piece = lines[start : start + limits.BATCH_ROWS_MAX]
            chunk = _Chunk(now_us, piece, sum(map(len, piece)) + len(piece))
            self._chunks.append(chunk)
            self.rows += len(piece)
            self.bytes += chunk.size
            self.queued += len(piece)
        while self.bytes > self._bytes_max and self._chunks:
            self._drop(self._pop())

    def _pop(self) -> _Chunk:
        chunk = self._chunks.popleft()
        self.rows -= len(chunk.lines)
        self.bytes -= chunk.size
        return chunk

    def _drop(self, chunk: _Chunk) -> None:
        since, _, lost = self._lost or (chunk.at_us, 0, 0)
        self._lost = (since, chunk.at_us, lost + len(chunk.lines))
        self.dropped += len(chunk.lines)

    def take(self) -> Batch | None:
        """The next batch, or None when nothing waits."""
        lines: list[bytes] = []
        size = 0
        if self._lost is not None:
            lines.append(self._gap_line(*self._lost))
            self._lost = None
        while self._chunks:
            following = self._chunks[0]
            full = len(lines) + len(following.lines) > limits.BATCH_ROWS_MAX or size + following.size > limits.BATCH_BYTES_MAX
            if full and lines:
                break
            self._pop()
            lines += following.lines
            size += following.size
        return Batch(lines) if lines else None

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._chunks) or self._lost is not None
