"""A steady load: so many new connections a second, each to a port of its own."""

import socket
import threading
import time
from typing import Self

from tests.agent.netns import Pair
from tests.e2e.faults.witness import FAR

_TICK_S = 0.05
PORTS_MAX = 60_000


class Load:
    """Sends from the near namespace until it is stopped, to one port after the other from `first` on, and again from another source
    port when they are used up."""

    def __init__(self, pair: Pair, per_s: int, first: int = 2_000) -> None:
        self._sockets = [pair.near.open(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
        for each in self._sockets:
            each.bind(("10.77.0.1", 0))
        self._per_s, self._first = per_s, first
        self.sent: list[tuple[int, int]] = []
        """Source and destination port of each connection."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        began_s = time.monotonic()
        while not self._stop.wait(_TICK_S):
            due = int((time.monotonic() - began_s) * self._per_s)
            for number in range(len(self.sent), due):
                self._send(number)

    def _send(self, number: int) -> None:
        sender = self._sockets[number // (PORTS_MAX - self._first) % len(self._sockets)]
        port = self._first + number % (PORTS_MAX - self._first)
        sender.sendto(b"x", (FAR, port))
        self.sent.append((sender.getsockname()[1], port))
