"""The sampled tail: few rows, and the whole counted."""

import http.client
from collections.abc import Iterator

import msgspec
import pytest

from tests.rows import report
from tests.servers import ServerProcess

ROWS = 1_200
SAMPLE = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("live")) as started:
        yield started


class Tail:
    """An open tail; `total` reads on until so many reports were counted."""

    def __init__(self, server: ServerProcess, token: str, query: str) -> None:
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        self.connection.request("GET", f"/api/v1/live?rows={SAMPLE}&{query}", headers={"Authorization": f"Token {token}"})
        self.answer = self.connection.getresponse()
        self.counted, self.denied, self.rows, self.position = 0, 0, 0, ""
        self.largest_read, self._rows_of_read = 0, 0

    def total(self, count: int) -> None:
        kind = identifier = ""
        while self.counted < count or not self.position:
            name, _, value = self.answer.readline().decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                identifier = value
            elif name == "data" and kind == "tally":
                said = msgspec.json.decode(value)
                self.counted += said["count"]
                self.denied += said["denied"]
                self.position, self._rows_of_read, kind = identifier, 0, ""
            elif name == "data":
                self.rows += 1
                self._rows_of_read += 1
                self.largest_read, kind = max(self.largest_read, self._rows_of_read), ""


def test_a_sample_counts_everything(server: ServerProcess) -> None:
    """Each report is in exactly one tally, also of who comes back later; rows are few, and of the organisation only."""
    token, other = server.new_organisation(), server.new_organisation()
    tail = Tail(server, token, "protocol=6")
    tail.total(0)
    assert server.ingest([report() for _ in range(50)], other)[0] == 200
    denied = [report(state="denied", verdict="denied", ended_at=None) for _ in range(7)]
    assert server.ingest([*(report() for _ in range(ROWS)), *denied, report(protocol=17)], token)[0] == 200
    tail.total(ROWS + 7)
    assert server.ingest([report()], token)[0] == 200
    tail.total(ROWS + 8)  # by now the rows of the reads before have come
    tail.connection.close()
    assert (tail.counted, tail.denied) == (ROWS + 8, 7)
    assert 0 < tail.largest_read <= SAMPLE
    assert server.ingest([report() for _ in range(3)], token)[0] == 200
    again = Tail(server, token, f"protocol=6&after={tail.position}")
    again.total(3)
    again.connection.close()
    assert (again.counted, again.denied) == (3, 0)


@pytest.mark.parametrize("rows", ["0", "501", "x"])
def test_samples_are_bounded(server: ServerProcess, rows: str) -> None:
    status, answer = server.call("GET", f"/api/v1/live?rows={rows}")
    assert status == 400
    assert "from 1 to 500" in answer["error"]["message"]
