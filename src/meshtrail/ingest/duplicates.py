"""Which rows of a batch tell nothing new.

The memory (`seen.py`) is complete for reports made since `Seen.since_us`. Older reports are looked up in the store, unless
their connections began after every one that the memory does not hold. In the store reports of one connection may have
merged already: there a report is old when the stored row stands at least as far as the report does.
"""

import numpy as np
import pyarrow as pa

from meshtrail.common.clock import Clock
from meshtrail.ingest.keys import natural_keys, progress
from meshtrail.ingest.seen import SLOTS, Keys, Seen
from meshtrail.model.columns import Family
from meshtrail.store.engine import Engine
from meshtrail.store.writer import swapped

_STORED = """
SELECT n FROM
 (SELECT assumeNotNull(n) AS n, assumeNotNull(k_started) AS started_at, assumeNotNull(k_reporter) AS reporter_id,
         reinterpret(assumeNotNull(k_flow), 'UUID') AS flow_id, assumeNotNull(k_state) AS k_state,
         assumeNotNull(k_seen) AS k_seen, assumeNotNull(k_packets) AS k_packets, assumeNotNull(k_starts) AS k_starts
  FROM {keys}) AS k
INNER JOIN
 (SELECT started_at, reporter_id, flow_id, CAST(max(state), 'Int8') AS s_state,
         toUnixTimestamp64Micro(ifNull(max(last_seen_at), toDateTime64(0, 6, 'UTC'))) AS s_seen, 
         ifNull(max(rx_packets), 0) + ifNull(max(tx_packets), 0) AS s_packets, ifNull(max(starts), 0) AS s_starts
  FROM {family} WHERE org_id = {org:String}
    AND started_at BETWEEN fromUnixTimestamp64Micro({low:Int64}, 'UTC') AND fromUnixTimestamp64Micro({high:Int64}, 'UTC')
    AND flow_id IN (SELECT reinterpret(assumeNotNull(k_flow), 'UUID') FROM {keys})
  GROUP BY started_at, reporter_id, flow_id) AS s
USING (started_at, reporter_id, flow_id)
WHERE k_starts <= s_starts AND k_packets <= s_packets AND (s_state > k_state OR s_state = k_state AND k_seen <= s_seen)
"""


_NEVER = -(1 << 62)


class Duplicates:
    """Finds rows that were stored before. One thread at a time."""

    def __init__(self, engine: Engine, family: Family, clock: Clock, slots: int = SLOTS) -> None:
        self._engine = engine
        self._family = family
        self._clock = clock
        self._seen = Seen(clock(), slots)
        self._latest: dict[str, int] = {}
        """Latest start of an organisation's connections, of all that are stored."""
        self._latest_at_rotation: dict[str, int] = {}
        self._forgotten: dict[str, int] = {}
        """Latest start of an organisation's connections that the memory does not hold."""

    def fresh(self, org_id: str, table: pa.Table, taken: Keys | None) -> tuple[np.ndarray, Keys]:
        """Which rows are new, and their keys; `taken` are keys of rows that go into the same commit before these."""
        if org_id not in self._latest:
            self._meet(org_id)
        keys = natural_keys(org_id, table)
        fresh = ~self._seen.contains(keys)
        fresh &= _first_of_each(keys)
        if taken is not None and len(taken):
            fresh &= ~_members(keys, taken)
        occurred = np.asarray(table["occurred_at"].combine_chunks().cast(pa.int64()))
        started = np.asarray(table["started_at"].combine_chunks().cast(pa.int64()))
        old = fresh & (occurred < self._seen.since_us) & (started <= self._forgotten[org_id])
        if old.any():
            fresh[self._stored(org_id, table, np.flatnonzero(old))] = False
        return fresh, keys

    def remember(self, org_id: str, table: pa.Table, keys: Keys) -> None:
        """Note rows that are durable now."""
        if not len(keys):
            return
        rotations = self._seen.rotations
        self._seen.add(keys, self._clock())
        started = np.asarray(table["started_at"].combine_chunks().cast(pa.int64()))
        self._latest[org_id] = max(self._latest[org_id], int(started.max()))
        if self._seen.rotations != rotations:
            self._forgotten, self._latest_at_rotation = self._latest_at_rotation, dict(self._latest)
            if self._seen.rotations > rotations + 1:
                self._forgotten = dict(self._latest)
            for known, latest in self._latest.items():
                self._forgotten.setdefault(known, latest)

    def _meet(self, org_id: str) -> None:
        """An organisation that this process has not written for: what the store has of it is not in the memory."""
        answer = self._engine.read(
            f"SELECT toUnixTimestamp64Micro(max(started_at)), count() FROM {self._family.name} WHERE org_id = {{org:String}}",
            {"org": org_id},
            "TSV",
        ).split()
        latest = int(answer[0]) if int(answer[1]) else _NEVER
        self._latest[org_id] = self._latest_at_rotation[org_id] = self._forgotten[org_id] = latest

    def _stored(self, org_id: str, table: pa.Table, rows: np.ndarray) -> np.ndarray:
        """Which of these row numbers the store already has."""
        started = np.asarray(table["started_at"].combine_chunks().cast(pa.int64()))[rows]
        answer = self._engine.semi_join(
            _STORED.replace("{family}", self._family.name),
            _probe(table, rows, started),
            {"org": org_id, "low": int(started.min()), "high": int(started.max())},
        )
        return np.asarray(answer["n"]) if answer.num_columns else np.array([], dtype=np.int64)


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


def _probe(table: pa.Table, rows: np.ndarray, started: np.ndarray) -> pa.Table:
    chosen = table.take(pa.array(rows))

    return pa.table(
        {
            "n": pa.array(rows, pa.int64()),
            "k_started": pa.array(started, pa.timestamp("us", "UTC")),
            "k_reporter": chosen["reporter_id"].combine_chunks().dictionary_decode(),
            "k_flow": swapped(chosen["flow_id"].combine_chunks()),
            "k_state": chosen["state"].combine_chunks(),
            "k_seen": pa.array(progress(chosen, "last_seen_at").astype(np.int64)),
            "k_packets": pa.array(progress(chosen, "rx_packets") + progress(chosen, "tx_packets")),
            "k_starts": pa.array(progress(chosen, "starts")),
        }
    )
