"""The one pipe: decode, validate, enrich, commit in groups, acknowledge.

Decoding runs on a few threads beside each other, commits run one after another on one. While a commit is written the
next group gathers; an idle pipe commits at once. A sender gets its answer when its rows are durable, and an error when
they are not: nothing is acknowledged before.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from meshtrail.common.clock import Clock
from meshtrail.common.errors import BusyError, MeshTrailError, OperationError, UnavailableError
from meshtrail.enrich.directory import Directory
from meshtrail.enrich.service import Enrichment
from meshtrail.ingest import metrics
from meshtrail.ingest.batch import Batch, Refusals
from meshtrail.ingest.duplicates import Duplicates
from meshtrail.ingest.limits import COMMIT_INTERVAL_MS, COMMIT_ROWS_MAX, QUEUE_ROWS_MAX
from meshtrail.ingest.seen import Keys
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import Family
from meshtrail.store.engine import EngineError
from meshtrail.store.writer import Writer

DECODE_THREADS = 2
"""Arrow parses on its own threads; two bodies at once keep two cores busy."""

ANSWERS_REMEMBERED = 4_096
"""Answers kept by idempotency key, so that a resend gets the answer that was lost."""

Decode = Callable[[bytes, Family], Batch]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request's rows."""

    stored: int
    duplicates: int
    refusals: Refusals
    position: int


@dataclass(slots=True)
class _Pending:
    org_id: str
    source: str
    table: pa.Table
    refusals: Refusals
    done: "asyncio.Future[Answer]"


