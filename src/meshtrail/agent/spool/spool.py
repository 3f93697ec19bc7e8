"""The spool as the agent sees it: put, take, acknowledge. Callable from any thread; one batch at a time is on its way.

Its lock is held for a write to the kernel's cache and for bookkeeping, never while a segment is read or synced.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from meshtrail.agent import limits
from meshtrail.agent.spool.batch import Batch
from meshtrail.agent.spool.bounds import Bounds, Counters
from meshtrail.agent.spool.files import Folder, SpoolLockedError
from meshtrail.agent.spool.intake import Intake
from meshtrail.agent.spool.keeper import Keeper
from meshtrail.agent.spool.losses import Losses
from meshtrail.agent.spool.memory import Chunk
from meshtrail.agent.spool.outlet import Outlet
from meshtrail.agent.spool.state import GapLine, State
from meshtrail.agent.spool.store import Store

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
        self._path, self._monotonic = folder, monotonic
        self._bounds = Bounds(bytes_max, age_s_max)
        self._lock = threading.Lock()
        self._losses = Losses()
        self.counters = Counters()
        self._intake = Intake(self._open_store, self._losses, self.counters, monotonic)
        self._outlet = Outlet(self._intake, self._lock, gap_line, self.counters)
        self._pack = zstandard.ZstdCompressor(limits.SPOOL_COMPRESSION_LEVEL).compress
        self._keeper = Keeper(self.keep, limits.SPOOL_SYNC_S)
        self._under_way: Batch | None = None
        self._oldest_us = self._alive_us = self._opened_us = 0
        self._waits = self._lived = False
        self.last_alive_us: int | None = None
        """When the agent before this one was last alive; None when there was none."""

    def open(self, now_us: int) -> None:
        """Take the folder and what is in it. `SpoolLockedError` when another agent has it; with any other fault of the disk
        reports wait in memory, and the disk is tried again."""
        with self._lock:
            self._opened_us = now_us
            try:
                self._intake.open()
            except SpoolLockedError:
                raise
            except OSError as error:
                self._intake.fault(error)
        self.keep()
        self._keeper.start()

    def _open_store(self) -> Store:
        folder = Folder(self._path)
        try:
            store = Store(folder, self._bounds, self._losses, self.counters, self._opened_us, self._monotonic())
        except BaseException:
            folder.close()
            raise
        found, damaged_us = folder.state.found, folder.state.damaged_us
        written = [segment.last_us for segment in store.segments if segment.rows]
        last = max([*written, found.alive_us if found is not None else damaged_us])
        if not self._lived:
            self.last_alive_us, self._alive_us = last or None, last or self._opened_us
        elif last:  # who asked at the start was told of nobody
            self._losses.add("restart", last, self._opened_us, None)
        if store.rows and not self._waits:
            self._waits, self._oldest_us = True, store.place.at_us
        if damaged_us:
            self.counters.read_errors += 1
            _LOG.error("the spool's state was damaged: what is on disk is sent again, and the server recognises it")
        if store.rows:
            _LOG.info("%d reports wait in %s from before", store.rows, self._path)
        self._losses.saved = False  # to be synced soon, so that a power cut finds when this agent began
        self._save(store)
        return store

    @property
    def rows(self) -> int:
        """Reports that are not acknowledged."""
        with self._lock:
            return self._intake.rows

    @property
    def size(self) -> int:
        """Bytes that the spool takes, on disk and in memory."""
        with self._lock:
            store = self._intake.store
            return self._intake.memory.bytes + (store.bytes if store is not None else 0)

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
                    self._intake.lose(Chunk(b"", rows, len(text), now_us))
                else:
                    self._intake.put(Chunk(self._pack(text), rows, len(text), now_us))
            if not self._losses.saved:
                self._save()
            if self._intake.store is not None:
                self._intake.store.trim()

    def take(self) -> Batch | None:
        """The next batch, the same until it is acknowledged; None when nothing waits. For one thread."""
        with self._lock:
            if self._under_way is not None:
                return self._under_way
            gaps = self._losses.to_tell()
        batch = self._outlet.take(gaps)
        with self._lock:
            self._under_way = batch
            self._waits = self._intake.rows > 0
        return batch

    def ack(self, batch: Batch) -> None:
        """The server has the batch that was taken last."""
        with self._lock:
            assert batch is self._under_way, "batches are acknowledged in the order in which they were taken"
            self._under_way = None
            store = self._intake.store
            if store is not None:
                store.confirm(batch.end or store.place)
                self._oldest_us = store.place.at_us
            self._intake.memory.remove_taken()
            self._waits = self._intake.rows > 0
            self._losses.told(batch.gaps)
            self._save()

    def alive(self, now_us: int) -> None:
        """A sign of life, some times a minute: from the last one on, a later agent says that nobody looked."""
        with self._lock:
            self._alive_us, self._lived = now_us, True
            if self._intake.store is not None:
                self._intake.store.tend(self._monotonic())
            self._save()

    def _save(self, opening: Store | None = None) -> None:
        """Write the state, where a crash of the process leaves it alone."""
        store = opening or self._intake.store
        if store is None:
            return
        alive_us = min(self._alive_us, self._intake.memory.oldest_us or self._alive_us)  # what is in memory may yet be lost
        try:
            store.folder.state.save(State(store.place, store.written, alive_us, self._losses.gaps, store.dropped))
        except OSError:
            self.counters.write_errors += 1

    def keep(self) -> None:
        """What comes round: try a disk that failed, sync what waits for longer, delete what has been acknowledged or dropped. A
        file goes only when the state that says why is on the disk."""
        with self._lock:
            self._intake.retry()
            store = self._intake.store
            if store is None:
                return
            unsynced = store.unsynced()
            gone = list(store.gone)
            if not unsynced and not gone and self._losses.saved:
                return
            self._losses.saved = True
            self._save()
        done = self._sync(store, [segment.path for segment, _ in unsynced])
        with self._lock:
            self._losses.saved &= done
            if done:
                for segment, end in unsynced:
                    segment.synced = end
                store.remove(gone)

    def _sync(self, store: Store, written: list[Path]) -> bool:
        try:
            for path in written:
                store.folder.sync(path)
            if written:
                store.folder.sync()
            store.folder.state.sync()
        except OSError as error:
            self.counters.sync_errors += 1
            _LOG.error("the spool's disk reports a fault, a power cut may lose reports: %s", error)
            return False
        return True

    def close(self, now_us: int) -> int:
        """Bring everything to the disk and give the folder back; returns how many reports are lost with the process."""
        self._keeper.stop()
        with self._lock:
            lost = self._intake.end()
            store, self._intake.store = self._intake.store, None
            if store is not None:
                self._alive_us = now_us if self._lived else self._alive_us
                store.close()
                self._save(store)
                self._sync(store, [segment.path for segment in store.segments])
                store.remove(store.gone)
                store.folder.close()
            return lost


def _texts(lines: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Lines joined, in pieces that a request can carry, with their numbers."""
    text = b"\n".join(lines)
    if len(lines) > 1 and (len(lines) > limits.BATCH_ROWS_MAX or len(text) > limits.SPOOL_CHUNK_BYTES_MAX):
        middle = len(lines) // 2
        yield from _texts(lines[:middle])
        yield from _texts(lines[middle:])
    elif lines:
        yield text, len(lines)
