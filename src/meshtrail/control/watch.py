"""Notices what other processes change: other servers, and commands on the server's machine."""

from meshtrail.control.database import Database


async def watch(database: Database) -> None:
    """Announce foreign changes until cancelled."""
    await database.backend.watch(database)
