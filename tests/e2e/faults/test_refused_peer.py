"""A peer that the server refuses: it says so, enforces what it knew, keeps a bounded number of reports, and comes back."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from meshtrail.agent import identity, limits
from meshtrail.server import CONTROL_FILE
from tests.agent.conftest import Launch
from tests.agent.netns import AgentProcess, Pair, until
from tests.e2e.faults.real_server import RealServer
from tests.e2e.faults.witness import FAR, burst, connect, in_force, reaches

pytestmark = [pytest.mark.netns, pytest.mark.slow]
SPOOL_BYTES = 600_000
"""Nine segments of the smallest size."""


@pytest.fixture
def enrol(real: RealServer, launch: Launch, tmp_path: Path) -> Launch:
    """Starts the agent of the near namespace with a new enrolment key."""

    def start(*options: str) -> AgentProcess:
        key = tmp_path / "key"
        key.write_text(real.key(), encoding="ascii")
        return launch("--enrolment-key-file", str(key), "--name", "near", *options, server=real.url).ready()

    return start


def test_removed_peer(pair: Pair, real: RealServer, enrol: Launch, tmp_path: Path) -> None:
    """After its removal nothing of it is stored, its rules stay, the spool stays within its bound and what it drops is counted. With
    a new key it is a new peer, and reports again."""
    state = tmp_path / "state"
    with pair.near.listen("10.77.0.1") as good, pair.near.listen("10.77.0.1") as bad:
        real.enforce(good.getsockname()[1])
        agent = enrol("--spool-bytes-max", str(SPOOL_BYTES))
        in_force(pair.near, f"dport {good.getsockname()[1]}")
        real.wait_for(destination_port=connect(pair), state="closed")

        old = real.peers()["near"]
        real.done("DELETE", f"/api/peers/{old}")
        until(lambda: "this peer was removed from the network" in agent.text(), "it is said", 40)
        during = connect(pair)
        until(lambda: "the server refuses the agent's token (403)" in agent.text(), "that reports wait is said")
        assert reaches(pair, good)
        assert not reaches(pair, bad)
        for number in range(40):
            burst(pair.near, 1_000, first_port=1_000 + 1_000 * (number % 20))
            pair.near.run("conntrack", "-D", "-p", "udp")
            pair.near.run("conntrack", "-F")
        until(lambda: SPOOL_BYTES // 2 < _kept(state) <= SPOOL_BYTES + limits.SPOOL_SEGMENT_BYTES_MIN, "the spool is full, and no fuller")
        assert not real.rows(destination_port=during)
        agent.stop()
        assert agent.counters()["peer_removed"] == 1
        assert agent.counters()["reports_dropped"] > 0
        assert agent.counters()["unauthorised"] > 0

        (state / identity.FILE).unlink()
        again = enrol()
        new = real.peers()["near"]
        assert new != old
        in_force(pair.near, f"dport {good.getsockname()[1]}")
        real.wait_for(destination_port=connect(pair), state="closed", reporter_id=new)
        until(lambda: "the server refuses a report" in again.text(), "what the removed peer had to say is refused, and that is said")
        assert not real.rows(destination_port=during)
        assert reaches(pair, good)
        assert not reaches(pair, bad)
        again.stop()
        assert again.counters()["reports_refused"] > 0


def _kept(state: Path) -> int:
    """Bytes of the segments on disk."""
    return sum(each.stat().st_size for each in (state / "spool").glob("*.segment"))


def test_revoked_token_of_a_peer(pair: Pair, real: RealServer, enrol: Launch, tmp_path: Path) -> None:
    """A peer whose token is worth nothing any more gets another one by its key; not a report is lost meanwhile."""
    agent = enrol()
    real.wait_for(destination_port=connect(pair), state="closed")
    with closing(sqlite3.connect(tmp_path / "server" / CONTROL_FILE, timeout=10)) as database, database:
        assert database.execute("DELETE FROM peer_tokens").rowcount > 0
    before = json.loads((tmp_path / "state" / identity.FILE).read_bytes())["token"]
    ports = [connect(pair) for _ in range(5)]
    until(lambda: json.loads((tmp_path / "state" / identity.FILE).read_bytes())["token"] != before, "a new token", 2 * limits.MAP_WAIT_S)
    for port in ports:
        real.wait_for(destination_port=port, state="closed", timeout_s=limits.UNAUTHORISED_S + 10)
    agent.stop()
    counted = agent.counters()
    assert counted["map_renewed"] == 1
    assert counted["reports_dropped"] == counted["reports_refused"] == 0


def test_revoked_api_token(pair: Pair, real: RealServer, launch: Launch, tmp_path: Path) -> None:
    """An agent that reports with a token says that it was revoked, and keeps its reports; started with another one it sends them."""
    made = real.done("POST", "/api/v1/tokens", {"name": "agent", "scopes": ["ingest"]})
    second = real.done("POST", "/api/v1/tokens", {"name": "agent 2", "scopes": ["ingest"]})
    agent = launch("--token-file", _file(tmp_path / "first", made["token"]), server=real.url).ready()
    real.wait_for(destination_port=connect(pair), state="closed")
    real.done("DELETE", f"/api/v1/tokens/{made['id']}")
    until(lambda: real.answer("GET", "/api/v1/ingest/open?reporter_id=r1", token=made["token"])[0] == 401, "the token is revoked", 20)
    ports = [connect(pair) for _ in range(5)]
    until(lambda: "the server refuses the agent's token (401); reports wait" in agent.text(), "it is said")
    agent.stop()
    assert agent.counters()["unauthorised"] > 0
    launch("--token-file", _file(tmp_path / "second", second["token"]), server=real.url).ready()
    for port in ports:
        real.wait_for(destination_port=port, destination_address=FAR, state="closed")
    assert real.wait_for(state="gap", gap_cause="restart")


def _file(path: Path, content: str) -> str:
    path.write_text(content, encoding="ascii")
    return str(path)
