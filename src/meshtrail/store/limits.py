"""Limits of the event store, with their units and reasons."""

VALUES_MAX = 1_000
"""Values in one list of a condition: more would be a table, not a filter."""

CONDITIONS_MAX = 64
"""Conditions in one query."""

SEARCH_CHARACTERS_MAX = 256
"""Length of a search text."""

READERS = 4
"""Connections for reads: two cores, and as many slow queries that may wait beside them."""

READER_WAIT_S = 20.0
"""How long a read waits for a free connection before it is refused."""

QUERY_MEMORY_BYTES_MAX = 2 * 1024**3
"""One read's memory; above it the engine stops the read, not the process."""

QUERY_TIME_S_MAX = 30
"""One read's time; nobody waits longer for a page."""

SEARCH_VALUES_MAX = 1_000
"""Names and addresses that a search text may be replaced by: what holds in more is looked for in the rows themselves."""

VOCABULARY_REMEMBERED_MAX = 200_000
"""Names and addresses that the writer remembers to have noted, some 30 MB; past it it begins anew, and notes some twice."""

REACH_PERCENT = (120, 300)
"""Stored reports for each hundred rows of a page, tried one after the other: mostly merged already, or opening, progress
and closing of each connection still apart."""

REACH_STRETCHES_S = (60, 1_800, 28_800)
"""Stretches of time in which the end of a page is looked for, one after the other, before all of the table: a minute where millions of
connections start in an hour, hours where few do. Each that finds too little costs some milliseconds; a store of no more than
`DETAIL_ROWS_MAX` reports is looked through at once."""

COUNT_CACHE_ENTRIES = 64
"""Counts remembered, so that a client that walks through pages does not count again for each."""

CHANGES_ROWS_MAX = 500
"""Rows of one read of the live tail."""

FACET_VALUES_MAX = 200
"""Values of one facet: more is a list to search, not to choose from."""

RECENT_ROWS = 20_000
"""Newest reports looked at for completions: read in the order on disk, so in milliseconds however many rows there are."""

GROUPINGS_MAX = 4
"""Fields of one aggregate: the groups of more are nearly the rows themselves."""

MEASURES_MAX = 8
"""Measures of one aggregate: each is kept for every group."""

TOP_MAX = 1_000
"""Groups of one answer: more is an export."""

GROUPS_MAX = 2_000_000
"""Groups that a read may form before the top is chosen: at some hundred bytes each, what a read's memory takes."""

ROWS_MAX = 300_000_000
"""Stored reports that one question may look at, by what the engine expects from its indexes: some seconds of two cores for the
simplest, and more would only run into the limit of time."""

DETAIL_ROWS_MAX = 1_000_000
"""Stored reports that are looked at one by one: more take longer than a person waits, and rolled hours, which know
names but neither addresses nor ports nor minutes, answer instead."""

QUIET_US = 300_000_000
"""An hour is rolled this many microseconds after its end: connections of its last minutes have mostly ended then."""

PASS_INTERVAL_S = 60
"""Between two passes of rolling: reports that came since are read row by row, so no answer waits for a pass."""

HOURS_OF_PASS_MAX = 4
"""Hours that one pass rolls: the pass ends within a minute also where hours have millions of rows."""

ROLL_TIME_S_MAX = 120
"""Time to roll one hour. An hour past it, or past the next two, is not rolled and read row by row."""

ROLL_MEMORY_BYTES_MAX = 1024**3
"""Memory to roll one hour."""

ROLL_GROUPS_MAX = 3_000_000
"""Groups of one hour."""
