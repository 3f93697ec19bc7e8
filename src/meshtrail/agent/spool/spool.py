"""The spool as the agent sees it: put, take, acknowledge. Callable from any thread; one batch at a time is on its way.

Its lock is held for a write to the kernel's cache and for bookkeeping, never while a segment is read or synced.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

import zstandard

from meshtrail.agent import limits
from meshtrail.agent.spool.batch import Batch
from meshtrail.agent.spool.files import Folder, SpoolLockedError
from meshtrail.agent.spool.keeper import Keeper
from meshtrail.agent.spool.losses import Losses
from meshtrail.agent.spool.memory import Chunk, Memory
from meshtrail.agent.spool.reader import Piece, Reader
from meshtrail.agent.spool.state import Gap, GapLine, State
from meshtrail.agent.spool.store import Bounds, Counters, Store

_LOG = logging.getLogger(__name__)


class Spool:
    """Reports between capture and server. Construction touches nothing."""

    def __init__(
        self,
        folder: Path,
        gap_line: GapLine,
        bytes_max: int = limits.SPOOL_BYTES_MAX,
        age_s_max: float = limits.SPOOL_AGE_S_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._gap_line, self._monotonic = folder, gap_line, monotonic
        self._bounds = Bounds(bytes_max, age_s_max)
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._memory = Memory(limits.SPOOL_MEMORY_BYTES_MAX)
        self._losses = Losses()
        self._reader = Reader(gap_line)
        self._pack = zstandard.ZstdCompressor(limits.SPOOL_COMPRESSION_LEVEL).compress
        self._pack_batch = zstandard.ZstdCompressor(limits.SPOOL_COMPRESSION_LEVEL).compress
        self._keeper = Keeper(self.keep, limits.SPOOL_SYNC_S)
        self._token = os.urandom(8).hex()
        self._under_way: Batch | None = None
        self._retry_s: float | None = None
        """When the disk is tried again; None while it takes what comes."""
        self._waits = self._lived = False
        self._oldest_us = self._alive_us = 0
        self._clean = False
        self.last_alive_us: int | None = None
        """When the agent before this one was last alive; None when there was none."""
        self.counters = Counters()

    def open(self, now_us: int) -> None:
        """Take the folder and what is in it. `SpoolLockedError` when another agent has it; with any other fault of the disk
        reports wait in memory, and the disk is tried again."""
        with self._lock:
            self._alive_us = now_us
            try:
                self._open_store()
            except SpoolLockedError:
                raise
            except OSError as error:
                self._fault(error)
        self._keeper.start()

    def _open_store(self) -> None:
        folder = Folder(self._path)
        try:
            store = Store(folder, self._bounds, self._losses, self.counters, self._alive_us, self._monotonic())
        except BaseException:
            folder.close()
            raise
        self._store = store
        self._waits = store.rows > 0
        self._oldest_us = store.place.at_us
        state = folder.state
        written = [segment.last_us for segment in store.segments if segment.rows]
        last = max([*written, state.found.alive_us if state.found is not None else state.damaged_us])
        self.last_alive_us = last or None
        self._alive_us = last
        if state.damaged_us:
            self.counters.read_errors += 1
            _LOG.error("the spool's state was damaged: what is on disk is sent again, the server recognises it")
        if store.rows or self._losses:
            _LOG.info("%d reports wait in %s from before", store.rows, self._path)

    @property
    def rows(self) -> int:
        """Reports that are not acknowledged."""
        with self._lock:
            return self._rows()

    def _rows(self) -> int:
        return self._memory.rows + (self._store.rows if self._store is not None else 0)

    @property
    def size(self) -> int:
        """Bytes that the spool takes, on disk and in memory."""
        with self._lock:
            return self._memory.bytes + (self._store.bytes if self._store is not None else 0)

    def __bool__(self) -> bool:
        """Whether anything waits or is on its way."""
        return self._waits or self._under_way is not None or bool(self._losses)

    def oldest_s(self, now_us: int) -> float:
        """Age of the oldest report that is not acknowledged, to within a batch."""
        return max(0, now_us - self._oldest_us) / 1_000_000 if self._waits else 0.0

    def put(self, lines: list[bytes], now_us: int) -> None:
        """Append lines. Never fails: what finds no room is counted, and told as a gap."""
        with self._lock:
            if not self._waits:
                self._waits, self._oldest_us = True, now_us
            self._alive_us, self._lived = now_us, True
            for text, rows in _texts(lines):
                self.counters.queued += rows
                if len(text) > limits.BATCH_BYTES_MAX:
                    self._lose(Chunk(b"", rows, len(text), now_us))
                else:
                    self._put(Chunk(self._pack(text), rows, len(text), now_us))

    def _put(self, chunk: Chunk) -> None:
        if self._is_ready() and self._store is not None:
            try:
                self._store.write(chunk, self._monotonic())
            except OSError as error:
                self._fault(error)
            else:
                return
        gone = self._memory.put(chunk)
        for each in gone:
            self._lose(each)
        if gone:
            self._save()

    def _lose(self, chunk: Chunk) -> None:
        self.counters.dropped += chunk.rows
        self._losses.add("spool_full", chunk.at_us, chunk.at_us, chunk.rows)

    def _is_ready(self) -> bool:
        """Whether the disk takes what comes; after a fault it is tried again from time to time."""
        if self._retry_s is not None and self._monotonic() >= self._retry_s:
            self._mend()
        return self._retry_s is None

    def _mend(self) -> None:
        """Bring to the disk what waits in memory."""
        try:
            if self._store is None:
                self._open_store()
            assert self._store is not None
            while (chunk := self._memory.first()) is not None:
                self._store.write(chunk, self._monotonic())
                self._memory.remove_first()
        except OSError as error:
            self._fault(error)
            return
        if self._retry_s is not None:
            _LOG.warning("the spool writes again")
        self._retry_s = None

    def _fault(self, error: OSError) -> None:
        self.counters.write_errors += 1
        if self._retry_s is None:
            _LOG.error("the spool cannot write, reports wait in memory: %s. Make %s writable, with room.", error, self._path)
        self._retry_s = self._monotonic() + limits.SPOOL_RETRY_S

    def take(self) -> Batch | None:
        """The next batch, the same until it is acknowledged; None when nothing waits."""
        with self._lock:
            if self._under_way is not None:
                return self._under_way
            gaps = self._losses.to_tell()
        batch = self._from_disk(gaps) or self._from_memory(gaps)
        with self._lock:
            self._under_way = batch
        return batch

    def _from_disk(self, gaps: tuple[Gap, ...]) -> Batch | None:
        while True:
            with self._lock:
                store = self._store
                found = store.next_unread() if store is not None else None
                if store is None or found is None:
                    return None
                segment, start = found
                more = segment.number != store.segments[-1].number or self._memory.first() is not None
            piece = self._reader.read(segment, start, limits.BATCH_ROWS_MAX - len(gaps))
            self._note(piece, segment.path)
            if piece.texts:
                key = f"{segment.name.hex()}-{start.offset}-{piece.end.offset}"
                batch = self._batch(key, gaps, piece.texts, piece.payload, piece.rows)
                batch.end = piece.end
                batch.more = more or piece.end.offset < segment.end
                with self._lock:
                    store.cursor = piece.end
                return batch
            with self._lock:
                store.confirm(piece.end)

    def _note(self, piece: Piece, path: Path) -> None:
        if piece.fault is not None:
            self.counters.read_errors += 1
            _LOG.error("the spool cannot read %s, %d reports are lost: %s", path, piece.lost, piece.fault)
        if piece.damages:
            self.counters.corrupt += piece.damages
            self.counters.corrupt_rows += piece.lost
            _LOG.error("%s is damaged in %d places, at least %d reports are lost", path, piece.damages, piece.lost)

    def _from_memory(self, gaps: tuple[Gap, ...]) -> Batch | None:
        with self._lock:
            chunks = self._memory.take(limits.BATCH_ROWS_MAX - len(gaps))
            more = self._memory.first() is not None
            key = f"{self._token}-{self._memory.batches}"
        if not chunks and not gaps:
            return None
        unpack = zstandard.ZstdDecompressor().decompress
        texts = [unpack(chunk.payload) for chunk in chunks]
        batch = self._batch(key, gaps, texts, chunks[-1].payload if chunks else b"", sum(chunk.rows for chunk in chunks))
        batch.more = more
        return batch

    def _batch(self, key: str, gaps: tuple[Gap, ...], texts: list[bytes], payload: bytes, rows: int) -> Batch:
        if gaps:
            key += "-" + blake2b(" ".join(gap.id for gap in gaps).encode(), digest_size=8).hexdigest()
            texts = [*map(self._gap_line, gaps), *texts]
        body = payload if payload and len(texts) == 1 else self._pack_batch(b"\n".join(texts))
        return Batch(key, rows + len(gaps), body, gaps=gaps)

    def ack(self, batch: Batch) -> None:
        """The server has the batch that was taken last."""
        with self._lock:
            assert batch is self._under_way, "batches are acknowledged in the order in which they were taken"
            self._under_way = None
            self._memory.remove_taken()
            if self._store is not None:
                self._store.confirm(batch.end or self._store.place)
                self._oldest_us = self._store.place.at_us
            self._waits = self._rows() > 0
            self._losses.told(batch.gaps)
            self._save()

    def alive(self, now_us: int) -> None:
        """A sign of life, some times a minute: from the last one on, a later agent says that nobody looked."""
        with self._lock:
            self._alive_us, self._lived = now_us, True
            if self._store is not None:
                self._store.tend(self._monotonic())
            self._save()

    def _save(self, store: Store | None = None) -> None:
        """Write the state, where a crash of the process leaves it alone."""
        store = store or self._store
        if store is None:
            return
        try:
            store.folder.state.save(State(store.place, self._alive_us, self._clean, self._losses.gaps, store.dropped))
        except OSError:
            self.counters.write_errors += 1

    def keep(self) -> None:
        """What comes round: try a disk that failed, sync what waits for longer, delete what was dropped."""
        with self._lock:
            if self._retry_s is not None:
                self._is_ready()
            store = self._store
            if store is None:
                return
            unsynced = store.unsynced()
            dropped = list(store.dropped)
            due = bool(unsynced or dropped or not self._losses.saved)
            if due:
                self._losses.saved = True
                self._save()
        if due:
            self._sync(store, [(segment.path, end) for segment, end in unsynced])
            with self._lock:
                for segment, end in unsynced:
                    segment.synced = end
                store.remove_dropped(dropped)

    def _sync(self, store: Store, written: list[tuple[Path, int]]) -> None:
        try:
            for path, _ in written:
                store.folder.sync(path)
            if written:
                store.folder.sync()
            store.folder.state.sync()
        except OSError as error:
            self.counters.sync_errors += 1
            _LOG.error("the spool's disk reports a fault, a power cut may lose reports: %s", error)

    def close(self, now_us: int) -> int:
        """Bring everything to the disk and give the folder back; returns how many reports are lost with the process."""
        self._keeper.stop()
        with self._lock:
            self._memory.put_back()
            if self._memory.first() is not None:
                self._mend()
            self._alive_us = now_us if self._lived else self._alive_us
            self._clean = True
            store, self._store = self._store, None
            if store is not None:
                store.end_active()
                self._save(store)
                self._sync(store, [(segment.path, segment.end) for segment in store.segments])
                store.remove_dropped(store.dropped)
                store.folder.close()
            return self._memory.rows


def _texts(lines: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Lines joined, in pieces that a request can carry, with their numbers."""
    text = b"\n".join(lines)
    if len(lines) > 1 and (len(lines) > limits.BATCH_ROWS_MAX or len(text) > limits.SPOOL_CHUNK_BYTES_MAX):
        middle = len(lines) // 2
        yield from _texts(lines[:middle])
        yield from _texts(lines[middle:])
    elif lines:
        yield text, len(lines)
