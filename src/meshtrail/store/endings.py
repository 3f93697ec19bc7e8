"""Reads that may be ended while they run.

The engine's `KILL QUERY` is asked for by another thread and takes effect at some moment. A read that it meets may fail, but may also
return nothing, or what the connection had returned before: perhaps to another organisation. So a read that was told to end has no answer,
whatever the engine says, and no `KILL` may begin, or still be on its way, when its connection is given to the next one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Running:
    """One read, for as long as it runs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held while it is being told to end, and when it has ended by itself."""
        self.told_to_end = False


class Endings:
    """Knows the running reads by the names of their shares."""

    def __init__(self) -> None:
        self._running: dict[str, Running] = {}

    @contextmanager
    def running(self, name: str) -> Iterator[Running]:
        """For the time of one read. Afterwards `told_to_end` is final."""
        running = self._running[name] = Running()
        try:
            yield running
        finally:
            with running.lock:
                del self._running[name]

    def end(self, name: str, kill: Callable[[], None]) -> None:
        """Tell the read of this name to end by calling `kill`, which must not wait for it. Nothing happens when there is none."""
        running = self._running.get(name)
        if running is None:
            return
        with running.lock:
            if self._running.get(name) is running:
                running.told_to_end = True
                kill()
