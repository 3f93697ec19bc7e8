"""What the pages of connections, collectors and audit events read: the answers of the native API, without the detour over HTTP."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshtrail.api.expected import expecting
from meshtrail.api.native.audit import audit_page, one_event
from meshtrail.api.native.collectors import collector_list
from meshtrail.api.native.connections import connection_page, one_connection
from meshtrail.api.service import Rooms


class StoredConnections:
    """Connections for pages (`web.connections.ConnectionPages`)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """As `GET /api/v1/connections`, decoded."""
        rooms, known = self._rooms, self._rooms.collectors.known_since(org_id)

        def page() -> bytes:
            return connection_page(rooms.connections, org_id, params, expecting(rooms.control, org_id, known), rooms.clock())

        return dict(msgspec.json.decode(await asyncio.to_thread(page)))

    async def one(self, org_id: str, identifier: str) -> dict[str, Any]:
        """As `GET /api/v1/connections/{id}`, decoded."""
        rooms, known = self._rooms, self._rooms.collectors.known_since(org_id)

        def one() -> bytes:
            return one_connection(rooms.connections, org_id, identifier, expecting(rooms.control, org_id, known), rooms.clock())

        return dict(msgspec.json.decode(await asyncio.to_thread(one)))


class StoredCollectors:
    """Collectors for pages (`web.collectors.CollectorPages`)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def collectors(self, org_id: str) -> dict[str, Any]:
        """As `GET /api/v1/collectors`, in plain values."""
        rooms = self._rooms
        found = await asyncio.to_thread(
            collector_list, rooms.collectors, rooms.collector_reader, rooms.control, org_id, rooms.clock()
        )  # fmt: skip
        return dict(msgspec.to_builtins(found))


class StoredAudit:
    """Audit events for pages (`web.audit.AuditPages`)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """As `GET /api/v1/audit`, decoded."""
        rooms = self._rooms
        return dict(msgspec.json.decode(await asyncio.to_thread(audit_page, rooms.audit_reader, org_id, params, rooms.clock())))

    async def one(self, org_id: str, identifier: str) -> dict[str, Any]:
        """As `GET /api/v1/audit/{id}`, decoded."""
        return dict(msgspec.json.decode(await asyncio.to_thread(one_event, self._rooms.audit_reader, org_id, identifier)))
