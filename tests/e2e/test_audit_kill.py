"""The server is killed while people change things: afterwards each change has its event in the store, once."""

import random
import threading
import time

import pytest

from tests.api.client import Client
from tests.api.trail import until
from tests.servers import ServerProcess

ROUNDS = 3
WRITERS = 2


def change(client: Client, stop: threading.Event) -> None:
    """Make groups until the server is gone."""
    number = 0
    while not stop.is_set():
        number += 1
        try:
            client.call("POST", "/api/groups", {"name": f"{threading.get_ident()}-{time.monotonic_ns()}"})
        except OSError:
            return


@pytest.mark.slow
def test_what_was_changed_was_told(own_server: ServerProcess) -> None:
    """Whether it was still in the outbox, on its way, or in the store and not yet taken from the outbox."""
    chance, client = random.Random(3), Client(own_server)
    for _ in range(ROUNDS):
        stop = threading.Event()
        threads = [threading.Thread(target=change, args=(client, stop)) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.3, 0.9))
        own_server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        own_server.start()
    groups = {group["id"] for group in client.done("GET", "/api/groups") if group["name"] != "All"}
    rows = until(client, lambda found: len(found) >= len(groups), activity_code="group.add")
    assert len(groups) > ROUNDS
    assert len(rows) == len(groups), "an event is there twice"
    assert {row["target_id"] for row in rows} == groups
