"""What the bars of a histogram cover."""

from meshtrail.filter import window
from meshtrail.store.family_reader import FamilyReader
from meshtrail.store.query import Query

DAY_US = 86_400_000_000


def bounds(reader: FamilyReader, query: Query, now: int) -> tuple[int, int]:
    """Since and until: the window that is asked for, else the one that the filter says, else the last day; from the first row on."""
    low, high = window(query.filter, query.family.time) if query.filter is not None else (None, None)
    until = next(bound for bound in (query.until, high, now) if bound is not None)
    if query.since is not None:
        return query.since, until
    since = low if low is not None else until - DAY_US
    span = reader.span(query.org_id)
    return (max(since, span[0]) if span and span[0] < until else max(since, until - DAY_US)), until
