"""Rolls hours of traffic from time to time, while the server runs."""

import asyncio
import logging
from contextlib import suppress

from meshtrail.store.engine import EngineError
from meshtrail.store.hours import Hours
from meshtrail.store.limits import HOURS_OF_PASS_MAX, PASS_INTERVAL_S

_LOG = logging.getLogger(__name__)


class Roller:
    """One pass after another. `start` and `stop` in one event loop."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with a pass."""
        self._task = asyncio.create_task(self._run(), name="roller")

    async def stop(self) -> None:
        """Wait for the pass that runs, and end."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _run(self) -> None:
        while True:
            passing = asyncio.ensure_future(asyncio.to_thread(self._hours.roll))
            try:
                rolled = await asyncio.shield(passing)
            except EngineError as error:
                rolled = 0
                _LOG.error("hours were not rolled; they are read row by row", extra={"error": str(error)[:500]})
            except asyncio.CancelledError:
                with suppress(EngineError):
                    await passing
                raise
            if rolled < HOURS_OF_PASS_MAX:
                await asyncio.sleep(PASS_INTERVAL_S)
