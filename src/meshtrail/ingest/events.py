"""When two deliveries are of the same event: events that never change are the same by (organisation, reporter, event)."""

import hashlib

import numpy as np
import pyarrow as pa

from meshtrail.ingest.seen import Keys

_STORED = """
SELECT n FROM
 (SELECT assumeNotNull(n) AS n, assumeNotNull(k_time) AS occurred_at, assumeNotNull(k_reporter) AS reporter_id,
         assumeNotNull(k_event) AS event_id
  FROM {keys}) AS k
INNER JOIN
 (SELECT DISTINCT occurred_at, reporter_id, event_id
  FROM audit WHERE org_id = {org:String}
    AND occurred_at BETWEEN fromUnixTimestamp64Micro({low:Int64}, 'UTC') AND fromUnixTimestamp64Micro({high:Int64}, 'UTC')
    AND event_id IN (SELECT assumeNotNull(k_event) FROM {keys})) AS s
USING (occurred_at, reporter_id, event_id)
"""


class Events:
    """The sameness of the audit family."""

    stored = _STORED

    @staticmethod
    def keys(org_id: str, table: pa.Table) -> Keys:
        """128 bits of hash a row."""
        names = zip(table["reporter_id"].to_pylist(), table["event_id"].to_pylist(), strict=True)
        digests = [hashlib.blake2b(f"{org_id}\0{reporter}\0{event}".encode(), digest_size=16).digest() for reporter, event in names]
        keys = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2).copy()
        keys[:, 1] |= np.uint64(1)  # no key is all zeros
        return keys

    @staticmethod
    def probe(chosen: pa.Table, rows: np.ndarray, times: np.ndarray) -> pa.Table:
        """The keys of some rows with their row numbers, as the statement reads them."""
        return pa.table(
            {
                "n": pa.array(rows, pa.int64()),
                "k_time": pa.array(times, pa.timestamp("us", "UTC")),
                "k_reporter": _texts(chosen["reporter_id"]),
                "k_event": _texts(chosen["event_id"]),
            }
        )


def _texts(values: pa.ChunkedArray) -> pa.Array:
    whole = values.combine_chunks()
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole
