"""What the dashboard's pages read: the answers of the native API, without the detour over HTTP."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request

from meshtrail.api.auth import Gate
from meshtrail.api.native.traffic import list_page
from meshtrail.common.errors import UnauthenticatedError
from meshtrail.control.service import Scope
from meshtrail.store.reader import Reader


class StoredTraffic:
    """Traffic for pages (`web.pages.TrafficPages`)."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """As `GET /api/v1/traffic`, decoded."""
        answer: dict[str, Any] = msgspec.json.decode(await asyncio.to_thread(list_page, self._reader, org_id, params))
        return answer

    async def total(self, org_id: str) -> int:
        """Stored reports of the organisation."""
        return await asyncio.to_thread(self._reader.stored_rows, org_id)


class SessionReader:
    """Finds the organisation behind a page request."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __call__(self, request: Request[Any, Any, Any]) -> str | None:
        """The organisation when somebody is signed in who may read, else None."""
        try:
            identity = self._gate.identify(request)
        except UnauthenticatedError:
            return None
        return identity.org_id if Scope.read in identity.scopes else None
