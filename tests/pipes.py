"""A pipe over the real engine for tests that need no HTTP."""

import asyncio
from typing import Any

import msgspec

from meshtrail.common.clock import Clock, wall_clock
from meshtrail.enrich.directory import EMPTY, Directory
from meshtrail.enrich.geo import Atlas, NullAtlas
from meshtrail.enrich.service import Enricher
from meshtrail.ingest import ndjson
from meshtrail.ingest.duplicates import Duplicates
from meshtrail.ingest.pipeline import Answer, Pipeline
from meshtrail.ingest.seen import SLOTS
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.engine import Engine
from meshtrail.store.family_reader import last_position
from meshtrail.store.positions import Positions
from meshtrail.store.writer import Writer


def pipe(
    engine: Engine, clock: Clock = wall_clock, directory: Directory = EMPTY, atlas: Atlas | None = None, slots: int = SLOTS
) -> Pipeline:
    """A pipe that is not started."""
    last = last_position(engine)
    return Pipeline(
        TRAFFIC, Writer(engine, TRAFFIC, Positions(clock, last=last)), Duplicates(engine, TRAFFIC, clock, slots),
        Enricher(atlas or NullAtlas()), lambda _: directory, clock, last,
    )  # fmt: skip


def store(engine: Engine, org_id: str, *batches: list[dict[str, Any]], **settings: Any) -> list[Answer]:
    """Send batches one after another through a new pipe."""

    async def run() -> list[Answer]:
        running = pipe(engine, **settings)
        await running.start()
        try:
            return [
                await running.submit(org_id, "ndjson", b"\n".join(msgspec.json.encode(row) for row in rows), ndjson.decode)
                for rows in batches
            ]
        finally:
            await running.stop()

    return asyncio.run(run())
