"""Network namespaces: made, entered, removed."""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lab.limits import COMMAND_S_MAX, TALK_S_MAX

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"
NAMED = Path("/run/netns")
SETTINGS = Path("/etc/netns")
"""`ip netns exec` lays the files of a folder with the namespace's name over /etc."""


class LabError(Exception):
    """The lab cannot be built or run here; says why and what to do."""


def program(name: str, package: str) -> str:
    """The path of a program of the system; `LabError` names its package."""
    found = shutil.which(name, path=PATH)
    if found is None:
        raise LabError(f"{name} is not installed.\nInstall it: apt-get install {package}")
    return found


def run(*command: str, text: str | None = None) -> str:
    """Run a command; its output. `LabError` with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, input=text, check=False, timeout=COMMAND_S_MAX)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ip(*arguments: str, text: str | None = None) -> str:
    """Run `ip`."""
    return run(program("ip", "iproute2"), *arguments, text=text)


def forbidden() -> str:
    """Why there can be no network namespaces here; empty when there can."""
    name = f"mtlab{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except LabError as error:
        return f"network namespaces need root: {error}"
    return ""


class Namespace:
    """One network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")

    def batch(self, lines: list[str]) -> None:
        """Several `ip` commands inside, in one process."""
        ip("-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def command(self, *command: str) -> list[str]:
        """A command line that runs inside."""
        return [program("ip", "iproute2"), "netns", "exec", self.name, *command]

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a command inside; its output."""
        return run(*self.command(*command), text=text)

    def nft(self, rules: str) -> None:
        """Load nft rules inside."""
        self.run(program("nft", "nftables"), "-f", "-", text=rules)

    def inside(self, action: Callable[[], T]) -> T:
        """Call a function in a thread that lives in this namespace; sockets made there stay there."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def enter() -> None:
            try:
                with (NAMED / self.name).open("rb") as file:
                    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.append(action())
            except BaseException as error:  # noqa: BLE001  handed to the caller
                failure.append(error)

        thread = threading.Thread(target=enter, name=self.name)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def socket(self, family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """A socket in this namespace."""
        made = self.inside(lambda: socket.socket(family, kind, protocol))
        made.settimeout(TALK_S_MAX)
        return made

    def sysctl(self, **values: int | str) -> None:
        """Set kernel settings; `__` stands for a dot."""

        def write() -> None:
            for name, value in values.items():
                Path("/proc/sys", *name.split("__")).write_text(str(value), encoding="ascii")

        self.inside(write)

    def file(self, name: str, content: str) -> None:
        """Lay a file over /etc for the programs that run inside. The same file changes for those that run already."""
        path = SETTINGS / self.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def close(self) -> None:
        """Remove it. Links go with it."""
        remove(self.name)


def remove(name: str) -> None:
    """Remove a namespace and its settings; nothing happens when it is gone."""
    subprocess.run([program("ip", "iproute2"), "netns", "del", name], capture_output=True, check=False, timeout=COMMAND_S_MAX)
    shutil.rmtree(SETTINGS / name, ignore_errors=True)


def remove_link(name: str) -> None:
    """Remove a link of this process's own namespace; nothing happens when it is gone."""
    subprocess.run([program("ip", "iproute2"), "link", "del", name], capture_output=True, check=False, timeout=COMMAND_S_MAX)
