"""The pages of connections and collectors over answers that a test gives; the real ones stand behind them in other tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from litestar import Litestar, Request

from meshtrail.common.errors import MeshTrailError, NotFoundError
from meshtrail.web.collector_routes import collector_routes
from meshtrail.web.connection_routes import connection_routes
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import create_router
from tests.web.connections import NOW
from tests.web.counting_api import counting_routes
from tests.web.fake_api import FakeStore, UnavailableError

Row = dict[str, Any]
SILENT_AFTER_S = 900


def collector(name: str, state: str = "ok", **given: Any) -> Row:
    """A reporter, in the shape of the native API."""
    row: Row = {
        "id": f"id-{name}", "name": name, "state": state, "reason": "Its events arrive as they happen.", "since": None,
        "first_heard_at": "2026-11-20T12:00:00.000000Z", "last_contact_at": "2026-11-21T11:59:58.000000Z",
        "last_event_at": "2026-11-21T11:59:30.000000Z", "agent": True, "lag_ms": 120, "clock_skew_ms": 4, "clock_off": False,
        "events_per_s": 0.5, "reports_waiting": 0, "gaps": {"count": 0, "lost": 0, "unknown": 0}, "lossy": False, "losses": {},
        "metrics": {},
    }  # fmt: skip
    return row | given


@dataclass
class Answers:
    """What the API answers, and what it was asked."""

    connections: list[Row] = field(default_factory=list)
    collectors: list[Row] = field(default_factory=list)
    next_cursor: str | None = None
    asked: list[Mapping[str, Sequence[str]]] = field(default_factory=list)
    broken: MeshTrailError | Exception | None = None

    def fail(self) -> None:
        """From now on the store does not answer."""
        self.broken = UnavailableError("The store does not answer.", "Try again in a moment.")

    async def page(self, _org_id: str, params: Mapping[str, Sequence[str]]) -> Row:
        """See `ConnectionPages`."""
        self.asked.append(params)
        if self.broken is not None:
            raise self.broken
        return {"data": self.connections, "next_cursor": self.next_cursor}

    async def one(self, _org_id: str, identifier: str) -> Row:
        """See `ConnectionPages`."""
        if self.broken is not None:
            raise self.broken
        for each in self.connections:
            if identifier in {report["id"] for report in each["reports"]}:
                return each
        raise NotFoundError("No report of a connection is stored.", "Ids come from the lists.")

    async def of(self, _org_id: str) -> Row:
        """As `GET /api/v1/collectors`."""
        if self.broken is not None:
            raise self.broken
        return {"data": self.collectors, "silent_after_s": SILENT_AFTER_S}


class _Collectors:
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def collectors(self, org_id: str) -> Row:
        return await self._answers.of(org_id)


def joined_app(answers: Answers, now: datetime = NOW) -> Litestar:
    """The dashboard with these pages; whoever has the cookie `s` is signed in."""

    def session_org(request: Request[Any, Any, Any]) -> str | None:
        return "org" if request.cookies.get("meshtrail_session") == "s" else None

    router = create_router(
        FakeStore(), session_org, lambda: CaptureStatus(False, "This server runs without a local agent."), lambda: now,
        (connection_routes(answers), collector_routes(_Collectors(answers))), answers.one,
    )  # fmt: skip

    def reports() -> list[Row]:
        return [report for each in answers.connections for report in each["reports"]]

    counts = counting_routes("traffic", reports, "2026-11-21T11:59:00.000000Z", lambda row: str(row["verdict"] or "unknown"))
    return Litestar([router, *counts], openapi_config=None, logging_config=None)
