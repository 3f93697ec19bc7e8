"""Limits of ingest, with their units and reasons."""

BODY_BYTES_MAX = 64 * 1024**2
"""A request's body as it is sent."""

DECOMPRESSED_BYTES_MAX = 256 * 1024**2
"""The body after decompression: a bomb stops here, before it takes the memory of the machine."""

BATCH_ROWS_MAX = 200_000
"""Rows of one request: more would hold the pipeline for longer than others like to wait."""

QUEUE_ROWS_MAX = 1_000_000
"""Rows that wait for the commit. Past it senders are told to wait (429): their own queue is the place to wait."""

COMMIT_ROWS_MAX = 200_000
"""Rows of one commit: a part this large is written in a fraction of a second."""

COMMIT_INTERVAL_MS = 40
"""Time between two commits under load; each makes a part, and some tens of parts a second can be merged behind."""

REQUEST_TIME_S_MAX = 60
"""Time to receive one body: a sender that is slower than this holds a place for nothing."""

ERRORS_SHOWN_MAX = 100
"""Refusals listed in an answer; the count tells of the others."""

TEXT_BYTES_MAX = 1_024
"""One text value."""

GROUPS_MAX = 256
"""Names in one list value."""

TIME_EARLIEST_US = 946_684_800_000_000
"""2000-01-01: an earlier start is a clock that was never set."""

TIME_AHEAD_US_MAX = 24 * 3600 * 1_000_000
"""A day: clocks that run ahead a little are kept as they are, and shown; further ahead is no clock."""

DAYS_PER_BATCH_MAX = 90
"""Days that one request's rows may span, since each is a partition to write; split an import by time."""

assert DECOMPRESSED_BYTES_MAX >= BODY_BYTES_MAX
assert BATCH_ROWS_MAX <= COMMIT_ROWS_MAX <= QUEUE_ROWS_MAX
