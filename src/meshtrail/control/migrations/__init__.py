"""Brings the control store's tables from any earlier release's form to this release's.

Each change of the tables is a *revision*: a file in `versions`, applied in the order of their numbers by Alembic, never edited
after a release. `legacy.py` knows the stores from before there were revisions. A new revision is made by `tools/new_revision.py`;
a test compares what the revisions make with `tables.py`.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from meshtrail.common.errors import UnavailableError

FOLDER = Path(__file__).parent / "versions"

HEAD = max(path.name for path in FOLDER.glob("[0-9]*.py")).partition("_")[0]
"""Number of the newest revision."""

_REVISION_TABLE = "alembic_version"


def migrated(transaction: Connection, place: str) -> bool:
    """Whether the store has this release's tables; `UnavailableError` when it is of a newer release."""
    if not inspect(transaction).has_table(_REVISION_TABLE):
        return False
    found = transaction.execute(text(f"SELECT version_num FROM {_REVISION_TABLE}")).scalar()
    if found is not None and found > HEAD:
        raise UnavailableError(f"{place} has version {found}, this release knows {HEAD}: install the newer release again.")
    return found == HEAD


def migrate(transaction: Connection, place: str) -> None:
    """Bring the store to this release's tables; `UnavailableError` when it is of a newer release."""
    if migrated(transaction, place):
        return
    from meshtrail.control.migrations.upgrade import upgrade  # noqa: PLC0415 (Alembic takes 0.3 s to import and is needed once a release)

    upgrade(transaction, place)
