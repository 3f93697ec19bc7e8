"""What is known of reporters, kept across restarts of the server."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, insert, select

from meshtrail.control.database import Database
from meshtrail.control.tables import metadata
from meshtrail.ingest.collector import Known

collectors = Table(
    "collectors",
    metadata,
    Column("org_id", String(36), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("document", String, nullable=False),
)
"""Reporters; `document` is what is known of one (JSON of `collector.Known`)."""

collector_position = Table(
    "collector_position", metadata, Column("id", Integer, primary_key=True), Column("position", BigInteger, nullable=False)
)
"""One row: up to which position of the event store that is true."""

Key = tuple[str, str]
"""Organisation and reporter."""

_KNOWN = msgspec.json.Decoder(Known)


class CollectorStore:
    """Loads and saves reporters. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> tuple[dict[Key, Known], int]:
        """All reporters, and the position up to which their events are counted in. A document that cannot be read is left out:
        its reporter is met anew."""
        found: dict[Key, Known] = {}
        with self._database.read() as transaction:
            position = transaction.execute(select(collector_position.c.position)).scalar()
            for row in transaction.execute(select(collectors)):
                try:
                    found[row.org_id, row.id] = _KNOWN.decode(row.document)
                except msgspec.MsgspecError:
                    continue
        return found, int(position or 0)

    def save(self, changed: Mapping[Key, Known], forgotten: Iterable[Key], position: int, *, durable: bool) -> None:
        """Write what has changed. `durable` waits for the disk; otherwise a power failure may undo it, and it is found out
        again from the event store."""
        with self._database.write() if durable else self._database.note() as transaction:
            for org_id, identifier in (*changed, *forgotten):
                transaction.execute(delete(collectors).where(collectors.c.org_id == org_id, collectors.c.id == identifier))
            rows = [
                {"org_id": org_id, "id": identifier, "document": msgspec.json.encode(known).decode()}
                for (org_id, identifier), known in changed.items()
            ]
            if rows:
                transaction.execute(insert(collectors), rows)
            _set_position(transaction, position)


def _set_position(transaction: Connection, position: int) -> None:
    transaction.execute(delete(collector_position))
    transaction.execute(insert(collector_position).values(id=1, position=position))
