"""What a killed lab left behind is removed; what belongs to a running one is left alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import claims
from lab.claims import Claim, clean
from lab.namespace import NAMED, SETTINGS, Namespace, forbidden
from lab.topology import PREFIX

HOLD = "import sys; from lab.claims import Claim; print(Claim(sys.argv[1]).take(), flush=True); sys.stdin.read()"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks of this test alone. Not for tests that clean: without their locks, running labs would look like dead ones."""
    monkeypatch.setattr(claims, "FOLDER", tmp_path / "locks")
    return tmp_path / "locks"


@pytest.fixture
def space() -> Iterator[Namespace]:
    """A namespace of a lab that nobody holds."""
    if reason := forbidden():
        pytest.skip(reason)
    made = Namespace(f"{PREFIX}77{os.getpid()}-laptop")
    made.file("hosts", "127.0.0.1 localhost\n")
    yield made
    made.close()


def test_a_lock_is_held_once(folder: Path) -> None:
    """A second holder is refused, until the first gives it back."""
    first, second = Claim("1"), Claim("1")
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()
    assert list(folder.iterdir()) == []


@pytest.mark.netns
def test_a_lab_without_holder_is_removed(space: Namespace) -> None:
    """Its namespace, its settings, and the processes in it."""
    left = subprocess.Popen(space.command("sleep", "60"))
    try:
        assert f"77{os.getpid()}" in clean()
        assert left.wait(10)
    finally:
        left.kill()
    assert not (NAMED / space.name).exists()
    assert not (SETTINGS / space.name).exists()
    assert not (claims.FOLDER / f"77{os.getpid()}").exists()


@pytest.mark.netns
def test_a_lab_with_a_holder_stays(space: Namespace) -> None:
    """As long as its process lives; and goes when the process was killed."""
    tag = f"77{os.getpid()}"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tag], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "True\n"
        assert tag not in clean()
        assert (NAMED / space.name).exists()
    finally:
        holder.kill()
        holder.communicate()
    assert tag in clean()
    assert not (NAMED / space.name).exists()
