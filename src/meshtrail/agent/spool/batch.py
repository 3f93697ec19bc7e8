"""What one request carries."""

from dataclasses import dataclass

import zstandard

from meshtrail.agent import limits
from meshtrail.agent.spool.state import Gap, Place


@dataclass(slots=True)
class Batch:
    """Lines on their way. The key names exactly these lines, in all attempts and after a restart, so that a repetition is
    recognised."""

    key: str
    rows: int
    body: bytes
    """A zstd frame: lines joined by newlines."""
    end: Place | None = None
    """Up to where the spool is empty when this has been acknowledged."""
    more: bool = False
    """Whether there was more to take when this was taken."""
    gaps: tuple[Gap, ...] = ()
    """Gaps told by its first lines."""

    def lines(self) -> list[bytes]:
        """The lines."""
        text: bytes = zstandard.ZstdDecompressor().decompress(self.body)
        return text.split(b"\n")

    def halves(self) -> "tuple[Batch, Batch]":
        """Two batches with half of the lines each."""
        lines = self.lines()
        middle = len(lines) // 2
        return self._part(lines[:middle], 0), self._part(lines[middle:], 1)

    def _part(self, lines: list[bytes], number: int) -> "Batch":
        body = zstandard.ZstdCompressor(limits.SPOOL_COMPRESSION_LEVEL).compress(b"\n".join(lines))
        return Batch(f"{self.key}.{number}", len(lines), body)
