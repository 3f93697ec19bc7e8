"""Processes that the lab starts, and that end with it, however it ends."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from lab.limits import READY_S_MAX, SAID_CHARACTERS_MAX, STOP_S_MAX
from lab.namespace import LabError, program


class Child:
    """A process with its output in a file. The kernel ends it when the lab is killed."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            [program("setpriv", "util-linux"), "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip

    def text(self) -> str:
        """What it said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ready(self, word: str) -> str:
        """Wait until it says this; all that it said. `LabError` when it ends or stays silent."""
        deadline = time.monotonic() + READY_S_MAX
        pause = threading.Event()
        while word not in (said := self.text()):
            if self.process.poll() is not None:
                raise LabError(f"{self.name} ended with code {self.process.returncode}:\n{self.text()[-SAID_CHARACTERS_MAX:]}")
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not say {word!r} within {READY_S_MAX} s:\n{said[-SAID_CHARACTERS_MAX:]}")
            pause.wait(0.02)
        return said

    def ask_to_end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> int:
        """End it and wait; kill it when it does not end. Its exit status."""
        self.ask_to_end()
        try:
            status = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(STOP_S_MAX)
        self._file.close()
        return status


def stop_all(children: list[Child]) -> None:
    """Ask all to end, then wait for each."""
    for child in children:
        child.ask_to_end()
    while children:
        children.pop().stop()
