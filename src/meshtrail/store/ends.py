"""An end of a connection as a group: by its name, or in a small store by its address where it has none."""

from meshtrail.model.columns import TRAFFIC
from meshtrail.store.aggregate import estimated_rows
from meshtrail.store.engine import Engine
from meshtrail.store.measures import ByColumn, FirstKnown, by_column
from meshtrail.store.query import Query, compiled

DETAIL_ROWS_MAX = 1_000_000
"""Stored reports that are looked at one by one for an overview: more take longer than a person waits, and rolled hours, which know
names but neither addresses nor ports, answer instead."""


def end(side: str, by_address: bool) -> ByColumn | FirstKnown:
    """The grouping of a side, `source` or `destination`."""
    name = TRAFFIC.columns[f"{side}_name"]
    return FirstKnown(side, (name, TRAFFIC.columns[f"{side}_address"])) if by_address else by_column(name)


def few_rows(engine: Engine, query: Query) -> bool:
    """Whether the rows of the query's window are few enough to be looked at one by one."""
    return estimated_rows(engine, query.family, compiled(query)) <= DETAIL_ROWS_MAX
