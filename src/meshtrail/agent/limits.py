"""Limits of the agent, with their units and reasons."""

RECEIVE_BYTES_NEW = 32 * 1024**2
"""Asked socket buffer for NEW: an event takes 1,280 bytes of twice this, so 52,000 wait while the reader stalls."""

RECEIVE_BYTES_ASK = 8 * 1024**2
"""Asked socket buffer for answers; a dump is paced by its reader."""

RECEIVE_BYTES_DESTROY = 32 * 1024**2
"""Asked socket buffer for DESTROY: what does not fit stays in the kernel's table until it is read."""

RECEIVE_BYTES_UPDATE = 4 * 1024**2
"""Asked socket buffer for closing updates: a lost one only means that the end is known later, from DESTROY."""

NFLOG_GROUP = 2_801
"""Group of the packet log unless told otherwise; ulogd2 and Calico take small numbers."""

MARK_MASK = 0xFF00_0000
"""Bits of the connection mark for rule numbers: 255 rules. NetBird's values (0x1BD00 to 0x1BDFF) and Tailscale's bits (0xff0000)
stay as they are."""

EVENTS_PER_TURN_MAX = 8_192
"""Ends of one turn of the loop, so that reports leave while a storm goes on."""

STARTS_PER_TURN_MAX = 262_144
"""Starts of one turn: more than the buffer of the NEW socket holds, so that each end finds its start."""

REST_S = 0.005
"""Pause after a busy turn: events come in batches, and each costs less."""

TURN_S = 0.5
"""Longest wait of a turn: stopping and watching come round at least this often."""

ASK_BATCH = 64
"""Entries asked for by one write to the kernel; its answers must fit the socket's buffer."""

ASK_TIMEOUT_S = 5.0
"""The kernel answers at once; a silence this long is a fault to be told, not to be waited for."""

CLOSINGS_PER_S_MAX = 1_500
"""Ends a second that are asked for by name while the kernel still remembers them. Above it the agent leaves the group of
updates for a while and takes ends from DESTROY only: later, but at a third of the price."""

CLOSINGS_PAUSE_S = 10.0
"""How long the group of updates is left after a storm."""

FLOWS_MAX = 1_000_000
"""Connections in the table, about a kilobyte each; above it new ones are counted and not followed."""

SAME_START_US = 100_000
"""Two clock readings of one packet differ by microseconds; a connection that begins later than this under a known id is
another one, for which the kernel used the same memory again."""

ADOPT_US_MAX = 1_000_000
"""How far the start that the server remembers may be from the one in the kernel's table."""

SPOOL_BYTES_MAX = 1024**3
"""Segments of reports that wait for the server, about ten million; when full the oldest go, counted, and a gap says so."""

SPOOL_AGE_S_MAX = 7 * 86_400.0
"""Older reports go too: what nobody fetched for a week is told as a gap, and not kept on a laptop for ever."""

SPOOL_AGE_REPRIEVE_S = 3_600.0
"""What is too old when the agent starts is kept for this time, in which it may be sent: the clock may be wrong so early, and a
laptop may have lain in a drawer."""

SPOOL_SEGMENT_BYTES = 8 * 1024**2
"""A segment is ended when it is larger than this: what is dropped at once, and read at once."""

SPOOL_SEGMENT_BYTES_MIN = 64 * 1024
"""The same for a spool that may take little: an eighth of it, but not less than this."""

SPOOL_SEGMENT_S_MAX = 3_600.0
"""A segment is ended when it is older than this, so that age can be judged by the hour."""

SPOOL_SEGMENTS_MAX = 4_096
"""Segments kept: an agent that starts again and again makes a small one each time."""

SPOOL_FILE_BYTES_MAX = 64 * 1024**2
"""Of a file in the spool's folder no more is read; no segment of ours is so large."""

SPOOL_CHUNK_BYTES_MAX = 4 * 1024**2
"""Lines of one record before compression, unless a single line is longer."""

