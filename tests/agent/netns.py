"""Network namespaces for tests: a pair joined by a veth, sockets in them, and agents that run inside."""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
SOURCE = Path(__file__).parents[2] / "src"
TRACK = "add table inet t; add chain inet t c { type filter hook output priority 0; }; add rule inet t c ct state new counter"


def run(*command: str, text: str | None = None) -> str:
    """Run a command; its output. Fails with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, input=text, check=False, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


def forbidden() -> str:
    """Why there can be no network namespaces here; empty when there can."""
    name = f"mt{uuid.uuid4().hex[:8]}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"network namespaces are forbidden here: {done.stderr.strip()}"
    run("ip", "netns", "del", name)
    return ""


def until(condition: Callable[[], T], what: str, timeout_s: float = 10.0) -> T:
    """The condition's value as soon as it is true. For the state of processes and of the kernel, which tell nobody."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        pause.wait(0.01)
    return value


class Namespace:
    """One network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments: str) -> str:
        """Run `ip` inside."""
        return run("ip", "-n", self.name, *arguments)

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a command inside."""
        return run("ip", "netns", "exec", self.name, *command, text=text)

    def nft(self, rules: str) -> None:
        """Load nft rules; an `add` begins a new line."""
        self.run("nft", "-f", "-", text=rules.replace("; add", "\nadd"))

    def inside(self, action: Callable[[], T]) -> T:
        """Call a function in a thread that lives in this namespace; sockets made there stay there."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def enter() -> None:
            try:
                with open(f"/run/netns/{self.name}", encoding="ascii") as file:
                    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.append(action())
            except BaseException as error:  # noqa: BLE001  handed to the caller
                failure.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def open(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """A socket in this namespace."""
        made = self.inside(lambda: socket.socket(family, kind, protocol))
        made.settimeout(5)
        return made

    def listen(self, address: str, family: int = socket.AF_INET) -> socket.socket:
        """A TCP socket that listens on any free port."""
        made = self.open(family)
        made.bind((address, 0))
        made.listen(64)
        return made

    def sysctl(self, name: str, value: str | None = None) -> str:
        """Read or set a setting of conntrack."""

        def act() -> str:
            path = Path(f"/proc/sys/net/netfilter/{name}")
            if value is not None:
                path.write_text(value, encoding="ascii")
            return path.read_text(encoding="ascii").strip()

        return self.inside(act)

    def close(self) -> None:
        """Remove it."""
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


class Pair:
    """Two namespaces joined by a veth: `near` 10.77.0.1 and fd77::1, `far` 10.77.0.2 and fd77::2."""

    def __init__(self) -> None:
        tag = uuid.uuid4().hex[:8]
        self.near_link, self.far_link = f"n{tag}", f"f{tag}"
        self.near, self.far = Namespace(f"mtn{tag}"), Namespace(f"mtf{tag}")
        run("ip", "link", "add", f"n{tag}", "netns", self.near.name, "type", "veth", "peer", "name", f"f{tag}", "netns", self.far.name)
        for each, name, number in ((self.near, f"n{tag}", 1), (self.far, f"f{tag}", 2)):
            each.ip("addr", "add", f"10.77.0.{number}/24", "dev", name)
            each.ip("addr", "add", f"fd77::{number}/64", "dev", name, "nodad")
            each.ip("link", "set", name, "up")

    def close(self) -> None:
        """Remove both."""
        self.near.close()
        self.far.close()


class AgentProcess:
    """An agent inside a namespace, as its own process."""

    def __init__(self, namespace: Namespace, server: str, folder: Path, *options: str, prefix: tuple[str, ...] = ()) -> None:
        token = folder / "token"
        token.write_text("secret", encoding="ascii")
        self.log = folder / f"agent-{uuid.uuid4().hex[:6]}.log"
        self._file = self.log.open("w")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace.name, *prefix, sys.executable, "-m", "meshtrail.agent", "--server", server,
             "--token-file", str(token), "--reporter-id", "r1", "--name", "host1", "--run-dir", str(folder),
             "--state-dir", str(folder / "state"), *options],
            stderr=self._file, env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip

    def text(self) -> str:
        """What it logged so far."""
        return self.log.read_text(encoding="utf-8")

    def ready(self) -> "AgentProcess":
        """Wait until it captures."""
        until(lambda: "capturing:" in self.text() or self.process.poll() is not None, "the agent captures")
        assert self.process.poll() is None, self.text()
        return self

    def counters(self) -> dict[str, int]:
        """The counters of its last summary line."""
        found = re.findall(r"counters (\{.*\})", self.text())
        return json.loads(found[-1]) if found else {}

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and wait."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(15)
        self._file.close()
        return status
