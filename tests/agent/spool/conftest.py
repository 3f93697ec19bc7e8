"""Fixtures of the spool's tests: a folder on a small disk of its own."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

DISK_KB = 256
PAGE = b"x" * 4_096


class Disk:
    """A tmpfs of 256 KB, which can be filled and emptied."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take all room but so many pages."""
        with self._ballast.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(PAGE):
                    pass
            file.truncate(max(0, file.tell() // len(PAGE) - leave) * len(PAGE))

    def clear(self) -> None:
        """Remove everything."""
        for each in self.path.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=False)