SPOOL_COMPRESSION_LEVEL = 1
"""zstd: 1 GB/s, a tenth of the size; a higher level costs capture more than it saves."""

SPOOL_MEMORY_BYTES_MAX = 16 * 1024**2
"""Compressed reports kept in memory while the disk takes none."""

SPOOL_RETRY_S = 1.0
"""Time between two attempts to write to a disk that failed."""

SPOOL_SYNC_S = 0.5
"""What the server has not acknowledged after this time is brought to the disk: a power cut takes a second of reports at most."""

SPOOL_GAPS_MAX = 32
"""Gaps that wait to be told; neighbours are joined, so there is more than one only when an answer is pending."""

HELD_FLOWS_MAX = 300_000
"""Reports held back until the server has said what it remembers: a full conntrack table of the usual size."""

BATCH_ROWS_MAX = 20_000
"""Reports of one request: a tenth of what the server takes, and a fraction of a second to write."""

BATCH_BYTES_MAX = 32 * 1024**2
"""A request before compression; an eighth of what the server unpacks."""

OPEN_PAGES_MAX = 100
"""Pages of the server's list of open connections, ten thousand each: as many as the table of connections may hold."""

LINGER_S = 0.03
"""How long a report waits for others when a batch has just left; the first one after a silence leaves at once."""

RESEND_S_MIN, RESEND_S_MAX = 0.2, 30.0
"""Waits between attempts, doubled each time, each multiplied by a random share of a half to one."""

RETRY_AFTER_S_MAX = 120.0
"""A server may ask for a longer wait than ours, but not for silence without end."""

MAP_WAIT_S = 25
"""How long the server may hold the question for a newer network map: less than a request may take."""

UNAUTHORISED_S = 30.0
"""Wait after a refused token: a person has to act first."""

RENEW_AGAIN_S_MIN, RENEW_AGAIN_S_MAX = 5.0, 120.0
"""Waits after a new token was refused, doubled each time; the old one goes on working meanwhile, and the server counts failures."""

REQUEST_TIMEOUT_S = 30.0
"""One request; the server commits within a second even under load."""

ANSWER_S_MAX = 60.0
"""A whole answer, however slowly it comes: the longest wait for a map, and ten megabytes over a slow line."""

ANSWER_BYTES_MAX = 64 * 1024**2
"""An answer of the server; a page of ten thousand open connections has three megabytes."""

STOP_S_MAX = 5.0
"""Time for the last reports when the agent stops."""

TABLE_FILL_MAX = 0.8
"""Share of nf_conntrack_max at which reliable DESTROY is given up: the network matters more than its record."""

TABLE_FILL_CALM = 0.5
"""Share below which it is taken up again."""

READER_LAG_S_MAX = 10.0
"""Age of the events just read at which reliable DESTROY is given up, when two looks in a row find it."""

WATCH_INTERVAL_S = 2.0
"""Time between two looks at the table's fill and the reader's lag."""

CLOCK_STEP_S_MIN = 1.0
"""A clock that moves by so much between two looks was set; a correction by degrees is a thousandth of it."""

FACTS_INTERVAL_S = 30.0
"""Time between two looks at host name, addresses and users."""

METRICS_INTERVAL_S = 10.0
"""Time between two reports of the counters; also keeps the one connection to the server open."""

PULSE_S_MIN = 2.0
"""Shortest such time, for servers that close an idle connection early."""

SUMMARY_INTERVAL_S = 60.0
"""Time between two lines of counters in the log."""

RESYNC_INTERVAL_S = 300.0
"""Time between two dumps that look for connections whose end was missed."""

POLL_INTERVAL_S = 3.0
"""The same while there are connections from before the start of which the kernel never tells the end; a closed TCP
connection stays in the table for ten seconds and more, so that each is seen."""

RESYNC_TIME_SHARE_MAX = 0.05
"""Share of one core that dumps may take over time."""

LOST_AFTER_US = 30_000_000
"""How long an entry is absent, without word of its end, until its connection is called lost: the kernel tries again ten
times a second to tell of an end for which there was no room."""

