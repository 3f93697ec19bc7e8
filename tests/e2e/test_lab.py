"""The lab as people start it: left running until Ctrl+C, killed, cleaned."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.claims import clean, data_folder
from lab.limits import STOP_S_MAX
from lab.namespace import NAMED, forbidden
from lab.topology import PREFIX
from tests.agent.netns import until

pytestmark = pytest.mark.netns
ROOT = Path(__file__).parents[2]
START_S_MAX = 60.0
"""Until the lab's server and agents run, or have ended; a tenth of it where nothing else does."""


@pytest.fixture
def started() -> Iterator[subprocess.Popen[str]]:
    """`python -m lab`, from the start."""
    if reason := forbidden():
        pytest.skip(reason)
    command = [sys.executable, "-u", "-m", "lab", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    yield process
    process.kill()
    process.communicate()
    clean()


def namespaces(process: subprocess.Popen[str]) -> list[str]:
    """What there is of its network."""
    return [each.name for each in NAMED.iterdir() if each.name.startswith(f"{PREFIX}{process.pid}-")]


def until_line(process: subprocess.Popen[str], pattern: str) -> str:
    """What it said up to a line."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(said)


@pytest.mark.slow
def test_it_shows_the_table_leaves_the_dashboard_and_goes(started: subprocess.Popen[str]) -> None:
    """Every report as it should be, a link that signs in, and nothing left after Ctrl+C."""
    said = until_line(started, "Ctrl")
    good, of = re.findall(r"(\d+) of (\d+) reports are as they should be", said)[0]
    assert good == of, said
    assert "✗" not in said
    link = re.findall(r"http://\S+/sign-in/\S+", said)[0]
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.status == 200
    assert namespaces(started)
    started.send_signal(signal.SIGINT)
    assert started.wait(START_S_MAX) == 0
    assert namespaces(started) == []
    assert not data_folder(str(started.pid)).exists()


def test_a_killed_lab_leaves_no_processes_and_is_cleaned(started: subprocess.Popen[str]) -> None:
    """Server and agents end with it; the next lab, or `clean`, removes the rest."""
    folder = data_folder(str(started.pid))
    until((folder / "agent-gateway.log").exists, "the last agent is started", START_S_MAX)
    assert namespaces(started)
    started.send_signal(signal.SIGKILL)
    started.wait()
    until(lambda: not children(folder), "server and agents have ended", STOP_S_MAX)
    done = subprocess.run([sys.executable, "-m", "lab", "clean"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert str(started.pid) in done.stdout
    assert namespaces(started) == []
    assert not folder.exists()


def children(folder: Path) -> list[str]:
    """Processes that run with the data of a lab."""
    return [number for number in os.listdir("/proc") if number.isdigit() and _names(number, str(folder))]


def _names(number: str, folder: str) -> bool:
    try:
        return folder in Path(f"/proc/{number}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return False
