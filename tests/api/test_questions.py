"""Questions over many rows: a few at once, fewer of one organisation, and an end when the client leaves."""

import asyncio
import threading
import time
from typing import Any

import pytest

from meshtrail.api.limits import AT_ONCE_MAX, OF_ORGANISATION_MAX, WAITING_MAX
from meshtrail.api.questions import Questions
from meshtrail.common.errors import BusyError
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.engine import ReadCancelledError, Share

LONG = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"


def test_the_read_ends_when_the_client_leaves(engine: EmbeddedEngine) -> None:
    """What would take minutes ends soon after, and its connection reads again."""

    async def run() -> float:
        questions, left = Questions(engine.cancel), asyncio.get_running_loop().create_future()
        reading = asyncio.ensure_future(questions.run("a", lambda share: engine.read(LONG, share=share), left))
        for _ in range(10_000):
            found = await asyncio.to_thread(
                engine.read, "SELECT count() FROM system.processes WHERE query LIKE '%cityHash64(number)%numbers(1%'"
            )
            if b'"count()":2' in found:
                break
        left.set_result(None)
        begun = time.monotonic()
        with pytest.raises(ReadCancelledError):
            await reading
        questions.close()
        return time.monotonic() - begun

    assert asyncio.run(run()) < 10
    assert engine.read("SELECT 1 AS x") == b'{"x":1}\n'


def test_one_organisation_leaves_room_for_others() -> None:
    """Of many questions of one organisation only some are read at once; another's is read meanwhile; all are answered."""

    async def run() -> None:
        questions, release, lock = Questions(lambda name: None), threading.Event(), threading.Lock()
        running = {"a": 0, "b": 0}
        most = {"a": 0, "b": 0, "all": 0}

        def call(org_id: str) -> Any:
            def read(share: Share) -> str:
                with lock:
                    running[org_id] += 1
                    most[org_id] = max(most[org_id], running[org_id])
                    most["all"] = max(most["all"], sum(running.values()))
                release.wait(20)
                with lock:
                    running[org_id] -= 1
                return share.name

            return read

        asked = [asyncio.ensure_future(questions.run("a", call("a"))) for _ in range(8)]
        asked += [asyncio.ensure_future(questions.run("b", call("b"))) for _ in range(2)]
        while running["a"] < OF_ORGANISATION_MAX or not running["b"]:
            await asyncio.sleep(0)
        release.set()
        names = await asyncio.gather(*asked)
        assert len(set(names)) == 10
        assert (most["a"], most["all"]) == (OF_ORGANISATION_MAX, AT_ONCE_MAX)
        questions.close()

    asyncio.run(run())


def test_too_many_are_refused_and_those_before_are_answered() -> None:
    """A queue that is full says so."""

    async def run() -> None:
        questions, release = Questions(lambda name: None), threading.Event()
        asked = [
            asyncio.ensure_future(questions.run("a", lambda share: release.wait(20))) for _ in range(OF_ORGANISATION_MAX + WAITING_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await questions.run("a", lambda share: True)
        release.set()
        assert all(await asyncio.gather(*asked))
        assert await questions.run("a", lambda share: True)
        questions.close()

    asyncio.run(run())
