"""What the agent's doctor says."""

import argparse
import json
from pathlib import Path

import pytest

from meshtrail.agent import doctor
from meshtrail.agent.__main__ import parser
from meshtrail.agent.probe import Check
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer, Scripted
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import Pair, until

pytestmark = pytest.mark.netns


def _given(server: str, state: Path, *more: str) -> argparse.Namespace:
    return parser().parse_args(["doctor", "--server", server, "--state-dir", str(state), *more])


def _look(pair: Pair, server: str, state: Path) -> dict[str, Check]:
    found = pair.near.inside(lambda: doctor.look(server, state, None, 2_801))
    return {check.name: check for check in found}


def test_nothing_there(pair: Pair, tmp_path: Path) -> None:
    """Without agent and server it says so, with a remedy for what does not hold."""
    checks = _look(pair, "http://127.0.0.1:1", tmp_path / "state")
    assert not checks["server"].ok
    assert checks["server"].remedy
    assert checks["agent"].detail.startswith("does not run")
    assert checks["denials"].detail.endswith("is free")
    assert checks["peer"].detail.startswith("not enrolled")
    assert not (tmp_path / "state").exists()


def test_enforcing(pair: Pair, near_server: FakeServer, launch: Launch, tmp_path: Path) -> None:
    """Of a running peer it knows token, map and log group; with a damaged map or identity it says what to do."""
    maps = MapServer(near_server)
    maps.identity(tmp_path / "state")
    maps.offer(network_map(5, rule(80)))
    launch().ready()
    until((tmp_path / "state" / "network-map.json").exists, "the map is kept")
    checks = _look(pair, near_server.url, tmp_path / "state")
    assert all(check.ok for check in checks.values()), checks
    assert "1 rules to enforce" in checks["network map"].detail
    assert checks["denials"].detail.startswith("the agent reads")
    assert checks["agent"].detail.startswith("runs")
    (tmp_path / "state" / "network-map.json").write_text("{}")
    assert not _look(pair, near_server.url, tmp_path / "state")["network map"].ok
    (tmp_path / "state" / "identity.json").write_text("{}")
    assert not _look(pair, near_server.url, tmp_path / "state")["state folder"].ok


@pytest.mark.parametrize(("status", "said"), [(401, "refuses the token"), (403, "was removed")])
def test_refused(near_server: FakeServer, pair: Pair, tmp_path: Path, status: int, said: str) -> None:
    """A peer that the server does not know any more is told so."""
    MapServer(near_server).identity(tmp_path)
    near_server.others["/api/v1/agent/network-map"] = lambda _request: Scripted(status, b"{}")
    check = _look(pair, near_server.url, tmp_path)["server"]
    assert not check.ok
    assert said in check.detail


def test_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same for programs; the status says whether all holds."""
    assert doctor.tell(_given("http://127.0.0.1:1", tmp_path, "--json")) == 1
    assert {check["name"] for check in json.loads(capsys.readouterr().out)} >= {"server", "peer", "denials"}
    assert doctor.tell(_given("http://127.0.0.1:1", tmp_path)) == 1
    assert "does not answer" in capsys.readouterr().out
