"""A change and its event are one: processes are killed at any moment, and afterwards the events tell exactly what is."""

import json
import subprocess
import sys
import time

from meshtrail.control.places import Place
from meshtrail.control.service import Control
from tests.control.organisation import Clock, Organisation

ROUNDS = 100


def test_never_a_change_without_its_event_nor_an_event_without_its_change(place: Place) -> None:
    """A hundred processes die (SIGKILL), many of them between the change and its end."""
    control = Control(place)
    control.open()
    clock = Clock()
    clock.now = time.time_ns() // 1_000
    organisation = Organisation(control, control.add_organisation("test"), clock)
    organisation.clock = clock
    for number in range(4):
        organisation.peer(f"p{number}")
    control.close()
    arguments = [sys.executable, "-W", "ignore", "-m", "tests.control.dying", str(place), organisation.id, str(ROUNDS), "1"]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["wrong"] == []
    assert found["rounds"] == ROUNDS
    assert found["inside"] >= ROUNDS // 10, found
    assert min(found["groups"], found["policies"], found["members"]) > 1, found
