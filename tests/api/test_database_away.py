"""What a server says while its PostgreSQL is away, and that it goes on by itself afterwards."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer, programs
from tests.servers import ServerProcess

WAIT_S = 30


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    """A PostgreSQL server that the test may stop."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with PostgresServer() as running:
        yield running


def status(server: ServerProcess, path: str, wanted: int) -> dict[str, str]:
    """Ask until the answer has this status; its headers."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found, content, headers = server.raw("GET", path)
        if found == wanted:
            return headers
        assert time.monotonic() < deadline, (path, found, content)


def failures(server: ServerProcess) -> float:
    """How often the database failed, as the server counts."""
    content = server.raw("GET", "/metrics", None, "")[1].decode()
    found = re.search(r"^meshtrail_control_store_failures_total (\S+)$", content, re.MULTILINE)
    assert found is not None
    return float(found.group(1))


def test_503_until_the_database_is_back(mortal: PostgresServer, tmp_path: Path) -> None:
    """Readiness says so too; health does not: a restart would help nobody. The log has no parameters and no address of ours."""
    with mortal.empty() as url, ServerProcess(tmp_path / "data", control_url=url) as server:
        assert server.call("POST", "/api/groups", b'{"name": "before"}', Content_Type="application/json")[0] == 200
        status(server, "/readyz", 200)
        before = failures(server)
        mortal.stop(signal.SIGQUIT)
        headers = status(server, "/api/groups", 503)
        assert int(headers["retry-after"]) >= 1
        code, answer = server.call("POST", "/api/groups", b'{"name": "lost"}', Content_Type="application/json")
        assert code == 503
        assert "control store" in answer["message"]
        assert str(mortal.folder) not in answer["message"]
        status(server, "/readyz", 503)
        assert server.raw("GET", "/healthz", None, "")[0] == 200
        assert failures(server) > before
        mortal.start()
        status(server, "/readyz", 200)
        status(server, "/api/groups", 200)
        assert [group["name"] for group in server.call("GET", "/api/groups")[1]] == ["All", "before"]
        assert server.call("POST", "/api/groups", b'{"name": "after"}', Content_Type="application/json")[0] == 200
