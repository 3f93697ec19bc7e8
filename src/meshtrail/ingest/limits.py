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

JSON_BYTES_MAX = 64 * 1024
"""One JSON value: the difference that a person reads; a document of that size is read elsewhere."""

GROUPS_MAX = 256
"""Names in one list value."""

TIME_EARLIEST_US = 946_684_800_000_000
"""2000-01-01: an earlier start is a clock that was never set."""

TIME_AHEAD_US_MAX = 24 * 3600 * 1_000_000
"""A day: clocks that run ahead a little are kept as they are, and shown; further ahead is no clock."""

DAYS_PER_BATCH_MAX = 90
"""Days that one request's rows may span, since each is a partition to write; split an import by time."""

MONTHS_PER_BATCH_MAX = 120
"""Months that one request's rows may span, where each month is a partition (audit events): ten years."""

SILENT_AFTER_S = 15 * 60
"""Silence after which a reporter counts as gone, unless the server is told otherwise: an agent speaks every ten seconds, and
a machine that is started again, or moves to another network, is back by then."""

LATE_AFTER_S = 60
"""Age of events at arrival above which a reporter is late; an agent sends within a second."""

LOSSY_FOR_S = 3_600
"""How long a loss marks its reporter; afterwards the gaps of the day still tell of it."""

SKEW_S_MAX = 60
"""Difference of clocks above which it is pointed out: rows of two reporters do not stand in their true order any more."""

CLOCK_JUMP_S = 30
"""Difference between what the clock shows and the time that passed, from which it was set and did not just run."""

RATE_OVER_S = 60
"""Time over which a reporter's rate is taken."""

COLLECTORS_MAX = 10_000
"""Reporters of one organisation that are kept in mind; further ones are stored but not watched, and counted."""

COLLECTOR_METRICS_MAX = 256
"""Counters kept of one reporter; an agent has about a hundred."""

COLLECTOR_NAME_CHARACTERS_MAX = 200
"""Length of a reporter's id, of its name and of the names of its counters."""

COLLECTOR_SAVE_INTERVAL_S = 30
"""Time between two writes of what is known of reporters: a crash makes them look that much older, and no more."""

COLLECTOR_FORGET_S = 90 * 86_400
"""Silence after which a reporter is not listed any more; what it reported stays."""

UPKEEP_INTERVAL_S = 5.0
"""Pause between two turns of the task that watches reporters and closes what is lost."""

FOLLOW_WINDOW_S = 6 * 3_600
"""Stretch of positions that one read of a reporter's activity covers: after a long pause of the server it goes on in steps."""

FOLLOW_STEPS_MAX = 20
"""Such reads in one turn."""

LOST_BATCH_ROWS = 5_000
"""Lost connections written at once: a small part of what a commit takes, so that senders do not wait behind it."""

LOST_ROWS_PER_TURN_MAX = 20_000
"""Lost connections of one turn: a router's whole table is closed within a minute."""

LOST_DAYS_PER_READ_MAX = 60
"""Days whose open connections are looked at together; a request may span no more than `DAYS_PER_BATCH_MAX`."""

assert LOST_DAYS_PER_READ_MAX <= DAYS_PER_BATCH_MAX
assert LOST_BATCH_ROWS <= LOST_ROWS_PER_TURN_MAX
assert LOST_BATCH_ROWS <= BATCH_ROWS_MAX
assert LATE_AFTER_S < SILENT_AFTER_S
assert COLLECTOR_SAVE_INTERVAL_S < SILENT_AFTER_S < COLLECTOR_FORGET_S
assert DECOMPRESSED_BYTES_MAX >= BODY_BYTES_MAX
assert BATCH_ROWS_MAX <= COMMIT_ROWS_MAX <= QUEUE_ROWS_MAX
