"""Who asks is looked up beside the event loop, for pages too."""

import asyncio
from pathlib import Path

import pytest
from litestar import get

from meshtrail.api.auth import PUBLIC, SESSION_COOKIE, Gate
from meshtrail.common.clock import wall_clock
from meshtrail.common.errors import UnauthenticatedError
from meshtrail.control.actor import system
from meshtrail.control.service import Control
from tests.api.test_origin import request


@get("/page", opt={"permission": PUBLIC})
async def page() -> None:
    """A page: open to everybody, it looks itself who is there."""


def test_a_page_needs_no_store_any_more(tmp_path: Path) -> None:
    """What its handler asks in the event loop was looked up before: the handler never waits for a database, also for who is
    nobody."""
    control = Control(tmp_path / "control.sqlite")
    control.open()
    org_id, _ = control.first_organisation()
    secret = control.sessions.use_link(control.sessions.add_link(system(org_id))).secret
    gate = Gate(control, wall_clock)
    somebody, nobody, stranger = (
        request("192.0.2.1", method="GET", **({"cookie": f"{SESSION_COOKIE}={value}"} if value else {})) for value in (secret, "x", "")
    )
    for each in (somebody, nobody, stranger):
        asyncio.run(gate.guard(each, page))
    control.close()
    assert gate.identify(somebody).org_id == org_id
    for each in (nobody, stranger):
        with pytest.raises(UnauthenticatedError):
            gate.identify(each)
