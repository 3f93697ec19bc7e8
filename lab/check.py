"""Compares the rows of the API with what is expected, until all is there or the time is up."""

import threading
import time
from collections.abc import Callable, Iterable

from lab.client import Api
from lab.expect import Expect, Finding, Row, findings
from lab.limits import CHECK_S_MAX, POLL_S
from lab.traffic import Talk


class Checker:
    """Looks at the API. Rows older than the lab are not its."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def rows(self) -> list[Row]:
        """All rows of the lab."""
        return self._api.traffic()

    def until(self, look: Callable[[list[Row]], list[Finding]], wait_s: float = CHECK_S_MAX) -> list[Finding]:
        """The findings when all of them hold, else those of the last look."""
        deadline = time.monotonic() + wait_s
        pause = threading.Event()
        while True:
            found = look(self.rows())
            if all(finding.holds for finding in found) or time.monotonic() > deadline:
                return found
            pause.wait(POLL_S)

    def see(self, scene: str, label: str, talk: Talk, expected: Iterable[Expect], wait_s: float = CHECK_S_MAX) -> list[Finding]:
        """The same for one talk, for scenes that look while they run."""
        wanted = tuple(expected)
        return self.until(lambda rows: findings(scene, label, talk, wanted, rows), wait_s)
