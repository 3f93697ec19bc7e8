"""Applies revisions, all of them in one transaction."""

import logging

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from meshtrail.control.migrations import FOLDER, legacy

_LOG = logging.getLogger(__name__)


def scripts() -> ScriptDirectory:
    """The revisions of this release."""
    return ScriptDirectory(str(FOLDER.parent))


def upgrade(transaction: Connection, place: str) -> None:
    """Apply the revisions that the store lacks. It must not be of a newer release."""
    context, available = MigrationContext.configure(transaction), scripts()
    before = context.get_current_revision()
    if before is None:
        legacy.adopt(transaction, place)
    missing = list(available.iterate_revisions("head", before or "base"))
    with Operations.context(context):
        for script in reversed(missing):
            script.module.upgrade()
    if before is None:
        transaction.execute(text("INSERT INTO schema_version VALUES (:version)"), {"version": legacy.VERSION})
    context.stamp(available, "head")
    _LOG.info("the control store has the tables of this release", extra={"place": place, "before": before, "revisions": len(missing)})