class Pipeline:
    """The pipe of one family. Pipes of one process share engine and positions, and nothing else."""

    def __init__(
        self, family: Family, writer: Writer, duplicates: Duplicates, enricher: Enrichment,
        directory: Callable[[str], Directory], clock: Clock, position: int,
    ) -> None:  # fmt: skip
        self._family = family
        self._writer = writer
        self._duplicates = duplicates
        self._enricher = enricher
        self._directory = directory
        self._clock = clock
        self.position = position
        """Last position that is durable."""
        self._waiting: deque[_Pending] = deque()
        self._waiting_rows = 0
        self._decoding = 0
        self._arrived = asyncio.Event()
        self._committed = asyncio.Condition()
        self._answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._decoders = ThreadPoolExecutor(DECODE_THREADS, "decode")
        self._committer = ThreadPoolExecutor(1, "commit")
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin to commit."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="commit")

    def begin_stop(self) -> None:
        """Take nothing more; those who wait for something new are woken. Callable from a signal handler."""
        self._stopping = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def stop(self) -> None:
        """Take nothing more, commit what was taken, end."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._decoders.shutdown()
        self._committer.shutdown()
        async with self._committed:
            self._committed.notify_all()

    async def submit(self, org_id: str, source: str, body: bytes, decode: Decode, key: str = "") -> Answer:
        """Take a body and return when its rows are durable. With a `key`, the same request again gets the same answer."""
        remembered = self._answers.get((org_id, key)) if key else None
        if remembered is not None:
            return remembered
        if self._stopping:
            raise UnavailableError("The server is stopping.", "Send the batch again in a moment.")
        if self._waiting_rows > QUEUE_ROWS_MAX:
            metrics.BUSY.labels(self._family.name).inc()
            raise BusyError("Too many rows wait for the store.", "Send the batch again in a moment.")
        loop = asyncio.get_running_loop()
        self._decoding += 1
        try:
            batch = await loop.run_in_executor(self._decoders, self._prepare, org_id, source, body, decode)
        finally:
            self._decoding -= 1
            self._arrived.set()
        pending = _Pending(org_id, source, batch.table, batch.refusals, loop.create_future())
        self._waiting.append(pending)
        self._waiting_rows += batch.table.num_rows
        metrics.WAITING.labels(self._family.name).set(self._waiting_rows)
        self._arrived.set()
        answer = await pending.done
        self._count(source, answer)
        if key:
            self._answers[org_id, key] = answer
            while len(self._answers) > ANSWERS_REMEMBERED:
                self._answers.popitem(last=False)
        return answer

    async def wait_beyond(self, position: int, timeout_s: float) -> int:
        """Wait until something after `position` is durable, or for the time; returns the position then."""
        async with self._committed:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._committed.wait_for(lambda: self.position > position or self._stopping)
            except TimeoutError:
                pass
        return self.position

    @property
    def stopping(self) -> bool:
        """Whether the pipe takes nothing more."""
        return self._stopping

    def _prepare(self, org_id: str, source: str, body: bytes, decode: Decode) -> Batch:
        now = self._clock()
        batch = decode(body, self._family)
        validate(batch, self._family, now)
        if not batch.table.num_rows:
            return batch
        table = self._enricher.enrich(batch.table, self._directory(org_id))
        rows = table.num_rows
        batch.table = (
            table.append_column("org_id", _constant(org_id, rows))
            .append_column("source", _constant(source, rows))
            .append_column("received_at", pa.array(np.full(rows, now), pa.timestamp("us", "UTC")))
        )
        return batch

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        last = 0.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if not self._waiting:
                if self._stopping and not self._decoding:
                    return
                continue
            pause = last + COMMIT_INTERVAL_MS / 1_000 - time.monotonic()
            if pause > 0 and not self._stopping:
                await asyncio.sleep(pause)
            group = self._take_group()
            last = time.monotonic()
            outcomes = await loop.run_in_executor(self._committer, self._commit_group, group)
            await self._answer(group, outcomes)
            if self._waiting or self._stopping:
                self._arrived.set()

    def _take_group(self) -> list[_Pending]:
        group: list[_Pending] = []
        rows = 0
        while self._waiting and (not group or rows + self._waiting[0].table.num_rows <= COMMIT_ROWS_MAX):
            pending = self._waiting.popleft()
            rows += pending.table.num_rows
            group.append(pending)
        self._waiting_rows -= rows
        metrics.WAITING.labels(self._family.name).set(self._waiting_rows)
        return group

    async def _answer(self, group: list[_Pending], outcomes: "list[Answer | MeshTrailError]") -> None:
        for pending, outcome in zip(group, outcomes, strict=True):
            if pending.done.cancelled():
                continue
            if isinstance(outcome, Answer):
                pending.done.set_result(outcome)
            else:
                metrics.FAILED.labels(self._family.name).inc(pending.table.num_rows)
                pending.done.set_exception(outcome)
        positions = [outcome.position for outcome in outcomes if isinstance(outcome, Answer)]
        if positions:
            async with self._committed:
                self.position = max(self.position, *positions)
                self._committed.notify_all()

    def _commit_group(self, group: list[_Pending]) -> "list[Answer | MeshTrailError]":
        """Commit the batches together; if that fails, each by itself, so that none takes the others with it."""
        try:
            return list(self._commit(group))
        except Exception as error:  # noqa: BLE001 (whatever it is, every sender has to be answered)
            if len(group) == 1:
                return [_failure(error)]
        return [outcome for pending in group for outcome in self._commit_group([pending])]

    def _commit(self, group: list[_Pending]) -> list[Answer]:
        begun = time.monotonic()
        tables: list[pa.Table] = []
        kept: list[tuple[str, pa.Table, Keys]] = []
        taken: Keys | None = None
        for pending in group:
            if not pending.table.num_rows:
                tables.append(pending.table)
                continue
            fresh, keys = self._duplicates.fresh(pending.org_id, pending.table, taken)
            table = pending.table if fresh.all() else pending.table.filter(pa.array(fresh))
            keys = keys if fresh.all() else keys[fresh]
            if len(group) > 1:
                taken = keys if taken is None else np.concatenate([taken, keys])
            kept.append((pending.org_id, table, keys))
            tables.append(table)
        rows = [table for table in tables if table.num_rows]
        position = self.position
        if rows:
            whole = pa.concat_tables(rows, promote_options="permissive").unify_dictionaries() if len(rows) > 1 else rows[0]
            position = self._writer.write(whole)
            for org_id, table, keys in kept:
                self._duplicates.remember(org_id, table, keys)
            metrics.COMMIT_ROWS.labels(self._family.name).observe(whole.num_rows)
            metrics.COMMIT_SECONDS.labels(self._family.name).observe(time.monotonic() - begun)
        return [
            Answer(table.num_rows, pending.table.num_rows - table.num_rows, pending.refusals, position)
            for pending, table in zip(group, tables, strict=True)
        ]

    def _count(self, source: str, answer: Answer) -> None:
        labels = (self._family.name, source)
        metrics.STORED.labels(*labels).inc(answer.stored)
        metrics.DUPLICATES.labels(*labels).inc(answer.duplicates)
        metrics.REFUSED.labels(*labels).inc(answer.refusals.count)


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([value]))


def _failure(error: Exception) -> MeshTrailError:
    if isinstance(error, MeshTrailError):
        return error
    if isinstance(error, EngineError):
        text = str(error)
        if "No space left" in text or "NOT_ENOUGH_SPACE" in text:
            return UnavailableError("The disk of the store is full.", "Free space; the sender keeps its batch until then.")
        return UnavailableError(f"The store did not take the batch: {text[:300]}", "Send the batch again in a moment.")
    return OperationError(f"The batch failed: {type(error).__name__}.", "This is a defect: please report it.")
