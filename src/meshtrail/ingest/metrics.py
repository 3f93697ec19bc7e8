"""Counters of ingest."""

from prometheus_client import Counter, Gauge, Histogram

STORED = Counter("meshtrail_ingest_stored_events", "Events made durable.", ["family", "source"])
DUPLICATES = Counter("meshtrail_ingest_duplicate_events", "Events that were stored before.", ["family", "source"])
REFUSED = Counter("meshtrail_ingest_refused_events", "Events refused for their content.", ["family", "source"])
FAILED = Counter("meshtrail_ingest_failed_events", "Events not stored for a fault of ours; their sender was told.", ["family"])
BUSY = Counter("meshtrail_ingest_busy_requests", "Requests told to wait because the queue was full.", ["family"])
WAITING = Gauge("meshtrail_ingest_waiting_rows", "Rows decoded and not yet durable.", ["family"])
COMMIT_ROWS = Histogram(
    "meshtrail_ingest_commit_rows", "Rows of one commit.", ["family"], buckets=(1, 10, 100, 1_000, 10_000, 50_000, 100_000, 200_000)
)
COMMIT_SECONDS = Histogram(
    "meshtrail_ingest_commit_seconds", "Time of one durable commit.", ["family"], buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
)
LOST = Counter("meshtrail_lost_connections", "Connections closed because their reporter fell silent.")
LOST_FAILED = Counter("meshtrail_lost_failed_batches", "Batches of lost connections that could not be stored; they are tried again.")
COLLECTORS = Gauge("meshtrail_collectors", "Reporters by state: ok, late, silent, lossy.", ["state"])
COLLECTORS_LEFT_OUT = Counter("meshtrail_collectors_left_out", "Signs of life of reporters above the limit, which are not watched.")
UPKEEP_FAILED = Counter("meshtrail_upkeep_failed_turns", "Turns of the task that watches reporters that failed; it goes on.")
