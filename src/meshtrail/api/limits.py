"""Limits of the API, with their units and reasons."""

PAGE_ROWS_MAX = 50_000
"""Rows of one page at the most: about 60 MB of JSON."""

BUCKETS_MAX = 500
"""Bars of one histogram: more than pixels of a phone make no sense."""

QUERY_FIELDS_MAX = 1_200
"""Fields of one query string: the conditions that a query may have, each with a score of values."""

FACETS_MAX = 20
"""Fields of one request for facets: each is a read of its own."""

VIEW_BYTES_MAX = 128 * 1024
"""A saved view in a request: a query as long as it may be, with each character escaped."""

OF_ORGANISATION_MAX = 2
"""Questions of one organisation that are read at once: another one's page never finds all of the engine's connections taken."""

AT_ONCE_MAX = 3
"""Questions of all organisations at once: one of the engine's four connections for reads stays free for pages."""

WAITING_MAX = 24
"""Questions of one organisation that wait: two dashboards that open at once."""

READ_TIME_S_MAX = 20
"""One question's time."""

READ_MEMORY_BYTES_MAX = 1024**3
"""One question's memory: three of them leave room for pages in the smallest machine, of 4 GiB."""

CANCEL_AGAIN_S = 0.2
"""A read that has not begun yet cannot be ended, so it is tried again after this time until it has."""
