"""A network namespace with a server and its agent in it, for benchmarks of capture."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ServerProcess


@contextmanager
def up(command: tuple[str, ...] = ("up",)) -> Iterator[tuple[ServerProcess, str]]:
    """A running `meshtrail up` and the name of its namespace."""
    name = f"mt-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
            with ServerProcess(Path(folder) / "data", command, ("ip", "netns", "exec", name)) as server:
                yield server, name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


TRACK = "add table inet t; add chain inet t c { type filter hook output priority 0; }; add rule inet t c ct state new counter"
"""A rule that makes the kernel track connections."""


def inside(name: str, *command: str) -> str:
    """Output of a command in the namespace."""
    done = subprocess.run(["ip", "netns", "exec", name, *command], check=True, capture_output=True, text=True, timeout=300)
    return done.stdout
