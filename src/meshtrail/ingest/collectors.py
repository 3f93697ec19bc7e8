"""All reporters of the server: heard of by their agents' word and by their events, kept across restarts.

The events are followed by position, as everything behind the commit does. Everything here but reads and writes of the
stores runs on the event loop, so nothing is locked.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from meshtrail.common.clock import Clock
from meshtrail.ingest import metrics
from meshtrail.ingest.collector import Activity, Collector, CollectorState, Judgement, Known
from meshtrail.ingest.limits import (
    CLOCK_JUMP_S,
    COLLECTOR_FORGET_S,
    COLLECTOR_NAME_CHARACTERS_MAX,
    COLLECTOR_SAVE_INTERVAL_S,
    COLLECTORS_MAX,
    FOLLOW_STEPS_MAX,
    FOLLOW_WINDOW_S,
    SILENT_AFTER_S,
)
from meshtrail.store.collectors import CollectorReader
from meshtrail.store.positions import WRITER_BITS

_SECOND = 1_000_000
_WINDOW = FOLLOW_WINDOW_S * _SECOND << WRITER_BITS
_LOG = logging.getLogger(__name__)

Key = tuple[str, str]


class Keeper(Protocol):
    """Where what is known of reporters outlives the process (`control.collectors.CollectorStore`)."""

    def load(self) -> tuple[dict[Key, Known], int]:
        """All of it, and the position up to which it is true."""

    def save(self, changed: Mapping[Key, Known], forgotten: Iterable[Key], position: int, *, durable: bool) -> None:
        """Write what has changed."""


class Collectors:
    """The reporters of all organisations."""

    def __init__(
        self, keeper: Keeper, reader: CollectorReader, clock: Clock, silent_after_s: int = SILENT_AFTER_S,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._keeper = keeper
        self._reader = reader
        self._clock = clock
        self._elapsed = elapsed
        self._clocks = (0, 0.0)
        self.silent_after_s = silent_after_s
        self._found: dict[str, dict[str, Collector]] = {}
        self._forgotten: set[Key] = set()
        self._position = 0
        self._saved_us = 0
        self.listening_us = 0
        """Since when this process hears anybody: nobody is silent for the time before."""

    def open(self) -> None:
        """Read what was known before; the control store must be open."""
        known, self._position = self._keeper.load()
        self._found = {}
        for (org_id, identifier), each in known.items():
            self._found.setdefault(org_id, {})[identifier] = Collector(identifier, each)
        self.listening_us = self._saved_us = self._clock()
        self._clocks = (self.listening_us, self._elapsed())

    def look_at_clock(self) -> None:
        """Notice a clock that was set, or a machine that slept: nobody was silent for a time that did not pass."""
        before, self._clocks = self._clocks, (self._clock(), self._elapsed())
        now = self._clocks[0]
        jump_us = now - before[0] - int((self._clocks[1] - before[1]) * _SECOND)
        if abs(jump_us) < CLOCK_JUMP_S * _SECOND:
            return
        _LOG.warning("the clock jumped by %d s: the silence of reporters is counted from now", jump_us // _SECOND)
        self.listening_us = now
        for found in self._found.values():
            for each in found.values():
                each.known.contact_us = min(each.known.contact_us, now)

    def hear(self, org_id: str, identifier: str, name: str, numbers: Mapping[str, Any]) -> None:
        """A reporter's agent says something of itself."""
        found = self._collector(org_id, identifier)
        if found is not None:
            clock_us = numbers.get("clock_us")
            found.hear(name, numbers, clock_us if type(clock_us) is int and abs(clock_us) < 1 << 62 else None, self._clock())

    async def follow(self, until: int) -> None:
        """Take in the events up to a position, in bounded steps."""
        for _ in range(FOLLOW_STEPS_MAX):
            if self._position >= until:
                return
            first = await asyncio.to_thread(self._reader.next_position, self._position)
            if first is None or first > until:
                self._position = max(self._position, until)
                return
            reached = min(until, first + _WINDOW)
            now = self._clock()
            for stored in await asyncio.to_thread(self._reader.stored, first - 1, reached):
                found = self._collector(stored.org_id, stored.reporter_id)
                if found is not None:
                    activity = Activity(stored.rows, stored.received_us, stored.delay_us, stored.delay_least_us)
                    found.notice(activity, stored.name, now)
            self._position = reached

    async def save(self, *, at_end: bool = False) -> None:
        """Write what has changed, at most every `COLLECTOR_SAVE_INTERVAL_S`, and at the end."""
        now = self._clock()
        if not at_end and abs(now - self._saved_us) < COLLECTOR_SAVE_INTERVAL_S * _SECOND:
            return
        self._saved_us = now
        self._forget(now)
        changed = {
            (org_id, each.id): msgspec.structs.replace(each.known)
            for org_id, found in self._found.items() for each in found.values() if each.changed
        }  # fmt: skip
        forgotten, self._forgotten = self._forgotten, set()
        for org_id, identifier in changed:
            self._found[org_id][identifier].changed = False
        try:
            await asyncio.to_thread(self._keeper.save, changed, forgotten, self._position, durable=at_end)
        except Exception:
            self._forgotten |= forgotten
            for org_id, identifier in changed:
                self._found[org_id][identifier].changed = True
            raise

    def of(self, org_id: str) -> dict[str, Collector]:
        """The organisation's reporters by id."""
        return self._found.get(org_id, {})

    def judged(self, collector: Collector) -> Judgement:
        """How a reporter stands now."""
        return collector.judged(self._clock(), self.listening_us, self.silent_after_s)

    def known_since(self, org_id: str) -> dict[str, int]:
        """The organisation's reporters and when each was first heard of."""
        return {each.id: each.known.first_heard_us for each in self.of(org_id).values() if each.known.first_heard_us}

    def unsettled(self) -> Iterator[tuple[str, list[Collector]]]:
        """By organisation, reporters that are silent and whose open connections have not been closed since."""
        now = self._clock()
        for org_id, found in self._found.items():
            silent = [
                each for each in found.values()
                if each.known.settled_us != each.known.contact_us and now - each.heard_us(self.listening_us) > self.silent_after_s * _SECOND
            ]  # fmt: skip
            if silent:
                yield org_id, silent

    def count(self) -> None:
        """Tell the metrics how many reporters are in which state."""
        numbers = dict.fromkeys(CollectorState, 0)
        for found in self._found.values():
            for each in found.values():
                numbers[self.judged(each).state] += 1
        for state, number in numbers.items():
            if state is not CollectorState.never_seen:
                metrics.COLLECTORS.labels(state).set(number)

    def _collector(self, org_id: str, identifier: str) -> Collector | None:
        found = self._found.setdefault(org_id, {})
        if identifier not in found:
            if len(found) >= COLLECTORS_MAX or not 0 < len(identifier) <= COLLECTOR_NAME_CHARACTERS_MAX:
                metrics.COLLECTORS_LEFT_OUT.inc()
                return None
            found[identifier] = Collector(identifier)
            self._forgotten.discard((org_id, identifier))
        return found[identifier]

    def _forget(self, now_us: int) -> None:
        """Let go of reporters that were silent for a long time and have nothing open."""
        for org_id, found in self._found.items():
            for each in list(found.values()):
                known = each.known
                if known.settled_us == known.contact_us and now_us - known.contact_us > COLLECTOR_FORGET_S * _SECOND:
                    del found[each.id]
                    self._forgotten.add((org_id, each.id))
