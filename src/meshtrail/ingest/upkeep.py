"""The one task behind the pipe: it follows what is stored, closes what is lost, and saves what is known of reporters."""

import asyncio
import logging

from meshtrail.ingest import metrics
from meshtrail.ingest.closing import Closing
from meshtrail.ingest.collectors import Collectors
from meshtrail.ingest.limits import UPKEEP_INTERVAL_S
from meshtrail.ingest.pipeline import Pipeline

_LOG = logging.getLogger(__name__)


class Upkeep:
    """Runs the turns. A turn is bounded work, and one that fails does not end the task."""

    def __init__(self, collectors: Collectors, closing: Closing, pipeline: Pipeline) -> None:
        self._collectors = collectors
        self._closing = closing
        self._pipeline = pipeline
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the pipe must run."""
        self._task = asyncio.create_task(self._run(), name="upkeep")

    async def stop(self) -> None:
        """End, and save what is known. Call it before the pipe is stopped."""
        self._stop.set()
        if self._task is not None:
            await self._task
        try:
            await self._collectors.follow(self._pipeline.position)
            await self._collectors.save(at_end=True)
        except Exception:  # noqa: BLE001 (the server ends anyway, and in order)
            _LOG.exception("what is known of reporters could not be saved; it is found out again from the events")

    async def turn(self) -> None:
        """One round. Closing comes after following, so that nobody is silent whose events are stored already."""
        self._collectors.look_at_clock()
        await self._collectors.follow(self._pipeline.position)
        await self._closing.turn()
        await self._collectors.save()
        self._collectors.count()

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await self.turn()
            except Exception:  # noqa: BLE001 (whatever it is, the next turn must come)
                metrics.UPKEEP_FAILED.inc()
                _LOG.exception("a turn of the upkeep failed; the next one tries again")
            try:
                async with asyncio.timeout(UPKEEP_INTERVAL_S):
                    await self._stop.wait()
            except TimeoutError:
                pass
