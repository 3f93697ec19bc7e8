"""Questions over many rows: a lane of their own, a share of the engine for each organisation, and an end when the client leaves."""

import asyncio
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from litestar import Request

from meshtrail.api.limits import AT_ONCE_MAX, CANCEL_AGAIN_S, OF_ORGANISATION_MAX, READ_MEMORY_BYTES_MAX, READ_TIME_S_MAX, WAITING_MAX
from meshtrail.common.errors import BusyError
from meshtrail.store.engine import ReadCancelledError, Share
from meshtrail.store.limits import GROUPS_MAX

T = TypeVar("T")


class Questions:
    """Runs questions. For tasks of one event loop."""

    def __init__(self, cancel: Callable[[str], None]) -> None:
        """`cancel` ends the read that has a share of this name."""
        self._cancel = cancel
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX + 1, thread_name_prefix="question")
        """One more than questions, for ending them."""
        self._running = asyncio.Semaphore(AT_ONCE_MAX)
        self._organisations: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def run(self, org_id: str, call: Callable[[Share], T], left: asyncio.Future[Any] | None = None) -> T:
        """The call's result; `BusyError` when too many wait, `ReadCancelledError` once `left` is done."""
        answering = asyncio.ensure_future(self._in_turn(org_id, call))
        try:
            await asyncio.wait({answering} if left is None else {answering, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()
        try:
            return await answering
        except asyncio.CancelledError:
            raise ReadCancelledError("Nobody waits for the answer.") from None

    async def _in_turn(self, org_id: str, call: Callable[[Share], T]) -> T:
        semaphore = self._enter(org_id)
        try:
            async with semaphore, self._running:
                return await self._read(call, Share(uuid.uuid4().hex, READ_TIME_S_MAX, READ_MEMORY_BYTES_MAX, GROUPS_MAX))
        finally:
            self._leave(org_id)

    async def _read(self, call: Callable[[Share], T], share: Share) -> T:
        given_up = threading.Event()

        def work() -> T:
            if given_up.is_set():
                raise ReadCancelledError("Nobody waits for the answer.")
            return call(share)

        reading = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            given_up.set()
            await self._end(reading, share.name)
            raise

    async def _end(self, reading: "asyncio.Future[T]", name: str) -> None:
        while not reading.done():
            await asyncio.get_running_loop().run_in_executor(self._threads, self._cancel, name)
            await asyncio.wait({reading}, timeout=CANCEL_AGAIN_S)
        with suppress(Exception):  # nobody waits for its result or its error
            reading.result()

    def _enter(self, org_id: str) -> asyncio.Semaphore:
        semaphore, count = self._organisations.get(org_id, (asyncio.Semaphore(OF_ORGANISATION_MAX), 0))
        if count >= OF_ORGANISATION_MAX + WAITING_MAX:
            raise BusyError("Too many questions over many rows wait for their answers.", "Try again in a moment.")
        self._organisations[org_id] = semaphore, count + 1
        return semaphore

    def _leave(self, org_id: str) -> None:
        semaphore, count = self._organisations[org_id]
        if count == 1:
            del self._organisations[org_id]
        else:
            self._organisations[org_id] = semaphore, count - 1

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def asked(request: Request[Any, Any, Any], org_id: str, call: Callable[[Share], T]) -> T:
    """The call's result, unless the client leaves before: then the read ends, and nobody sees the error."""
    questions: Questions = request.app.state.questions
    left = asyncio.ensure_future(_left(request))
    try:
        return await questions.run(org_id, call, left)
    finally:
        left.cancel()
        with suppress(asyncio.CancelledError):
            await left


async def _left(request: Request[Any, Any, Any]) -> None:
    """Returns when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
