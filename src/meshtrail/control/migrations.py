"""Steps from one version of the control store to the next, applied in order when it is opened.

A step is never edited after a release. It speaks plain SQL: the tables of today must not change what a step of then does.
"""

from collections.abc import Callable

from sqlalchemy import Connection, insert, inspect, select, update

from meshtrail.common.errors import UnavailableError
from meshtrail.control.tables import metadata, versions


def _enrolled_peers(transaction: Connection) -> None:
    """Version 2: peers have keys and names, organisations a revision; the other tables are new."""
    transaction.exec_driver_sql("ALTER TABLE organisations ADD COLUMN revision BIGINT DEFAULT '0' NOT NULL")
    for column in (
        "name VARCHAR(200)", "public_key BLOB", "enrolled_at BIGINT", "enrolment_key_id VARCHAR(36)", "proved_at BIGINT",
        "removed_at BIGINT", "claims VARCHAR",
    ):  # fmt: skip
        transaction.exec_driver_sql(f"ALTER TABLE peers ADD COLUMN {column}")


STEPS: tuple[Callable[[Connection], None], ...] = (_enrolled_peers,)
"""Step n brings the store from version n + 1 to n + 2."""

VERSION = len(STEPS) + 1
"""Version of the tables."""


def migrate(transaction: Connection, place: str) -> None:
    """Bring the store to this release's version; `UnavailableError` when it is of a newer one."""
    if not inspect(transaction).has_table(versions.name):
        metadata.create_all(transaction)
        transaction.execute(insert(versions).values(version=VERSION))
        return
    found = transaction.execute(select(versions.c.version)).scalar()
    if found is not None and found > VERSION:
        raise UnavailableError(f"{place} has version {found}, this release knows {VERSION}: install the newer release again.")
    for step in STEPS[(found or 1) - 1 :]:
        step(transaction)
    metadata.create_all(transaction)
    if found is None:
        transaction.execute(insert(versions).values(version=VERSION))
    else:
        transaction.execute(update(versions).values(version=VERSION))
