"""Processes of the lab: waited for, ended, and told about when they fail."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.children import Child, stop_all
from lab.namespace import LabError

PARENT = """
import sys
from pathlib import Path
from lab.children import Child
from tests.agent.netns import until
child = Child("sleeper", ["sleep", "60"], Path(sys.argv[1]))
until(lambda: Path(f"/proc/{child.process.pid}/comm").read_text() == "sleep\\n", "the child has asked the kernel")
print(child.process.pid, flush=True)
sys.stdin.read()
"""


def python(program: str, folder: Path) -> Child:
    """A child that runs a Python program."""
    return Child("program", [sys.executable, "-u", "-c", program], folder / "log")


def test_ready_waits_for_a_word(tmp_path: Path) -> None:
    """And gives all that was said before it."""
    child = python("import time; print('one'); time.sleep(0.1); print('two'); time.sleep(60)", tmp_path)
    assert child.ready("two").split() == ["one", "two"]
    children = [child]
    stop_all(children)
    assert (child.process.returncode, children) == (-signal.SIGTERM, [])


def test_a_child_that_ends_says_why(tmp_path: Path) -> None:
    """The error has its last words."""
    child = python("raise SystemExit('no such disk')", tmp_path)
    with pytest.raises(LabError, match="no such disk"):
        child.ready("ready")
    assert child.stop() == 1


def test_children_end_with_a_killed_lab(tmp_path: Path) -> None:
    """The kernel ends them when nobody else can."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    number = int(parent.stdout.readline())
    child = os.pidfd_open(number)  # readable when it has ended, also where nobody collects the orphan's status
    try:
        parent.kill()
        parent.communicate()
        assert select.select([child], [], [], 10)[0]
    finally:
        os.close(child)