LOST_REMEMBERED_MAX = 50_000
"""Lost connections remembered in case that their end comes after all."""

RESYNC_SOON_S = 0.5
"""Wait before the dump that follows an overrun or an absence: several share one."""

DUMPS_MAX = 3
"""Attempts at a dump that the kernel calls interrupted."""

PROCESS_TIME_SHARE_MAX = 0.05
"""Share of one core that looking through /proc may take over time."""

PROCESS_CREDIT_S_MAX = 0.2
"""Time saved up in quiet moments for a burst of new connections: some hundred looks."""

PROCESS_RETRY_S = 0.02
"""Time between two looks while connections wait for one."""

PROCESS_SOCKETS_MAX = 4_096
"""Sockets whose process is remembered."""

PROCESS_WAITING_MAX = 256
"""New local connections that wait for the next look; in a storm the storm's program is found by the first ones."""

SETTLED_US = 2_000_000
"""A connection's program is looked for until this long after its start; then the socket may be another's."""

USERS_MAX = 10_000
"""Local users told to the server."""

NFLOG_COPY_BYTES = 96
"""Bytes of each denied packet, from its IP header: IPv6 with two extension headers, and the ports after them."""

NFLOG_BUFFER_BYTES = 65_536
"""The kernel collects logged packets in a buffer of this size; it takes at most 131,072."""

NFLOG_QUEUE_PACKETS = 64
"""Logged packets of one datagram: at 15,000/s a third of the cost of one by one."""

NFLOG_TIMEOUT_CS = 10
"""Hundredths of a second until a datagram that is not full is sent: a lone denial is known after a tenth of a second."""

RECEIVE_BYTES_NFLOG = 4 * 1024**2
"""Asked socket buffer for logged packets: each datagram takes its whole buffer of twice this, so 8,000 packets wait."""

NFLOG_DATAGRAMS_PER_TURN_MAX = 256
"""Datagrams of one turn of the loop: more than the socket's buffer holds, so that a turn ends."""

NFLOG_RETRY_S = 5.0
"""Time between two attempts to get a group that another program owns."""

LOSS_SETTLES_S = 1.0
"""Wait after an overrun for the next logged packet, whose number says how many were lost."""

DENIALS_MAX = 65_536
"""Denied tuples that are being folded, about a kilobyte each: 500 new ones a second for longer than a fold's silence."""

DENIAL_UPDATE_S = 10.0
"""Shortest time between two reports of one tuple that goes on being denied."""

DENIAL_SILENCE_S = 75.0
"""A tuple not denied for this long is another attempt when it comes again: a TCP connect repeats its SYN with pauses of up to
64 seconds."""

DENIAL_LIFE_S = 3_600.0
"""A tuple that is denied for longer begins a new row, so that no row grows for days."""

DENIAL_TICK_S = 0.5
"""Time between two looks for what is due."""

assert LOST_AFTER_US < RESYNC_INTERVAL_S * 1_000_000
assert RESEND_S_MIN < RESEND_S_MAX
assert TABLE_FILL_CALM < TABLE_FILL_MAX < 1
assert PULSE_S_MIN < METRICS_INTERVAL_S < FACTS_INTERVAL_S
assert BATCH_BYTES_MAX + SPOOL_SEGMENT_BYTES < SPOOL_FILE_BYTES_MAX <= SPOOL_BYTES_MAX
assert SPOOL_AGE_REPRIEVE_S < SPOOL_AGE_S_MAX
assert SPOOL_CHUNK_BYTES_MAX < BATCH_BYTES_MAX
assert SPOOL_SEGMENT_BYTES_MIN <= SPOOL_SEGMENT_BYTES <= SPOOL_BYTES_MAX // 8
assert MAP_WAIT_S < REQUEST_TIMEOUT_S < ANSWER_S_MAX
assert NFLOG_COPY_BYTES < NFLOG_BUFFER_BYTES <= 131_072
assert DENIAL_UPDATE_S < DENIAL_SILENCE_S < DENIAL_LIFE_S
