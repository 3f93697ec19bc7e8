"""An agent of its own in the namespace of a benchmark, its log and its counters."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.servers import ServerProcess

READY_S = 60.0
"""Time for a start; a machine that needs longer is not worth measuring."""


@dataclass(frozen=True)
class RunningAgent:
    """A started agent."""

    process: psutil.Process
    log: Path
    begun_s: float
    """Monotonic time of its start."""

    def cpu_s(self) -> float:
        """Processor time so far."""
        return sum(self.process.cpu_times()[:2])

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line of its log that fits."""
        while time.monotonic() < self.begun_s + READY_S:
            found = re.search(pattern, self.log.read_text())
            if found:
                return found
            time.sleep(0.01)
        raise TimeoutError(f"the agent did not say {pattern!r}: {self.log.read_text()[-2_000:]}")

    def last_counters(self) -> dict[str, int]:
        """Of its last summary line."""
        found = re.findall(r"counters (\{.*\})", self.log.read_text())
        counters: dict[str, int] = json.loads(found[-1]) if found else {}
        return counters


@contextmanager
def agent(server: ServerProcess, namespace: str, folder: Path, *options: str, core: int | None = None) -> Iterator[RunningAgent]:
    """Run an agent, on one core if told so, and end it."""
    token = folder / "agent.token"
    token.write_text(server.token)
    log = folder / "agent.log"
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    with log.open("w") as file:
        begun = time.monotonic()
        started = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *pinned, sys.executable, "-m", "meshtrail.agent", "--server", server.url, "--token-file",
             str(token), "--reporter-id", "bench", "--run-dir", str(folder), "--state-dir", str(folder / "state"), *options],
            stderr=file, env={**os.environ},
        )  # fmt: skip
        try:
            yield RunningAgent(psutil.Process(started.pid), log, begun)
        finally:
            started.terminate()
            started.wait(60)
