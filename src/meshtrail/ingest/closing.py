"""Closes what silent reporters left open.

A reporter that says nothing for longer than its limit cannot tell how its connections end: they become `lost`. The reports
go through the pipe like everybody's, so they are merged, streamed and shown. Doing it twice changes nothing: the same report
is a duplicate, and a row that is lost is not open any more. What the reporter says when it comes back is merged as always:
`closed` is further on than `lost` and takes its end with it; `open` is not, so a connection that goes on stays lost, with
counters and a `last_seen_at` that go on, until its end is told.
"""

import asyncio
import logging

from meshtrail.common.clock import Clock
from meshtrail.common.errors import MeshTrailError
from meshtrail.ingest import metrics, ndjson
from meshtrail.ingest.collector import Collector
from meshtrail.ingest.collectors import Collectors
from meshtrail.ingest.limits import LOST_BATCH_ROWS, LOST_DAYS_PER_READ_MAX, LOST_ROWS_PER_TURN_MAX
from meshtrail.ingest.pipeline import Pipeline
from meshtrail.store.collectors import CollectorReader

SOURCE = "server"
"""`source` of these reports; a row keeps the source of its first report."""

_LOG = logging.getLogger(__name__)


class Closing:
    """Writes lost connections."""

    def __init__(self, collectors: Collectors, reader: CollectorReader, pipeline: Pipeline, clock: Clock) -> None:
        self._collectors = collectors
        self._reader = reader
        self._pipeline = pipeline
        self._clock = clock

    async def turn(self) -> int:
        """Close what is due, as much as one turn may; returns how many connections."""
        closed = 0
        for org_id, silent in list(self._collectors.unsettled()):
            while closed < LOST_ROWS_PER_TURN_MAX and not self._pipeline.stopping:
                count, more = await self._close_some(org_id, silent)
                closed += count
                if not more:
                    break
        return closed

    async def _close_some(self, org_id: str, silent: list[Collector]) -> tuple[int, bool]:
        """One batch; how many were closed, and whether there are more."""
        contacts = {each.id: each.known.contact_us for each in silent}
        lost = await asyncio.to_thread(
            self._reader.lost_reports, org_id, list(contacts), self._clock(), LOST_BATCH_ROWS, LOST_DAYS_PER_READ_MAX
        )
        if any(each.known.contact_us != contacts[each.id] for each in silent):
            return 0, False  # somebody came back meanwhile: the next turn asks anew
        if not lost.count:
            self._settle(silent, contacts)
            return 0, False
        try:
            answer = await self._pipeline.submit(org_id, SOURCE, lost.lines, ndjson.decode)
        except MeshTrailError as error:
            metrics.LOST_FAILED.inc()
            _LOG.warning("lost connections could not be stored, the next turn tries again: %s", error.message)
            return 0, False
        metrics.LOST.inc(answer.stored)
        if not answer.stored:
            _LOG.error("%d lost connections were not taken: %s", lost.count, answer.refusals.shown[:3])
            self._settle(silent, contacts)
            return 0, False
        _LOG.info("closed lost connections", extra={"connections": answer.stored, "reporters": len(silent)})
        if not lost.more:
            self._settle(silent, contacts)
        return answer.stored, lost.more

    @staticmethod
    def _settle(silent: list[Collector], contacts: dict[str, int]) -> None:
        for each in silent:
            each.known.settled_us = contacts[each.id]
            each.changed = True
