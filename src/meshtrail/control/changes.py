"""Who waits for a change of an organisation is told of it, without asking the database again and again."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable


class Changes:
    """Numbers the changes of each organisation and wakes those who wait. Announcing is thread-safe; waiting is for tasks of
    one event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generations: Counter[str] = Counter()
        self._events: dict[str, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every write, of whatever it was; from the thread that wrote, so it must be quick."""
        self._listeners.append(listener)

    def wrote(self) -> None:
        """Something was written that is durable now."""
        for listener in self._listeners:
            listener()

    @property
    def stopped(self) -> bool:
        """Whether nobody should wait any more."""
        return self._stopped

    def generation(self, org_id: str) -> int:
        """How many changes were announced so far. Read it before what may change."""
        with self._lock:
            return self._generations[org_id]

    def announce(self, org_id: str) -> None:
        """Something of the organisation is different now."""
        with self._lock:
            self._generations[org_id] += 1
        self._from_any_thread(org_id)
        self.wrote()

    def stop(self) -> None:
        """Wake everybody, and let nobody wait again. Callable from a signal handler."""
        self._stopped = True
        for org_id in list(self._events):
            self._from_any_thread(org_id)

    async def wait_beyond(self, org_id: str, generation: int, timeout_s: float) -> bool:
        """Wait for a change after `generation`, or for the time; whether there was one."""
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                while self.generation(org_id) <= generation and not self._stopped:
                    await self._events.setdefault(org_id, asyncio.Event()).wait()
        except TimeoutError:
            pass
        return self.generation(org_id) > generation

    def _from_any_thread(self, org_id: str) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake, org_id)

    def _wake(self, org_id: str) -> None:
        event = self._events.pop(org_id, None)
        if event is not None:
            event.set()
