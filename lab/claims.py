"""Which labs run, and the removal of what others left behind.

A lab holds a lock as long as it lives. What belongs to a lab without a holder was left by a crash: its processes have ended
with it (`children.py`), its namespaces and links are still there.
"""

import fcntl
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Self

from lab.namespace import NAMED, SETTINGS, ip, remove, remove_link
from lab.topology import PREFIX, server_link

FOLDER = Path("/run/meshtrail-lab")
_NAME = re.compile(rf"{PREFIX}(\d+)-[a-z0-9]+")


def data_folder(tag: str) -> Path:
    """Where a lab keeps its data."""
    return Path(tempfile.gettempdir()) / f"meshtrail-lab-{tag}"


class Claim:
    """The lock of a running lab."""

    def __init__(self, tag: str) -> None:
        self._path = FOLDER / tag
        self._file: int | None = None

    def take(self) -> bool:
        """Whether the lock is ours now."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        while (file := self._lock()) is not None:
            if self._is_current(file):
                self._file = file
                return True
            os.close(file)  # whoever had it removed its name meanwhile
        return False

    def _lock(self) -> int | None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def tags() -> set[str]:
    """All labs of which there is something."""
    found = {
        match[1] for folder in (NAMED, SETTINGS) if folder.is_dir() for each in folder.iterdir() if (match := _NAME.fullmatch(each.name))
    }
    return found | ({each.name for each in FOLDER.iterdir()} if FOLDER.is_dir() else set())


def clean() -> list[str]:
    """Remove the labs that nobody holds; their tags."""
    removed = []
    for tag in sorted(tags()):
        with Claim(tag) as claim:
            if claim.take():
                _remove(tag)
                removed.append(tag)
    return removed


def _remove(tag: str) -> None:
    remove_link(server_link(tag))
    for folder in (NAMED, SETTINGS):
        for each in list(folder.iterdir()) if folder.is_dir() else ():
            match = _NAME.fullmatch(each.name)
            if match and match[1] == tag:
                _end_processes(each.name)
                remove(each.name)
    shutil.rmtree(data_folder(tag), ignore_errors=True)


def _end_processes(name: str) -> None:
    """Nobody but a lab starts processes in its namespaces."""
    if (NAMED / name).exists():
        for number in ip("netns", "pids", name).split():
            os.kill(int(number), signal.SIGKILL)
