"""The pump: takes audit events from the outbox to the pipe, and deletes them there when they are durable in the store.

Each event gets there at least once: between the store's answer and the deletion everything may stop, and the event is delivered
again. It carries its id, by which the store knows it. The events of an organisation arrive in the order of their changes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from meshtrail.control import metrics
from meshtrail.control.audit import REPORTER_ID
from meshtrail.control.changes import Changes
from meshtrail.control.limits import OUTBOX_BATCH_ROWS, OUTBOX_INTERVAL_S, OUTBOX_REFUSED_RETRY_S, OUTBOX_RETRY_S, OUTBOX_RETRY_S_MAX
from meshtrail.control.outbox import Outbox, Waiting
from meshtrail.ingest import ndjson
from meshtrail.ingest.pipeline import Answer, Decode

Submit = Callable[[str, str, bytes, Decode], Awaitable[Answer]]
"""The pipe's door (`Pipeline.submit`): organisation, source, body, decoder."""

_LOG = logging.getLogger(__name__)


class Pump:
    """One task of the server's event loop."""

    def __init__(self, outbox: Outbox, changes: Changes, submit: Submit) -> None:
        self._outbox = outbox
        self._changes = changes
        self._submit = submit
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._reconsidered = 0.0

    async def start(self) -> None:
        """Begin, with what an earlier process left."""
        self._loop = asyncio.get_running_loop()
        self._changes.listen(self._wake_from_any_thread)
        self._task = asyncio.create_task(self._run(), name="audit pump")

    async def stop(self) -> None:
        """Take what is there to the store, as far as it takes it, and end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def _wake_from_any_thread(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _run(self) -> None:
        pause = OUTBOX_RETRY_S
        while True:
            self._wake.clear()
            stopping = self._stopping
            try:
                more = await self._turn()
                pause = OUTBOX_RETRY_S
            except Exception as error:  # noqa: BLE001 (whatever it is, the events are there and are tried again)
                metrics.AUDIT_FAILED.inc()
                _LOG.warning("audit events wait, the store did not take them: %s", error)
                if stopping:
                    return
                await self._rest(pause)
                pause = min(2 * pause, OUTBOX_RETRY_S_MAX)
                continue
            if more:
                continue
            if stopping:
                return
            await self._rest(OUTBOX_INTERVAL_S, woken=True)

    async def _rest(self, seconds: float, *, woken: bool = False) -> None:
        """Wait; when it is to stop, or `woken` and there is something new, no longer."""
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    await self._wake.wait()
                    if woken or self._stopping:
                        return
                    self._wake.clear()
        except TimeoutError:
            pass

    async def _turn(self) -> bool:
        """Take the oldest events to the store; whether there may be more."""
        await self._reconsider()
        events = await asyncio.to_thread(self._outbox.first)
        full = len(events) >= OUTBOX_BATCH_ROWS
        metrics.AUDIT_WAITING.set(await asyncio.to_thread(self._outbox.count) if full else len(events))
        by_organisation: dict[str, list[Waiting]] = {}
        for event in events:
            by_organisation.setdefault(event.org_id, []).append(event)
        failures = await asyncio.gather(*map(self._deliver, by_organisation.values()), return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure
        return full

    async def _deliver(self, events: list[Waiting]) -> None:
        """Events of one organisation. When the store refuses some of them, each goes by itself to find out which."""
        answer = await self._sent(events)
        if answer.refusals.count == 0:
            await self._forget(events)
        elif len(events) > 1:
            for event in events:
                await self._deliver([event])
        else:
            refusal = answer.refusals.shown[0]
            reason = f"{refusal.field}: {refusal.reason}"
            metrics.AUDIT_REFUSED.inc()
            _LOG.error("the store refused an audit event: %s", reason, extra={"number": events[0].number})
            await asyncio.to_thread(self._outbox.refused, events[0].number, reason)

    async def _sent(self, events: list[Waiting]) -> Answer:
        body = "\n".join(event.document for event in events).encode()
        return await self._submit(events[0].org_id, REPORTER_ID, body, ndjson.decode)

    async def _forget(self, events: list[Waiting]) -> None:
        await asyncio.to_thread(self._outbox.stored, [event.number for event in events])
        metrics.AUDIT_STORED.inc(len(events))

    async def _reconsider(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._reconsidered or now - self._reconsidered > OUTBOX_REFUSED_RETRY_S:
            self._reconsidered = now
            await asyncio.to_thread(self._outbox.reconsider)
