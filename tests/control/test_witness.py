"""What the witness is told is in the outbox a moment later, without anybody having to wait."""

import asyncio
import time
from collections.abc import Callable

import pytest

from meshtrail.common.errors import UnavailableError
from meshtrail.control import metrics
from meshtrail.control import witness as witnesses
from meshtrail.control.audit import Target
from meshtrail.control.coalescing import Bounds, Occurrence
from meshtrail.control.service import Control
from meshtrail.control.witness import Witness
from meshtrail.model.activities import Activity
from meshtrail.model.enums import Outcome
from tests.control.organisation import Clock, Organisation
from tests.control.told import told

DEADLINE_S = 20
BOUNDS = Bounds(window_s=60, singly=1, keys=100, events=100, details=5)


def refusal(organisation: Organisation, path: str = "/x") -> Occurrence:
    """An attempt in vain."""
    return Occurrence(
        organisation.by, Activity.request_refuse, Target("p1"), Outcome.denied, 403, "no", {"method": "PUT"}, {"path": path}
    )  # fmt: skip


async def until(holds: Callable[[], object]) -> None:
    """Poll until it holds."""
    end = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.01)


def test_it_is_written_soon_and_the_rest_at_the_end(control: Control, organisation: Organisation, clock: Clock) -> None:
    """The first at once, the next ones as a number when it stops."""

    async def scene() -> None:
        witness = Witness(control.database, clock, BOUNDS, BOUNDS)
        await witness.start()
        witness.refused("k", refusal(organisation))
        await until(lambda: told(control, organisation.id))
        (event,) = told(control, organisation.id)
        assert (event["activity_code"], event["outcome"], event["status"], event["error"]) == ("request.refuse", "denied", 403, "no")
        assert (event["initiator_ip"], event["target_id"]) == ("192.0.2.7", "p1")
        assert event["meta"] == {"method": "PUT", "path": "/x"}
        witness.refused("k", refusal(organisation, "/y"))
        witness.read("k", Occurrence(organisation.by, Activity.log_read, meta={"family": "traffic"}))
        await witness.stop()

    asyncio.run(scene())
    events = told(control, organisation.id)[1:]
    assert [(each["activity_code"], each["meta"].get("paths")) for each in events] == [("log.read", None), ("request.refuse", ["/y"])]


def test_what_was_told_before_it_runs_is_not_lost(control: Control, organisation: Organisation, clock: Clock) -> None:
    """Rooms are made before they are started."""

    async def scene() -> None:
        witness = Witness(control.database, clock, BOUNDS, BOUNDS)
        witness.refused("k", refusal(organisation))
        await witness.start()
        await witness.stop()

    asyncio.run(scene())
    assert len(told(control, organisation.id)) == 1


def test_a_database_that_is_away_is_asked_again(
    control: Control, organisation: Organisation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost but what does not fit, and that is counted."""
    monkeypatch.setattr(witnesses, "WITNESS_INTERVAL_S", 0.01)
    monkeypatch.setattr(witnesses, "WITNESS_PENDING_MAX", 3)
    lost = metrics.WITNESS_LOST._value.get()
    failures = 3
    write = control.database.write

    def away() -> object:
        nonlocal failures
        if failures > 0:
            failures -= 1
            raise UnavailableError("away")
        return write()

    monkeypatch.setattr(control.database, "write", away)

    async def scene() -> None:
        witness = Witness(control.database, clock, BOUNDS, BOUNDS)
        for number in range(5):
            witness.refused(number, refusal(organisation, f"/{number}"))
        await witness.start()
        await until(lambda: len(told(control, organisation.id)) == 3)
        await witness.stop()

    asyncio.run(scene())
    assert [each["meta"]["path"] for each in told(control, organisation.id)] == ["/0", "/1", "/2"]
    assert metrics.WITNESS_LOST._value.get() - lost == 2


def test_home_is_the_oldest_organisation(control: Control, organisation: Organisation, clock: Clock) -> None:
    """Also when others come."""
    witness = Witness(control.database, clock)
    assert witness.home() == organisation.id
    clock.pass_s(1)
    control.add_organisation("other")
    assert (witness.home(), Witness(control.database, clock).home()) == (organisation.id, organisation.id)
