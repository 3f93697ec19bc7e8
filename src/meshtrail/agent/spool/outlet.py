"""The way out: batches from the disk, then from memory. For one thread; the spool's lock is held for bookkeeping only."""

import logging
import threading
from pathlib import Path

import zstandard

from meshtrail.agent import limits
from meshtrail.agent.spool.batch import Batch
from meshtrail.agent.spool.bounds import Counters
from meshtrail.agent.spool.intake import Intake
from meshtrail.agent.spool.reader import Piece, Reader
from meshtrail.agent.spool.state import Gap, GapLine

_LOG = logging.getLogger(__name__)


class Outlet:
    """Puts batches together."""

    def __init__(self, intake: Intake, lock: threading.Lock, gap_line: GapLine, counters: Counters) -> None:
        self._intake, self._lock, self._gap_line, self._counters = intake, lock, gap_line, counters
        self._reader = Reader(gap_line)
        self._pack = zstandard.ZstdCompressor(limits.SPOOL_COMPRESSION_LEVEL).compress
        self._unpack = zstandard.ZstdDecompressor().decompress

    def take(self, gaps: tuple[Gap, ...]) -> Batch | None:
        """The next batch, with these gaps at its head; None when there is nothing. The one before is acknowledged."""
        return self._from_disk(gaps) or self._from_memory(gaps)

    def _from_disk(self, gaps: tuple[Gap, ...]) -> Batch | None:
        while True:
            with self._lock:
                store = self._intake.store
                found = store.next_unread() if store is not None else None
                if store is None or found is None:
                    return None
                segment, start = found
                more = segment.number != store.segments[-1].number or self._intake.memory.first() is not None
            piece = self._reader.read(segment, start, limits.BATCH_ROWS_MAX - len(gaps))
            self._note(piece, segment.path)
            if piece.texts:
                batch = self._batch(gaps, piece.texts, piece.payload, piece.rows)
                batch.end, batch.more = piece.end, more or piece.end.offset < segment.end
                with self._lock:
                    store.cursor = piece.end
                return batch
            with self._lock:
                store.confirm(piece.end)

    def _note(self, piece: Piece, path: Path) -> None:
        counters = self._counters
        if piece.fault is not None:
            counters.read_errors += 1
            _LOG.error("the spool cannot read %s, %d reports are lost: %s", path, piece.lost, piece.fault)
        elif piece.damages:
            _LOG.error("%s is damaged in %d places, at least %d reports are lost", path, piece.damages, piece.lost)
        counters.corrupt += piece.damages
        counters.corrupt_rows += piece.lost

    def _from_memory(self, gaps: tuple[Gap, ...]) -> Batch | None:
        with self._lock:
            memory = self._intake.memory
            chunks = memory.take(limits.BATCH_ROWS_MAX - len(gaps))
            more = memory.first() is not None
        if not chunks and not gaps:
            return None
        texts = [self._unpack(chunk.payload) for chunk in chunks]
        batch = self._batch(gaps, texts, chunks[-1].payload if chunks else b"", sum(chunk.rows for chunk in chunks))
        batch.more = more
        return batch

    def _batch(self, gaps: tuple[Gap, ...], texts: list[bytes], payload: bytes, rows: int) -> Batch:
        """A lone record leaves as it stands on the disk. Small frames are joined into one: that costs the agent a thousandth of
        a second and spares the server many."""
        texts = [*map(self._gap_line, gaps), *texts]
        body = payload if payload and len(texts) == 1 else self._pack(b"\n".join(texts))
        return Batch(rows + len(gaps), body, gaps=gaps)
