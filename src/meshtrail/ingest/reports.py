"""When two reports of a connection are the same.

A natural key is (organisation, reporter, flow, phase). In the store reports of one connection may have merged already: there
a report is old when the stored row stands at least as far as the report does.
"""

import numpy as np
import pyarrow as pa

from meshtrail.ingest.keys import natural_keys, progress
from meshtrail.ingest.seen import Keys
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
  FROM traffic WHERE org_id = {org:String}
    AND started_at BETWEEN fromUnixTimestamp64Micro({low:Int64}, 'UTC') AND fromUnixTimestamp64Micro({high:Int64}, 'UTC')
    AND flow_id IN (SELECT reinterpret(assumeNotNull(k_flow), 'UUID') FROM {keys})
  GROUP BY started_at, reporter_id, flow_id) AS s
USING (started_at, reporter_id, flow_id)
WHERE k_starts <= s_starts AND k_packets <= s_packets AND (s_state > k_state OR s_state = k_state AND k_seen <= s_seen)
"""


class Reports:
    """The sameness of the traffic family."""

    stored = _STORED

    @staticmethod
    def keys(org_id: str, table: pa.Table) -> Keys:
        """See `keys.natural_keys`."""
        return natural_keys(org_id, table)

    @staticmethod
    def probe(chosen: pa.Table, rows: np.ndarray, times: np.ndarray) -> pa.Table:
        """The keys of some rows with their row numbers, as the statement reads them."""
        return pa.table(
            {
                "n": pa.array(rows, pa.int64()),
                "k_started": pa.array(times, pa.timestamp("us", "UTC")),
                "k_reporter": chosen["reporter_id"].combine_chunks().dictionary_decode(),
                "k_flow": swapped(chosen["flow_id"].combine_chunks()),
                "k_state": chosen["state"].combine_chunks(),
                "k_seen": pa.array(progress(chosen, "last_seen_at").astype(np.int64)),
                "k_packets": pa.array(progress(chosen, "rx_packets") + progress(chosen, "tx_packets")),
                "k_starts": pa.array(progress(chosen, "starts")),
            }
        )
