"""What the dashboard's pages read: the answers of the native API, without the detour over HTTP."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request

from meshtrail.api.auth import Gate
from meshtrail.api.native.traffic import list_page
from meshtrail.common.errors import ForbiddenError, UnauthenticatedError
from meshtrail.control.service import Permission
from meshtrail.store.reader import Reader


class StoredTraffic:
    """Traffic for pages (`web.traffic.TrafficPages`)."""

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
        """The organisation when somebody is signed in, else None. `ForbiddenError` for somebody who may not see the page: it names
        the permission in `opt={"page": …}`, else it shows traffic."""
        try:
            identity = self._gate.identify(request)
        except UnauthenticatedError:
            return None
        request.state.identity = identity  # also for the page that says no: it names who asks, and what they may see
        needed = request.route_handler.opt.get("page", Permission.traffic_read)
        if needed not in identity.permissions:
            raise ForbiddenError(f"You are signed in, but not with the right {needed}.", "Ask an administrator for another role.")
        return identity.org_id
