"""`kill -9` of the agent under load: every connection is known all the same, each death is told as a gap, and the rules stay."""

import random
import signal
from pathlib import Path

import pytest

from tests.agent.conftest import Launch
from tests.agent.netns import Pair, until
from tests.e2e.faults.load import Load
from tests.e2e.faults.real_server import RealServer
from tests.e2e.faults.witness import FAR, connect, in_force, reaches, rules

pytestmark = [pytest.mark.netns, pytest.mark.slow]
KILLS = 10
PER_S = 400


def test_ten_kills(pair: Pair, real: RealServer, launch: Launch, tmp_path: Path) -> None:
    """Ten kills at random moments. While nobody is there the rules are in force; the next agent takes them over, finds what began
    without it, and continues what it reported before under the same name."""
    chance = random.Random(12)
    key = tmp_path / "key"
    key.write_text(real.key(), encoding="ascii")
    with pair.near.listen("10.77.0.1") as good, pair.near.listen("10.77.0.1") as bad:
        good_port = good.getsockname()[1]
        real.enforce(good_port)
        agent = launch("--enrolment-key-file", str(key), "--name", "near", server=real.url).ready()
        in_force(pair.near, f"dport {good_port}")
        real.wait_for(destination_port=connect(pair), state="closed")
        with Load(pair, PER_S) as load:
            for number in range(KILLS):
                wanted = len(load.sent) + chance.randrange(10, PER_S)
                until(lambda wanted=wanted: len(load.sent) >= wanted, "some load", 20)  # type: ignore[misc]
                agent.stop(signal.SIGKILL)
                if number % 3 == 0:
                    assert reaches(pair, good), "what is allowed stays allowed"
                    assert not reaches(pair, bad), "what is denied stays denied"
                agent = launch(server=real.url).ready()
                assert f"dport {good_port}" in rules(pair.near)
                assert rules(pair.near).count("table inet meshtrail {") == 1
            load.stop()
        assert reaches(pair, good)
        assert not reaches(pair, bad)
        last = connect(pair)
        real.wait_for(destination_port=last, state="closed", timeout_s=40)
    rows = real.rows(protocol=17, destination_address=FAR)
    assert {(row["source_port"], row["destination_port"]) for row in rows} == {*load.sent}
    assert len({row["flow_id"] for row in rows}) == len(load.sent), "no connection has two names"
    assert len(real.rows(state="gap", gap_cause="restart")) == KILLS
    assert not real.rows(state="gap", gap_cause="spool_full")
    agent.stop()
    assert agent.counters()["reports_dropped"] == agent.counters()["reports_refused"] == 0
