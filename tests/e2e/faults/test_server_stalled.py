"""A server that accepts and never answers, while connections come at 2,000 a second: nothing is lost, and all of it arrives after."""

import os
import re
import signal
from pathlib import Path

import pytest

from meshtrail.agent import limits
from tests.agent.conftest import Launch
from tests.agent.netns import Pair, until
from tests.e2e.faults.load import Load
from tests.e2e.faults.real_server import RealServer
from tests.e2e.faults.witness import FAR, connect

pytestmark = [pytest.mark.netns, pytest.mark.slow]
PER_S = 2_000
IDLE_KB_MAX = 60_000
FLOW_KB = 1.5
"""What the agent remembers of a connection as long as the kernel does, with the interpreter's own share."""
DRAIN_S_MAX = 40.0


def _memory_kb(pid: int) -> int:
    """The most memory that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found
    return int(found[1])


def test_stalled_server(pair: Pair, real: RealServer, launch: Launch, tmp_path: Path) -> None:
    """The server is stopped in mid-life until the agent has given a request up. Reports wait on disk, memory follows the number of
    connections and not that of reports; when the server goes on, each connection is stored, once."""
    token = tmp_path / "token-of-the-server"
    token.write_text(real.server.token, encoding="ascii")
    agent = launch("--token-file", str(token), server=real.url).ready()
    real.wait_for(destination_port=connect(pair), state="closed")
    assert real.server.process is not None
    with Load(pair, PER_S) as load:
        os.kill(real.server.process.pid, signal.SIGSTOP)
        try:
            until(lambda: "no answer from the server, reports wait: timed out" in agent.text(), "it is said", limits.REQUEST_TIMEOUT_S + 10)
            load.stop()
        finally:
            os.kill(real.server.process.pid, signal.SIGCONT)
    assert len(load.sent) > limits.REQUEST_TIMEOUT_S * PER_S * 0.9
    assert sum(each.stat().st_size for each in (tmp_path / "state" / "spool").glob("*.segment")) > 500_000
    real.wait_for(destination_port=connect(pair), state="closed", timeout_s=DRAIN_S_MAX)
    rows = real.rows(protocol=17, destination_address=FAR)
    assert {(row["source_port"], row["destination_port"]) for row in rows} == {*load.sent}
    assert len({row["flow_id"] for row in rows}) == len(load.sent)
    assert not real.rows(state="gap")
    assert _memory_kb(agent.process.pid) < IDLE_KB_MAX + FLOW_KB * len(load.sent)
    agent.stop()
    counted = agent.counters()
    assert counted["connect_failures"] > 0
    assert counted["events_dropped"] == counted["reports_dropped"] == counted["reports_refused"] == counted["gaps"] == 0
