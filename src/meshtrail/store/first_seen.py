"""Pairs of ends that reached each other for the first time, in everything that is stored.

A pair is what its ends are called. Ends without a name are told apart by their addresses where few enough rows are stored to look at
each of them; in a larger store they count as one end, so that rolled hours, which know no addresses, can answer.
"""

from dataclasses import dataclass, replace
from typing import Any

from meshtrail.common.clock import microseconds
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.aggregate import Aggregate, Value
from meshtrail.store.ends import end
from meshtrail.store.engine import Share
from meshtrail.store.limits import DETAIL_ROWS_MAX
from meshtrail.store.measures import Function, measure
from meshtrail.store.query import Condition, Query, condition
from meshtrail.store.reader import Reader

PAIRS_MAX = 500
"""Pairs of one answer: more that are new are not news but a new store."""

NOT_REACHED = ("denied", "gap", "attempted")
"""States of rows in which nothing was reached."""

_FIRST = measure(Function.min, TRAFFIC.columns["started_at"])
_MEASURES = (
    _FIRST, measure(Function.count, None), measure(Function.sum, TRAFFIC.columns["rx_bytes"]),
    measure(Function.sum, TRAFFIC.columns["tx_bytes"]),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewPair:
    """Two ends, and what happened between them since."""

    source: str | None
    """Name of the initiating side, or its address; None where it has no name and addresses are not told apart."""
    destination: str | None
    first_at: int
    """Start of the first connection, microseconds."""
    count: int
    """Connections, as they were reported."""
    bytes: int
    """Received and sent by reporters, as far as it was counted."""


@dataclass(frozen=True, slots=True)
class NewPairs:
    """The newest first."""

    pairs: list[NewPair]
    more: bool
    """Whether there are others, that began earlier in the window."""
    by_address: bool
    """Whether ends without a name are told apart by their addresses."""


def new_pairs(reader: Reader, query: Query, since: int, limit: int, share: Share | None = None) -> NewPairs:
    """Pairs whose first row, of all that the query chooses at any time, started at or after `since`. Of the query's window only the
    end counts."""
    if not 1 <= limit <= PAIRS_MAX:
        raise ValueError(f"limit is {limit}; it must be from 1 to {PAIRS_MAX}")
    by_address = reader.stored_rows(query.org_id) <= DETAIL_ROWS_MAX
    chosen = replace(query, since=None, conditions=(*query.conditions, *reached()))
    asked = Aggregate((end("source", by_address), end("destination", by_address)), _MEASURES, top=limit + 1)
    found = [_pair(group.values, group.measures) for group in reader.aggregate(chosen, asked, share).top]
    new = [pair for pair in found if pair.first_at >= since]
    return NewPairs(new[:limit], len(new) > limit, by_address)


def reached() -> tuple[Condition, ...]:
    """Conditions of rows in which the destination was reached."""
    return condition("state", "not", list(NOT_REACHED)), condition("verdict", "not", ["denied"])


def _pair(values: list[Any], measures: list[Value]) -> NewPair:
    first, count, received, sent = measures
    return NewPair(values[0], values[1], microseconds(str(first)), int(count or 0), int(received or 0) + int(sent or 0))
