"""Ends of connections and people as groups: by name, and by address or e-mail address where there is none."""

from meshtrail.model.columns import TRAFFIC
from meshtrail.store.aggregate import estimated_rows
from meshtrail.store.engine import Engine
from meshtrail.store.limits import DETAIL_ROWS_MAX
from meshtrail.store.measures import ByColumn, FirstKnown, by_column
from meshtrail.store.query import Query, compiled


def end(side: str, by_address: bool) -> ByColumn | FirstKnown:
    """The grouping of a side, `source` or `destination`."""
    name = TRAFFIC.columns[f"{side}_name"]
    return FirstKnown(f"end({side})", (name, TRAFFIC.columns[f"{side}_address"])) if by_address else by_column(name)


def person() -> FirstKnown:
    """The grouping of people."""
    return FirstKnown("person", tuple(TRAFFIC.columns[f"user_{each}"] for each in ("name", "email", "id")))


def reason() -> FirstKnown:
    """The grouping of decisions: the policy, or how it was found that there is none."""
    return FirstKnown("reason", (TRAFFIC.columns["policy_name"], TRAFFIC.columns["attribution"]))


def few_rows(engine: Engine, query: Query) -> bool:
    """Whether the rows of the query's window are few enough to be looked at one by one."""
    return estimated_rows(engine, query.family, compiled(query)) <= DETAIL_ROWS_MAX
