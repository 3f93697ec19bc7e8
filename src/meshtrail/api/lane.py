"""A lane of its own for calls that take long, so that they do not hold up all the others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from meshtrail.common.errors import BusyError

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """A few threads and a short queue. For tasks of one event loop."""

    def __init__(self, threads: int, waiting_max: int, what: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=what)
        self._calls_max = threads + waiting_max
        self._what = what
        self._calls = 0

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result; `BusyError` when too many wait."""
        if self._calls >= self._calls_max:
            raise BusyError(f"Too many wait for: {self._what}.", "Try again in a moment.")
        self._calls += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*args, **kwargs))
        finally:
            self._calls -= 1

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
