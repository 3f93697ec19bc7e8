"""Notices what other processes (commands on the server's machine) change, by the file that every write touches."""

import asyncio
import logging
from pathlib import Path

from meshtrail.control.database import Database
from meshtrail.control.limits import WATCH_INTERVAL_S

_LOG = logging.getLogger(__name__)


async def watch(database: Database) -> None:
    """Announce foreign changes until cancelled. The database is asked only after its log has changed."""
    before: object = None
    while True:
        now = _mark(database.log_path)
        if now != before:
            before = now
            try:
                await asyncio.to_thread(database.announce_foreign)
            except Exception as error:  # noqa: BLE001 (whatever it is, the next change must be noticed again)
                _LOG.warning("cannot look for changes by other processes: %s", error)
                before = None
        await asyncio.sleep(WATCH_INTERVAL_S)


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
