"""Limits of the agent, with their units and reasons."""

RECEIVE_BYTES_NEW = 16 * 1024**2
"""Asked socket buffer for NEW: an event takes 1,280 bytes of twice this, so 26,000 wait while the reader stalls."""

RECEIVE_BYTES_DESTROY = 32 * 1024**2
"""Asked socket buffer for DESTROY: what does not fit stays in the kernel's table until it is read."""

RECEIVE_BYTES_UPDATE = 4 * 1024**2
"""Asked socket buffer for closing updates: a lost one only means that the end is known later, from DESTROY."""

EVENTS_PER_TURN_MAX = 8_192
"""Events of one turn of the loop, so that reports leave while a storm goes on."""

ASK_BATCH = 64
"""Entries asked for by one write to the kernel; its answers must fit the socket's buffer."""

ASKS_PER_TURN_MAX = 1_024
"""Closed connections asked for by name in one turn; for more a dump is cheaper."""

FLOWS_MAX = 1_000_000
"""Connections in the table, several kilobytes each at the worst; above it new ones are counted and not followed."""

QUEUE_BYTES_MAX = 64 * 1024**2
"""Reports that wait for the server; when full the oldest go, counted, and a gap says so."""

BATCH_ROWS_MAX = 20_000
"""Reports of one request."""

LINGER_S = 0.03
"""How long a report waits for others while an earlier batch is under way or has just left."""

RESEND_S_MIN, RESEND_S_MAX = 0.2, 10.0
"""Waits between attempts, doubled each time."""

REQUEST_TIMEOUT_S = 30.0
"""One request; the server commits within a second even under load."""

STOP_S_MAX = 5.0
"""Time for the last reports when the agent stops."""

TABLE_FILL_MAX = 0.8
"""Share of nf_conntrack_max at which reliable DESTROY is given up: the network matters more than its record."""

WATCH_INTERVAL_S = 2.0
"""Time between two looks at the table's fill."""

FACTS_INTERVAL_S = 30.0
"""Time between two looks at host name, addresses and users."""

SUMMARY_INTERVAL_S = 60.0
"""Time between two lines of counters in the log."""

RESYNC_INTERVAL_S = 300.0
"""Time between two dumps that look for connections whose end was missed."""

PROCESS_SCANS_PER_S_MAX = 4
"""Looks through /proc; each costs milliseconds."""

PROCESS_FLOWS_PER_TURN_MAX = 200
"""New local connections of one turn that are attributed; in a storm the storm's program is found by the first ones."""

assert RESEND_S_MIN < RESEND_S_MAX
assert ASK_BATCH <= ASKS_PER_TURN_MAX
