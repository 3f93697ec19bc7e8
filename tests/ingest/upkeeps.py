"""Reporters, pipe and upkeep over the real stores, with a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from meshtrail.control.collectors import CollectorStore
from meshtrail.control.service import Control
from meshtrail.ingest import ndjson
from meshtrail.ingest.closing import Closing
from meshtrail.ingest.collector import Collector
from meshtrail.ingest.collectors import Collectors
from meshtrail.ingest.pipeline import Pipeline
from meshtrail.ingest.upkeep import Upkeep
from meshtrail.store.collectors import CollectorReader
from meshtrail.store.engine import Engine
from meshtrail.store.reader import Reader
from tests.pipes import pipe
from tests.rows import NOON_US


@dataclass
class Time:
    """A clock that stands still until it is moved."""

    now_us: int = NOON_US + 60_000_000

    def __call__(self) -> int:
        return self.now_us

    def elapsed(self) -> float:
        """Seconds that passed, as a monotonic clock shows them."""
        return self.now_us / 1_000_000

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_us += int(seconds * 1_000_000)


@dataclass
class Kept:
    """A server's rooms behind the pipe."""

    time: Time
    pipeline: Pipeline
    collectors: Collectors
    upkeep: Upkeep

    async def send(self, org_id: str, *rows: dict[str, Any]) -> None:
        """Store rows."""
        await self.pipeline.submit(org_id, "agent", b"\n".join(msgspec.json.encode(row) for row in rows), ndjson.decode)

    def collector(self, org_id: str, identifier: str) -> Collector:
        """One reporter."""
        return self.collectors.of(org_id)[identifier]


@asynccontextmanager
async def kept(engine: Engine, folder: Path, time: Time, **settings: Any) -> AsyncIterator[Kept]:
    """The rooms of one server's life; the same folder again is the next life."""
    control = Control(folder / "control.sqlite", time)
    control.open()
    reader = CollectorReader(engine)
    pipeline = pipe(engine, time)
    keeper = CollectorStore(control.database)
    if not keeper.load()[1]:
        keeper.save({}, (), Reader(engine).last_position(), durable=True)  # other tests' rows are no business of this one
    collectors = Collectors(keeper, reader, time, elapsed=time.elapsed, **settings)
    collectors.open()
    await pipeline.start()
    upkeep = Upkeep(collectors, Closing(collectors, reader, pipeline, time), pipeline)
    try:
        yield Kept(time, pipeline, collectors, upkeep)
    finally:
        await pipeline.stop()
        control.close()


def live(engine: Engine, folder: Path, life: Callable[[Kept], Awaitable[None]], time: Time | None = None, **settings: Any) -> Time:
    """Run one server's life and return its clock."""
    clock = time or Time()

    async def run() -> None:
        async with kept(engine, folder, clock, **settings) as rooms:
            await life(rooms)

    asyncio.run(run())
    return clock
