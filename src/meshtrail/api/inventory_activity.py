"""What the pages of the inventory read of what happened lately to a thing."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshtrail.api.native.aggregate import aggregate_of
from meshtrail.api.native.audit import audit_page
from meshtrail.api.native.traffic import list_page
from meshtrail.api.questions import asked
from meshtrail.api.service import Rooms
from meshtrail.common.clock import rfc3339
from meshtrail.store.engine import Share
from meshtrail.web.inventory_activity import COUNTERPARTS, EVENTS, ROWS, Answer, Found, Subject
from meshtrail.web.service import AnyRequest
from meshtrail.web.viewer import Viewer

DAY_US = 86_400_000_000
_MEASURES = ["count", "sum(rx_bytes)", "sum(tx_bytes)"]


class StoredActivity:
    """See `web.inventory_activity.ActivitySource`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def activity(self, request: AnyRequest, org_id: str, subject: Subject, identifier: str, who: Viewer) -> Found:
        """One question for all parts: a page is not to take every place in the lane."""

        def read(share: Share) -> Found:
            rows, verdicts, sides = self._traffic(org_id, subject, share)
            return Found(rows, verdicts, sides, self._events(org_id, identifier) if who.may("audit.read") else None)

        return await asked(request, org_id, read)

    def _traffic(self, org_id: str, subject: Subject, share: Share) -> tuple[Sequence[Mapping[str, Any]], Answer, tuple[Answer, ...]]:
        if not subject.filter:
            return (), {}, ()
        since = {"from": [rfc3339(self._rooms.clock() - DAY_US)]}
        newest = {"filter": [subject.filter], "limit": [str(ROWS)], **since}
        rows = msgspec.json.decode(list_page(self._rooms.reader, org_id, newest))["data"]
        if not rows:
            return (), {}, ()
        verdicts = self._aggregate(org_id, {"filter": [subject.filter], "group": ["verdict"], **since}, share)
        top = {"order": ["count"], "top": [str(COUNTERPARTS)], **since}
        sides = (
            self._aggregate(org_id, {"filter": [each.filter], "group": [f"end({each.end})"], **top}, share) for each in subject.directions
        )
        return rows, verdicts, tuple(sides)

    def _aggregate(self, org_id: str, parameters: Mapping[str, list[str]], share: Share) -> Answer:
        whole = {**parameters, "measure": _MEASURES}
        return dict(msgspec.to_builtins(aggregate_of(self._rooms.reader, org_id, whole, self._rooms.clock(), share)))

    def _events(self, org_id: str, identifier: str) -> Sequence[Mapping[str, Any]]:
        asked_for = {"target_id": [identifier], "limit": [str(EVENTS)]}
        found: Sequence[Mapping[str, Any]] = msgspec.json.decode(
            audit_page(self._rooms.audit_reader, org_id, asked_for, self._rooms.clock())
        )["data"]
        return found
