"""A thread that looks after the spool from time to time: it brings to the disk what waits there for longer."""

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)


class Keeper:
    """Calls a function again and again until it is stopped."""

    def __init__(self, work: Callable[[], None], interval_s: float) -> None:
        self._work, self._interval_s = work, interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self.faults = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self._work()
            except Exception:  # noqa: BLE001  a fault of ours must not end the thread in silence
                self.faults += 1
                _LOG.exception("a fault in the spool's keeper; it goes on")

    def stop(self) -> None:
        """End, after what it does now."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
