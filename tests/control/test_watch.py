"""What another process changes is noticed."""

import asyncio

from meshtrail.control.actor import system
from meshtrail.control.places import Place
from meshtrail.control.service import Control
from meshtrail.control.watch import watch
from tests.control.organisation import Clock, Organisation


def test_a_change_by_another_process_wakes(organisation: Organisation, clock: Clock) -> None:
    """As one of this process does, and each is told once."""
    control, place = organisation.control, organisation.control.database.place

    async def scene() -> None:
        watching = asyncio.create_task(watch(control.database))
        try:
            await control.changes.wait_beyond(organisation.id, 0, 20)
            before = control.changes.generation(organisation.id)
            assert await asyncio.to_thread(elsewhere, place, organisation.id, clock)
            assert await control.changes.wait_beyond(organisation.id, before, 20)
            assert [group.name for group in organisation.snapshot.groups.values()] == ["All", "Made elsewhere"]
            generation = control.changes.generation(organisation.id)
            control.groups.create(organisation.by, "Made here")
            control.database.announce_foreign()
            assert control.changes.generation(organisation.id) == generation + 1
        finally:
            watching.cancel()

    asyncio.run(scene())


def elsewhere(place: Place, org_id: str, clock: Clock) -> str:
    """Make a group by a store of its own."""
    other = Control(place, clock)
    other.open()
    try:
        clock.pass_s(1)
        return other.groups.create(system(org_id), "Made elsewhere")
    finally:
        other.close()
