"""What the Overview reads: the answers of the native API, without the detour over HTTP; in the lane of questions over many rows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import Request

from meshtrail.api.native.aggregate import aggregate_of
from meshtrail.api.native.new_pairs import first_contacts
from meshtrail.api.parameters import query
from meshtrail.api.questions import asked
from meshtrail.api.service import Rooms
from meshtrail.api.views import StoredCollectors
from meshtrail.common.errors import UnavailableError, UnusableError
from meshtrail.store.ends import few_rows
from meshtrail.store.engine import Engine, QueryTooLargeError, ReadCancelledError, Share

Parameters = Mapping[str, Sequence[str]]
AnyRequest = Request[Any, Any, Any]
T = TypeVar("T")


class StoredOverview:
    """The store for the Overview (`web.overview_source.OverviewSource`)."""

    def __init__(self, rooms: Rooms, engine: Engine, places: bool) -> None:
        """`places`: whether a file with places of public addresses is loaded."""
        self._rooms = rooms
        self._engine = engine
        self._collectors = StoredCollectors(rooms)
        self.places = places

    async def aggregate(self, request: AnyRequest, org_id: str, params: Parameters) -> Mapping[str, Any]:
        """As `GET /api/v1/traffic/aggregate`."""
        now = self._rooms.clock()
        return await _plain(request, org_id, lambda share: aggregate_of(self._rooms.reader, org_id, params, now, share))

    async def new_pairs(self, request: AnyRequest, org_id: str, params: Parameters) -> Mapping[str, Any]:
        """As `GET /api/v1/traffic/new-pairs`."""
        now = self._rooms.clock()
        return await _plain(request, org_id, lambda share: first_contacts(self._rooms.reader, org_id, params, now, share))

    async def few_rows(self, org_id: str, params: Parameters) -> bool:
        """Whether each of the rows can be looked at."""
        return await asyncio.to_thread(few_rows, self._engine, query(org_id, params, now=self._rooms.clock()))

    async def stored(self, org_id: str) -> int:
        """Rows stored of the organisation."""
        return await asyncio.to_thread(self._rooms.reader.stored_rows, org_id)

    async def policies(self, org_id: str) -> Sequence[tuple[str, str]]:
        """Policies that are enabled."""
        snapshot = await asyncio.to_thread(self._rooms.control.snapshot, org_id)
        return [(policy.id, policy.name) for policy in snapshot.policies.values() if policy.enabled]

    async def collectors(self, org_id: str) -> Mapping[str, Any]:
        """As `GET /api/v1/collectors`."""
        return await self._collectors.collectors(org_id)


async def _plain(request: AnyRequest, org_id: str, call: Callable[[Share], T]) -> Mapping[str, Any]:
    """The answer in plain values; what the page shows of an error is in words of its own."""
    try:
        return dict(msgspec.to_builtins(await asked(request, org_id, call)))
    except QueryTooLargeError:
        raise UnusableError("There are too many rows for one answer.", "Choose a shorter time, or narrow the filter.") from None
    except ReadCancelledError:  # mostly because the client left; then nobody reads this
        raise UnavailableError("The question was given up before its answer.", "Try again.") from None
