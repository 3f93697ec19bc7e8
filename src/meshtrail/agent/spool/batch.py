"""What one request carries."""

from dataclasses import dataclass
from hashlib import blake2b

import zstandard

from meshtrail.agent import limits
from meshtrail.agent.spool.state import Gap, Place

_KEY_BYTES = 16


@dataclass(slots=True)
class Batch:
    """Lines on their way."""

    rows: int
    body: bytes
    """A zstd frame: lines joined by newlines."""
    end: Place | None = None
    """Up to where the spool's disk is empty when this has been acknowledged."""
    more: bool = False
    """Whether there was more to take when this was taken."""
    gaps: tuple[Gap, ...] = ()
    """Gaps told by its first lines."""

    @property
    def key(self) -> str:
        """Names these bytes and no others, in all attempts and after a restart, so that a repetition is recognised."""
        return blake2b(self.body, digest_size=_KEY_BYTES).hexdigest()

    def lines(self) -> list[bytes]:
        """The lines."""
        text: bytes = zstandard.ZstdDecompressor().decompress(self.body)
        return text.split(b"\n")

    def halves(self) -> "tuple[Batch, Batch]":
        """Two batches with half of the lines each."""
        lines = self.lines()
        middle = len(lines) // 2
        return of_lines(lines[:middle]), of_lines(lines[middle:])


def of_lines(lines: list[bytes]) -> Batch:
    """A batch of lines that are in no spool."""
    return Batch(len(lines), zstandard.ZstdCompressor(limits.SPOOL_COMPRESSION_LEVEL).compress(b"\n".join(lines)))
