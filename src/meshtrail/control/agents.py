"""The server side of agents: enrolment, tokens, and network maps for those who wait for one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from meshtrail.common.clock import Clock
from meshtrail.common.errors import BusyError, CallerError, PeerRemovedError
from meshtrail.control import metrics
from meshtrail.control.actor import NOWHERE, Origin
from meshtrail.control.enrolment import Admission
from meshtrail.control.issuing import Issuer
from meshtrail.control.limits import CHANGE_LINGER_S, WAITERS_MAX
from meshtrail.control.service import Control
from meshtrail.control.signing import ServerKey
from meshtrail.control.throttle import Throttle
from meshtrail.model.network_map import Enrol, Enrolled, Envelope, Renew, Renewed


class Agents:
    """What agents may ask. Enrolment is for any thread, waiting for tasks of one event loop."""

    def __init__(self, control: Control, key: ServerKey, clock: Clock) -> None:
        self._control = control
        self._key = key
        self._changes = control.changes
        self._throttle = Throttle(clock)
        self._issuer = Issuer(control.database, control.snapshots, key, clock)
        self._waiting: dict[str, dict[str, asyncio.Task[object]]] = {}

    def enrol(self, asked: Enrol, where: Origin = NOWHERE) -> Enrolled:
        """Make a peer; the address that the request comes from pays for failures."""
        with self._paying(where.address or ""):
            let_in: Admission = self._control.enrolment.enrol(asked, where)
        metrics.ENROLLED.inc()
        return Enrolled(let_in.org_id, let_in.peer_id, let_in.token, let_in.token_expires_at, self._key.id, self._key.public)

    def renew(self, asked: Renew, where: Origin = NOWHERE) -> Renewed:
        """A new token."""
        with self._paying(where.address or ""):
            let_in = self._control.enrolment.renew(asked)
        return Renewed(let_in.token, let_in.token_expires_at)

    @contextmanager
    def _paying(self, address: str) -> Iterator[None]:
        self._throttle.check(address)
        try:
            yield
        except PeerRemovedError:
            metrics.REFUSED.inc()
            raise
        except CallerError:
            metrics.REFUSED.inc()
            self._throttle.fail(address)
            raise

    async def news(self, org_id: str, peer_id: str, known: int, wait_s: float) -> Envelope | None:
        """The peer's map as soon as its serial is not `known`; None after the time. The newest question of a peer is the one
        that is answered: an older one ends with `CancelledError`. `BusyError` when too many wait."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        with self._place(org_id, peer_id):
            while True:
                generation = self._changes.generation(org_id)
                envelope = await asyncio.to_thread(self._issuer.news, org_id, peer_id, known)
                left = deadline - loop.time()
                if envelope is not None:
                    metrics.MAPS.inc()
                    return envelope
                if left <= 0 or self._changes.stopped:
                    return None
                if await self._changes.wait_beyond(org_id, generation, left):
                    await asyncio.sleep(CHANGE_LINGER_S)

    @contextmanager
    def _place(self, org_id: str, peer_id: str) -> Iterator[None]:
        waiting = self._waiting.setdefault(org_id, {})
        task = asyncio.current_task()
        assert task is not None, "asked from a task"
        older = waiting.pop(peer_id, None)
        if older is not None:
            older.cancel()
        if len(waiting) >= WAITERS_MAX:
            raise BusyError(f"{WAITERS_MAX} peers wait for their network map.", "Try again in a moment.")
        waiting[peer_id] = task
        metrics.WAITING.inc()
        try:
            yield
        finally:
            metrics.WAITING.dec()
            if waiting.get(peer_id) is task:
                del waiting[peer_id]
            if not waiting:
                self._waiting.pop(org_id, None)

    def waiters(self, org_id: str) -> int:
        """How many peers of the organisation wait."""
        return len(self._waiting.get(org_id, ()))
