"""Waiting for a map, and who pays for failures."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshtrail.common.errors import BusyError, ForbiddenError, PeerRemovedError, ThrottledError
from meshtrail.control import agents as room
from meshtrail.control.actor import Origin
from meshtrail.control.agents import Agents
from meshtrail.control.limits import FAILED_PROOFS_MAX
from meshtrail.control.service import Control
from meshtrail.control.signing import ServerKey
from meshtrail.model.network_map import Envelope, NetworkMap
from tests.control.organisation import Clock, Machine, Organisation, rule

WAIT_S = 20.0
"""No test waits so long: something ends each wait."""


@pytest.fixture
def agents(control: Control, tmp_path: Path, clock: Clock) -> Agents:
    """The server side of agents."""
    return Agents(control, ServerKey.load_or_make(tmp_path), clock)


def serial(envelope: Envelope | None) -> int:
    """The serial inside."""
    assert envelope is not None
    return msgspec.json.decode(envelope.payload, type=NetworkMap).serial


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition of this loop."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.005)


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play a scene in a loop of its own."""
    asyncio.run(scene())


def test_a_change_ends_the_wait(organisation: Organisation, agents: Agents) -> None:
    """Of those whom it concerns; the others go on waiting, and the time ends it with nothing."""
    staff = organisation.group("Staff")
    first, second = (organisation.peer(f"p{n}", f"100.64.0.{n}", groups=(staff,)) for n in (1, 2))
    outsider = organisation.peer("outsider", "100.64.0.3")

    async def scene() -> None:
        known = {peer: serial(await agents.news(organisation.id, peer, 0, 0)) for peer in (first, second, outsider)}
        tasks = {peer: asyncio.create_task(agents.news(organisation.id, peer, known[peer], WAIT_S)) for peer in known}
        await until(lambda: agents.waiters(organisation.id) == 3)
        await asyncio.to_thread(organisation.policy, rule(staff, staff))
        assert serial(await tasks[first]) > known[first]
        assert serial(await tasks[second]) > known[second]
        assert not tasks[outsider].done()
        tasks[outsider].cancel()
        await asyncio.gather(tasks[outsider], return_exceptions=True)
        assert agents.waiters(organisation.id) == 0
        assert await agents.news(organisation.id, outsider, known[outsider], 0) is None

    run(scene)


def test_a_removed_peer_is_told_while_it_waits(organisation: Organisation, agents: Agents) -> None:
    """The wait ends with the refusal."""
    peer = organisation.peer("laptop", "100.64.0.1")

    async def scene() -> None:
        known = serial(await agents.news(organisation.id, peer, 0, 0))
        task = asyncio.create_task(agents.news(organisation.id, peer, known, WAIT_S))
        await until(lambda: agents.waiters(organisation.id) == 1)
        await asyncio.to_thread(organisation.control.peers.remove, organisation.by, peer)
        with pytest.raises(PeerRemovedError):
            await task

    run(scene)


def test_a_peer_waits_once(organisation: Organisation, agents: Agents) -> None:
    """Its newer question ends the older one: a peer cannot take all places."""
    peer = organisation.peer("laptop", "100.64.0.1")

    async def scene() -> None:
        known = serial(await agents.news(organisation.id, peer, 0, 0))
        older = asyncio.create_task(agents.news(organisation.id, peer, known, WAIT_S))
        await until(lambda: agents.waiters(organisation.id) == 1)
        newer = asyncio.create_task(agents.news(organisation.id, peer, known, WAIT_S))
        await until(older.done)
        assert older.cancelled()
        assert agents.waiters(organisation.id) == 1
        organisation.control.changes.stop()
        assert await newer is None

    run(scene)


def test_places_are_bounded(organisation: Organisation, agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than fit is told to come again."""
    monkeypatch.setattr(room, "WAITERS_MAX", 1)
    first, second = (organisation.peer(f"p{n}", f"100.64.0.{n}") for n in (1, 2))

    async def scene() -> None:
        known = serial(await agents.news(organisation.id, first, 0, 0))
        task = asyncio.create_task(agents.news(organisation.id, first, known, WAIT_S))
        await until(lambda: agents.waiters(organisation.id) == 1)
        with pytest.raises(BusyError):
            await agents.news(organisation.id, second, 0, WAIT_S)
        organisation.control.changes.stop()
        assert await task is None

    run(scene)


def test_failures_are_paid_by_their_address(organisation: Organisation, agents: Agents, clock: Clock) -> None:
    """After too many the right key does not help either, from there."""
    machine = Machine("laptop", "100.64.0.1")
    for _ in range(FAILED_PROOFS_MAX):
        with pytest.raises(ForbiddenError):
            agents.enrol(machine.asks("mte_nonsense", clock.now), Origin("192.0.2.1"))
    key = organisation.key()
    with pytest.raises(ThrottledError):
        agents.enrol(machine.asks(key, clock.now), Origin("192.0.2.1"))
    enrolled = agents.enrol(machine.asks(key, clock.now), Origin("192.0.2.2"))
    clock.pass_s(1)
    with pytest.raises(ThrottledError):
        agents.renew(machine.renews(enrolled.peer_id, clock.now), Origin("192.0.2.1"))
    assert agents.renew(machine.renews(enrolled.peer_id, clock.now), Origin("192.0.2.2")).token != enrolled.token


def test_a_removed_peer_does_not_lock_out_its_neighbours(organisation: Organisation, agents: Agents, clock: Clock) -> None:
    """Its agent goes on asking from an address that others share."""
    machine = Machine("laptop")
    peer = organisation.enrol(machine).peer_id
    organisation.control.peers.remove(organisation.by, peer)
    for _ in range(FAILED_PROOFS_MAX + 1):
        clock.pass_s(1)
        with pytest.raises(PeerRemovedError):
            agents.renew(machine.renews(peer, clock.now), Origin("192.0.2.1"))
    assert agents.enrol(Machine("phone").asks(organisation.key(), clock.now), Origin("192.0.2.1")).peer_id
