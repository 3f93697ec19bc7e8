"""`kill -9` in mid-ingest: every acknowledged event is there, none twice."""

import http.client
import random
import threading
from pathlib import Path

import msgspec
import pytest

from tests.rows import report
from tests.servers import ServerProcess

ROWS_PER_BATCH = 200


class Sender(threading.Thread):
    """Sends batches until the server goes away; resends what was not acknowledged, as an agent does."""

    def __init__(self, server: ServerProcess, unacknowledged: list[list[dict[str, object]]]) -> None:
        super().__init__()
        self._server = server
        self.pending = unacknowledged
        self.acknowledged: set[str] = set()
        self.batches = threading.Semaphore(0)

    def run(self) -> None:
        """Loop until the connection breaks."""
        while True:
            rows = self.pending[0] if self.pending else [report() for _ in range(ROWS_PER_BATCH)]
            if not self.pending:
                self.pending.append(rows)
            try:
                status, answer = self._server.ingest(rows)
            except (OSError, http.client.HTTPException):
                return
            assert status == 200, answer
            assert answer["stored"] + answer["duplicates"] == ROWS_PER_BATCH, answer
            self.acknowledged |= {str(row["flow_id"]) for row in rows}
            self.pending.pop(0)
            self.batches.release()


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_loses_nothing_acknowledged_and_doubles_nothing(tmp_path: Path, kills: int) -> None:
    """Kills at random moments of random batches, with a resend after each."""
    chance = random.Random(kills)
    acknowledged: set[str] = set()
    pending: list[list[dict[str, object]]] = []
    server = ServerProcess(tmp_path / "data")
    for _ in range(kills):
        server.start()
        sender = Sender(server, pending)
        sender.start()
        for _ in range(chance.randint(1, 8)):
            assert sender.batches.acquire(timeout=30)
        timer = threading.Timer(chance.random() * 0.05, server.kill)
        timer.start()
        timer.join()
        sender.join(30)
        acknowledged |= sender.acknowledged
        pending = sender.pending
    server.start()
    try:
        for rows in pending:
            assert server.ingest(rows)[0] == 200
            acknowledged |= {str(row["flow_id"]) for row in rows}
        stored: list[str] = []
        cursor = ""
        while True:
            _, content, _ = server.raw("GET", f"/api/v1/traffic?limit=20000{cursor}")
            page = msgspec.json.decode(content)
            stored += [row["flow_id"] for row in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
    finally:
        server.stop()
    assert len(acknowledged) > kills * ROWS_PER_BATCH
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    assert set(stored) <= acknowledged


def test_terminate_drains(own_server: ServerProcess) -> None:
    """SIGTERM ends the process by itself, and what was acknowledged is there after."""
    rows = [report() for _ in range(50)]
    assert own_server.ingest(rows)[0] == 200
    assert own_server.stop() == 0
    own_server.start()
    _, listed = own_server.call("GET", "/api/v1/traffic?limit=1000")
    assert {row["flow_id"] for row in listed["data"]} == {row["flow_id"] for row in rows}
