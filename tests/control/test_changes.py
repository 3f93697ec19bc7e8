"""Who waits is woken by a change, by nothing else, and by the end."""

import asyncio
import threading

from meshtrail.control.changes import Changes


def test_a_change_from_any_thread_wakes() -> None:
    """Only those of the organisation; one that was announced before the wait counts too."""

    async def run() -> None:
        changes = Changes()
        before = changes.generation("a")
        mine = asyncio.create_task(changes.wait_beyond("a", before, 20))
        other = asyncio.create_task(changes.wait_beyond("b", 0, 20))
        await asyncio.sleep(0)
        threading.Thread(target=changes.announce, args=("a",)).start()
        assert await mine
        assert not other.done()
        assert await changes.wait_beyond("a", before, 20)
        changes.stop()
        assert not await other
        assert not await changes.wait_beyond("b", 0, 20)

    asyncio.run(run())


def test_without_a_change_the_time_passes() -> None:
    """The answer is no, and nothing stays behind."""

    async def run() -> None:
        changes = Changes()
        assert not await changes.wait_beyond("a", 0, 0.01)

    asyncio.run(run())


def test_announcing_without_a_loop_is_nothing() -> None:
    """Commands change things without anybody waiting, and a server that has ended does too."""
    changes = Changes()
    changes.announce("a")
    asyncio.run(changes.wait_beyond("a", 5, 0.01))
    changes.announce("a")
    assert changes.generation("a") == 2
