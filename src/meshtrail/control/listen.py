"""Notifications of PostgreSQL: what other servers and commands change is heard at once."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import psycopg

from meshtrail.control import metrics
from meshtrail.control.backend import Listener
from meshtrail.control.limits import CONNECT_S_MAX, WATCH_INTERVAL_S, WATCH_PROOF_S

CHANNEL = "meshtrail_changes"
"""Each message is an organisation's id and its new revision."""

_LOG = logging.getLogger(__name__)


async def listen(arguments: Mapping[str, Any], listener: Listener) -> None:
    """Pass on what is heard until cancelled. Whenever the connection was made anew, everything is looked at: messages are not kept
    for those who are away. `arguments` are libpq's."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**arguments, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                await asyncio.to_thread(listener.announce_foreign)
                await _hear(connection, listener)
        except Exception as error:  # noqa: BLE001 (whatever it is, the next change must be heard again)
            metrics.LISTENING_LOST.inc()
            _LOG.warning("cannot hear of changes by other processes: %s", error)
        await asyncio.sleep(WATCH_INTERVAL_S)


async def _hear(connection: psycopg.AsyncConnection[Any], listener: Listener) -> None:
    while True:
        async for notice in connection.notifies(timeout=WATCH_PROOF_S):
            org_id, _, revision = notice.payload.partition(" ")
            if revision.isdecimal():
                listener.heard(org_id, int(revision))
        async with asyncio.timeout(CONNECT_S_MAX):
            await connection.execute("SELECT 1")
