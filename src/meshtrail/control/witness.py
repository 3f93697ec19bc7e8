"""The witness: writes down what is no change, and so has no transaction of its own: attempts that were refused, and readings.

It never holds up a request. What it was told is in the outbox a moment later; a crash within that moment loses it, and what was
counted and not told yet. What it cannot keep it counts.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Hashable

from sqlalchemy import select

from meshtrail.common.clock import Clock
from meshtrail.control import metrics
from meshtrail.control.audit import record
from meshtrail.control.coalescing import Bounds, Coalescer, Occurrence
from meshtrail.control.database import Database
from meshtrail.control.limits import (
    READING_EVENTS_MAX,
    READING_WINDOW_S,
    REFUSAL_EVENTS_MAX,
    REFUSAL_WINDOW_S,
    REFUSALS_TOLD_SINGLY,
    WITNESS_BATCH,
    WITNESS_DETAILS_MAX,
    WITNESS_INTERVAL_S,
    WITNESS_KEYS_MAX,
    WITNESS_PENDING_MAX,
    WITNESS_TURN_S,
)
from meshtrail.control.tables import organisations

REFUSALS = Bounds(REFUSAL_WINDOW_S, REFUSALS_TOLD_SINGLY, WITNESS_KEYS_MAX, REFUSAL_EVENTS_MAX, WITNESS_DETAILS_MAX)
READINGS = Bounds(READING_WINDOW_S, 1, WITNESS_KEYS_MAX, READING_EVENTS_MAX, WITNESS_DETAILS_MAX)

_LOG = logging.getLogger(__name__)


class Witness:
    """Telling is for any thread and does not wait; writing is a task of the server's event loop."""

    def __init__(self, database: Database, clock: Clock, refusals: Bounds = REFUSALS, readings: Bounds = READINGS) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._refusals = Coalescer(refusals)
        self._readings = Coalescer(readings)
        self._pending: deque[Occurrence] = deque()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._home: str | None = None

    def refused(self, key: Hashable, occurrence: Occurrence) -> None:
        """Somebody tried something that was not done. `key`: what of it counts as the same again."""
        self._add(self._refusals, key, occurrence)

    def read(self, key: Hashable, occurrence: Occurrence) -> None:
        """Somebody read something."""
        self._add(self._readings, key, occurrence)

    def home(self) -> str | None:
        """The oldest organisation, which is of those who run the server: it is told of what nobody is known to have done."""
        if self._home is None:
            with self._database.read() as transaction:
                oldest = select(organisations.c.id).order_by(organisations.c.created_at, organisations.c.id).limit(1)
                self._home = transaction.execute(oldest).scalar()
        return self._home

    async def start(self) -> None:
        """Begin to write."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="witness")

    async def stop(self) -> None:
        """Write what was told and what was counted, and end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def _add(self, coalescer: Coalescer, key: Hashable, occurrence: Occurrence) -> None:
        with self._lock:
            told = coalescer.add(key, occurrence, self._clock())
            if told is not None:
                self._push(told)
        if told is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def _push(self, occurrence: Occurrence) -> None:
        if len(self._pending) >= WITNESS_PENDING_MAX:
            metrics.WITNESS_LOST.inc()
        else:
            self._pending.append(occurrence)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            stopping = self._stopping
            self._collect(everything=stopping)
            wrote = await self._write()
            if stopping:
                metrics.WITNESS_LOST.inc(len(self._pending))
                return
            if not wrote:
                await asyncio.sleep(WITNESS_INTERVAL_S)
                continue
            try:
                async with asyncio.timeout(WITNESS_TURN_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _collect(self, *, everything: bool) -> None:
        with self._lock:
            for coalescer in (self._refusals, self._readings):
                for occurrence in coalescer.due(self._clock(), everything=everything):
                    self._push(occurrence)

    async def _write(self) -> bool:
        """Write all that is pending; whether it could be done."""
        while self._pending:
            part = [self._pending[place] for place in range(min(WITNESS_BATCH, len(self._pending)))]
            try:
                await asyncio.to_thread(self._record, part)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is tried again)
                _LOG.warning("attempts and readings cannot be written down: %s", error)
                return False
            with self._lock:
                for _ in part:
                    self._pending.popleft()
        return True

    def _record(self, occurrences: list[Occurrence]) -> None:
        with self._database.write() as transaction:
            for each in occurrences:
                record(
                    transaction, each.by, each.activity, each.target, meta=each.meta, outcome=each.outcome, status=each.status,
                    error=each.error,
                )  # fmt: skip
        metrics.WITNESSED.inc(len(occurrences))
