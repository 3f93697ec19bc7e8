"""What organisations may take of the engine for questions over many rows, so that none of them leaves nothing to the others."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from meshtrail.common.errors import BusyError
from meshtrail.store.aggregate import GROUPS_MAX
from meshtrail.store.engine import Share

READS_OF_ORGANISATION_MAX = 2
"""Questions of one organisation that are read at once: half of the engine's connections."""

READS_MAX = 3
"""Of all organisations: one connection stays free for pages."""

READ_TIME_S_MAX = 10
"""One question's time: who waits for an overview does not wait longer."""

READ_MEMORY_BYTES_MAX = 1024**3
"""One question's memory."""


class Shares:
    """Gives out shares. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._running: Counter[str] = Counter()

    @contextmanager
    def of(self, org_id: str, wait_s: float = READ_TIME_S_MAX, name: str = "") -> Iterator[Share]:
        """A share for one read, as soon as there is one; `BusyError` after waiting so long."""
        with self._lock:
            if not self._lock.wait_for(lambda: self._free(org_id), wait_s):
                raise BusyError("Too many questions over many rows are being answered.", "Try again in a moment.")
            self._running[org_id] += 1
        try:
            yield Share(name or uuid.uuid4().hex, READ_TIME_S_MAX, READ_MEMORY_BYTES_MAX, GROUPS_MAX)
        finally:
            with self._lock:
                self._running[org_id] -= 1
                self._running += Counter()
                self._lock.notify_all()

    def _free(self, org_id: str) -> bool:
        return self._running[org_id] < READS_OF_ORGANISATION_MAX and self._running.total() < READS_MAX
