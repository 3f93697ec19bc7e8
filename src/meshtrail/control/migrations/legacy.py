"""Stores from before there were revisions: a number in the table `schema_version` says which tables they have."""

from sqlalchemy import Connection, inspect, text

from meshtrail.common.errors import UnavailableError

VERSION = 3
"""What that number is for good: releases that know nothing of revisions refuse the store, as they should."""

_LAST = 2
"""The newest number that has a meaning."""


def adopt(transaction: Connection, place: str) -> None:
    """Give the tables that are there the columns which the first revision expects."""
    if not inspect(transaction).has_table("schema_version"):
        return
    found = transaction.execute(text("SELECT version FROM schema_version")).scalar() or 1
    if found > _LAST:
        raise UnavailableError(f"{place} has version {found}, this release knows {_LAST}: install the newer release again.")
    if found == 1:
        _enrolled_peers(transaction)
    transaction.execute(text("DELETE FROM schema_version"))


def _enrolled_peers(transaction: Connection) -> None:
    """Version 2: peers have keys and names, organisations a revision."""
    transaction.exec_driver_sql("ALTER TABLE organisations ADD COLUMN revision BIGINT DEFAULT '0' NOT NULL")
    for column in (
        "name VARCHAR(200)", "public_key BLOB", "enrolled_at BIGINT", "enrolment_key_id VARCHAR(36)", "proved_at BIGINT",
        "removed_at BIGINT", "claims VARCHAR",
    ):  # fmt: skip
        transaction.exec_driver_sql(f"ALTER TABLE peers ADD COLUMN {column}")
