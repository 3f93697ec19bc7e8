"""The outbox: audit events that are durable with their changes and wait for the store of events."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select, update

from meshtrail.control.database import Database
from meshtrail.control.limits import OUTBOX_BATCH_ROWS
from meshtrail.control.tables import outbox


class Waiting(NamedTuple):
    """An event that waits."""

    number: int
    """Its place in the order of changes."""
    org_id: str
    document: str
    """The event: a line of NDJSON."""


class Outbox:
    """The table, for the pump. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first(self, most: int = OUTBOX_BATCH_ROWS) -> list[Waiting]:
        """The oldest events, in order; those that the store refused are left out."""
        query = select(outbox.c.number, outbox.c.org_id, outbox.c.document).where(outbox.c.refused.is_(None))
        with self._database.read() as transaction:
            return [Waiting(*row) for row in transaction.execute(query.order_by(outbox.c.number).limit(most))]

    def stored(self, numbers: Sequence[int]) -> None:
        """The store has these. When a power failure undoes this, they are delivered again, which changes nothing."""
        if numbers:
            with self._database.note() as transaction:
                transaction.execute(delete(outbox).where(outbox.c.number.in_(numbers)))

    def refused(self, number: int, reason: str) -> None:
        """The store would not have it, for this reason. It stays, and the others go on."""
        with self._database.note() as transaction:
            transaction.execute(update(outbox).where(outbox.c.number == number).values(refused=reason))

    def reconsider(self) -> None:
        """Try the refused ones again."""
        with self._database.note() as transaction:
            transaction.execute(update(outbox).where(outbox.c.refused.is_not(None)).values(refused=None))

    def count(self) -> int:
        """How many wait, the refused ones too."""
        with self._database.read() as transaction:
            return transaction.execute(select(func.count()).select_from(outbox)).scalar() or 0
