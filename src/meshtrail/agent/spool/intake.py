"""The way in: to the disk, or to memory while the disk takes nothing. For one thread at a time."""

import logging
import time
from collections.abc import Callable

from meshtrail.agent import limits
from meshtrail.agent.spool.bounds import Counters
from meshtrail.agent.spool.losses import Losses
from meshtrail.agent.spool.memory import Chunk, Memory
from meshtrail.agent.spool.store import Store

_LOG = logging.getLogger(__name__)


class Intake:
    """Appends chunks, in order, and never fails: what finds no room is counted, and becomes a gap."""

    def __init__(
        self, open_store: Callable[[], Store], losses: Losses, counters: Counters, monotonic: Callable[[], float] = time.monotonic
    ):
        self._open_store, self._losses, self._counters, self._monotonic = open_store, losses, counters, monotonic
        self.store: Store | None = None
        """The disk's side; None when the folder is not open, or could not be opened."""
        self.memory = Memory(limits.SPOOL_MEMORY_BYTES_MAX)
        self._retry_s: float | None = None
        """When the disk is tried again; None while it takes what comes."""

    @property
    def rows(self) -> int:
        """Lines not acknowledged."""
        return self.memory.rows + (self.store.rows if self.store is not None else 0)

    def open(self) -> None:
        """Open the store; raises OSError."""
        self.store = self._open_store()

    def put(self, chunk: Chunk) -> None:
        """Append a chunk."""
        self.retry()
        if self._retry_s is None and self.store is not None:
            try:
                self.store.write(chunk, self._monotonic())
            except OSError as error:
                self.fault(error)
            else:
                return
        for gone in self.memory.put(chunk):
            self.lose(gone)

    def end(self) -> int:
        """Bring everything to the disk; what it does not take is lost with the process, counted. Returns how many lines."""
        self.memory.put_back()
        if self.memory.rows:
            self.mend()
        lost = self.memory.rows
        while (chunk := self.memory.first()) is not None:
            self.lose(chunk)
            self.memory.remove_first()
        return lost

    def lose(self, chunk: Chunk) -> None:
        """Count a chunk as lost."""
        self._counters.dropped += chunk.rows
        self._losses.add("spool_full", chunk.at_us, chunk.at_us, chunk.rows)

    def retry(self) -> None:
        """Try the disk again, when that is due after a fault."""
        if self._retry_s is not None and self._monotonic() >= self._retry_s:
            self.mend()

    def mend(self) -> None:
        """Bring to the disk what waits in memory."""
        try:
            if self.store is None:
                self.open()
            assert self.store is not None
            while (chunk := self.memory.first()) is not None:
                self.store.write(chunk, self._monotonic())
                self.memory.remove_first()
        except OSError as error:
            self.fault(error)
            return
        if self._retry_s is not None:
            _LOG.warning("the spool writes again")
        self._retry_s = None

    def fault(self, error: OSError) -> None:
        """The disk does not take what comes: it is left alone for a while."""
        self._counters.write_errors += 1
        if self._retry_s is None:
            _LOG.error("the spool cannot write, reports wait in memory: %s. Make room for it, or give the agent another folder.", error)
        self._retry_s = self._monotonic() + limits.SPOOL_RETRY_S
