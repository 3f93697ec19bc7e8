"""Which rows of a batch tell nothing new.

The memory (`seen.py`) is complete for rows made since `Seen.since_us`. Older rows are looked up in the store, unless their
time is after every one that the memory does not hold. What makes two rows the same is the family's own (`reports.py`,
`events.py`).
"""

import numpy as np
import pyarrow as pa

from meshtrail.common.clock import Clock
from meshtrail.ingest.events import Events
from meshtrail.ingest.reports import Reports
from meshtrail.ingest.seen import SLOTS, Keys, Seen
from meshtrail.model.columns import AUDIT, TRAFFIC, Family
from meshtrail.store.engine import Engine

_NEVER = -(1 << 62)
_SAMENESS: dict[str, Reports | Events] = {TRAFFIC.name: Reports(), AUDIT.name: Events()}


class Duplicates:
    """Finds rows that were stored before. One thread at a time."""

    def __init__(self, engine: Engine, family: Family, clock: Clock, slots: int = SLOTS) -> None:
        self._engine = engine
        self._family = family
        self._clock = clock
        self._sameness = _SAMENESS[family.name]
        self._seen = Seen(clock(), slots)
        self._latest: dict[str, int] = {}
        """Latest time of an organisation's rows, of all that are stored."""
        self._latest_at_rotation: dict[str, int] = {}
        self._forgotten: dict[str, int] = {}
        """Latest time of an organisation's rows that the memory does not hold."""

    def fresh(self, org_id: str, table: pa.Table, taken: Keys | None) -> tuple[np.ndarray, Keys]:
        """Which rows are new, and their keys; `taken` are keys of rows that go into the same commit before these."""
        if org_id not in self._latest:
            self._meet(org_id)
        keys = self._sameness.keys(org_id, table)
        fresh = ~self._seen.contains(keys)
        fresh &= _first_of_each(keys)
        if taken is not None and len(taken):
            fresh &= ~_members(keys, taken)
        occurred = microseconds_of(table, "occurred_at")
        times = occurred if self._family.time == "occurred_at" else microseconds_of(table, self._family.time)
        old = fresh & (occurred < self._seen.since_us) & (times <= self._forgotten[org_id])
        if old.any():
            fresh[self._stored(org_id, table, np.flatnonzero(old))] = False
        return fresh, keys

    def remember(self, org_id: str, table: pa.Table, keys: Keys) -> None:
        """Note rows that are durable now."""
        if not len(keys):
            return
        rotations = self._seen.rotations
        self._seen.add(keys, self._clock())
        self._latest[org_id] = max(self._latest[org_id], int(microseconds_of(table, self._family.time).max()))
        if self._seen.rotations != rotations:
            self._forgotten, self._latest_at_rotation = self._latest_at_rotation, dict(self._latest)
            if self._seen.rotations > rotations + 1:
                self._forgotten = dict(self._latest)
            for known, latest in self._latest.items():
                self._forgotten.setdefault(known, latest)

    def _meet(self, org_id: str) -> None:
        """An organisation that this process has not written for: what the store has of it is not in the memory."""
        answer = self._engine.read(
            f"SELECT toUnixTimestamp64Micro(max({self._family.time})), count() FROM {self._family.name} WHERE org_id = {{org:String}}",
            {"org": org_id},
            "TSV",
        ).split()
        latest = int(answer[0]) if int(answer[1]) else _NEVER
        self._latest[org_id] = self._latest_at_rotation[org_id] = self._forgotten[org_id] = latest

    def _stored(self, org_id: str, table: pa.Table, rows: np.ndarray) -> np.ndarray:
        """Which of these row numbers the store already has."""
        times = microseconds_of(table, self._family.time)[rows]
        answer = self._engine.semi_join(
            self._sameness.stored,
            self._sameness.probe(table.take(pa.array(rows)), rows, times),
            {"org": org_id, "low": int(times.min()), "high": int(times.max())},
        )
        return np.asarray(answer["n"]) if answer.num_columns else np.array([], dtype=np.int64)


def microseconds_of(table: pa.Table, name: str) -> np.ndarray:
    """A time column as numbers."""
    return np.asarray(table[name].combine_chunks().cast(pa.int64()))


def _first_of_each(keys: Keys) -> np.ndarray:
    """Which rows are the first with their key. Mostly all are, which one word of the hash already shows."""
    if len(np.unique(keys[:, 0])) == len(keys):
        return np.ones(len(keys), dtype=bool)
    first = np.zeros(len(keys), dtype=bool)
    first[np.unique(keys, axis=0, return_index=True)[1]] = True
    return first


def _members(keys: Keys, of: Keys) -> np.ndarray:
    view = np.dtype([("a", np.uint64), ("b", np.uint64)])
    return np.isin(np.ascontiguousarray(keys).view(view).ravel(), np.ascontiguousarray(of).view(view).ravel())
