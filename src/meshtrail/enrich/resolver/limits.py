"""Limits of the resolver, with their units and reasons."""

CANDIDATES_MAX = 16
"""Rules that are listed where several may have decided: whoever reads them can look at so many."""

ANSWERS_REMEMBERED = 1 << 18
"""Questions (source, destination, kind of traffic) whose answer a book remembers: 4 MB. A new one takes an old one's place. A power
of two: the place is some bits of a hash."""

ADDRESSES_REMEMBERED = 65_536
"""Addresses that are no peer's and whose place a book remembers."""

QUESTIONS_AT_ONCE = 4_096
"""Questions that are looked up together: their bits stay in the processor's cache."""

PLACE_WORDS_MAX = 4_000_000
"""Words of bits of all places as each routing peer sees them: 32 MB. Where they were more, all routing peers see the same, and
rules that not all of them have are candidates only."""

BOOKS_MAX = 32
"""Revisions of all organisations whose rules are held in memory as the resolver needs them: about 5 MB each for 1,000 peers."""

REVISIONS_PER_BATCH_MAX = 256
"""Revisions, the newest ones, that the events of one batch may belong to; the rules behind older ones are not looked for."""

PAST_BOOKS_SHARE_MAX = 0.05
"""Part of the time that may be spent on bringing rules of the past into memory."""

PAST_BOOKS_BURST_S = 2.0
"""Time that may be spent on it at once, after a while without: the events of an agent that was away for an hour."""
