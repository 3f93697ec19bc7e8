"""Answers that a test gives to the Overview's questions; the real ones stand behind it in the tests of `test_overview.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from litestar import Litestar, Request

from meshtrail.web.overview_routes import overview_routes
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import create_router
from tests.web.fake_api import FakeStore

Params = Mapping[str, Sequence[str]]
Row = dict[str, Any]
NOTHING: Row = {"count": 0, "sum(rx_bytes)": None, "sum(tx_bytes)": None, "distinct(user_id)": 0, "min(started_at)": None}


@dataclass
class Answers:
    """Groups that every question finds, by what it groups by; nothing else."""

    values: dict[str, Any] = field(default_factory=dict)
    """Value of each grouping, in the one group that is found; without any, nothing is found."""
    measures: Row = field(default_factory=lambda: dict(NOTHING))
    pairs: list[Row] = field(default_factory=list)
    policy_list: list[tuple[str, str]] = field(default_factory=list)
    collector_list: list[Row] = field(default_factory=list)
    rows: int = 0
    few: bool = True
    places: bool = False
    broken: Callable[[Params], Exception | None] = lambda _: None
    asked: list[Params] = field(default_factory=list)

    async def aggregate(self, _request: Request[Any, Any, Any], _org_id: str, params: Params) -> Row:
        """See `OverviewSource`."""
        self.asked.append(params)
        if (error := self.broken(params)) is not None:
            raise error
        found = [{"group": {name: self.values.get(name) for name in params["group"]}, "measures": self.measures}] if self.values else []
        return {"data": found, "others": None, "totals": self.measures, "groups": len(found)}

    async def new_pairs(self, _request: Request[Any, Any, Any], _org_id: str, params: Params) -> Row:
        """See `OverviewSource`."""
        self.asked.append(params)
        return {"data": self.pairs, "more": False, "unnamed": "together", "since": params["from"][0], "until": params["to"][0]}

    async def few_rows(self, _org_id: str, _params: Params) -> bool:
        """See `OverviewSource`."""
        return self.few

    async def stored(self, _org_id: str) -> int:
        """See `OverviewSource`."""
        return self.rows

    async def policies(self, _org_id: str) -> list[tuple[str, str]]:
        """See `OverviewSource`."""
        return self.policy_list

    async def collectors(self, _org_id: str) -> Row:
        """See `OverviewSource`."""
        return {"data": self.collector_list, "silent_after_s": 900}


def overview_app(answers: Answers, now: datetime) -> Litestar:
    """The dashboard with the Overview; whoever has the cookie `s` is signed in."""

    def session_org(request: Request[Any, Any, Any]) -> str | None:
        return "org" if request.cookies.get("meshtrail_session") == "s" else None

    capture = CaptureStatus(False, "This server runs without a local agent.")
    router = create_router(FakeStore(), session_org, lambda: capture, lambda: now, (overview_routes(answers),))
    return Litestar([router], openapi_config=None, logging_config=None)
