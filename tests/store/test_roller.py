"""Hours are rolled while the server runs."""

import asyncio
import time

from meshtrail.common.clock import wall_clock
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.hours import Hours
from meshtrail.store.roller import Roller
from tests.pipes import store
from tests.rows import NOON_US, report


def test_hours_are_rolled_soon_after_the_start(engine: EmbeddedEngine, org_id: str) -> None:
    """What is over when the server starts is rolled by its first passes; to stop twice does no harm."""
    store(engine, org_id, [report(NOON_US)])
    hours = Hours(engine, wall_clock)
    hours.open()

    async def run() -> bool:
        roller = Roller(hours)
        await roller.start()
        deadline = time.monotonic() + 30
        while not (found := await asyncio.to_thread(hours.clean, org_id, None, None)) and time.monotonic() < deadline:
            await asyncio.sleep(0)
        await roller.stop()
        await roller.stop()
        return bool(found)

    assert asyncio.run(run())
