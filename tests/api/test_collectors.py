"""Reporters over HTTP: who is listed, how they stand, who may see them, and what a restart keeps."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.control.service import Scope
from tests.rows import report
from tests.servers import ServerProcess

WAIT_S = 20


def facts(server: ServerProcess, token: str, identifier: str, **metrics: Any) -> int:
    """An agent's word of itself."""
    body = msgspec.json.encode({"id": identifier, "name": f"{identifier} name", "addresses": ["10.0.0.1"], "metrics": metrics})
    status, _, _ = server.raw("POST", "/api/v1/ingest/facts", body, token, Content_Type="application/json")
    return status


def listed(server: ServerProcess, token: str) -> dict[str, dict[str, Any]]:
    """All reporters by id."""
    status, answer = server.call("GET", "/api/v1/collectors", token=token)
    assert status == 200, answer
    return {each["id"]: each for each in answer["data"]}


def wait_for(server: ServerProcess, token: str, identifier: str, name: str) -> dict[str, Any]:
    """The reporter once a field of it is known."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = listed(server, token).get(identifier)
        if found is not None and found[name]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{identifier} has no {name}")


def test_what_an_agent_says_is_shown_at_once(server: ServerProcess) -> None:
    """Facts make a collector with its counters; a loss makes it lossy; one's own organisation sees it, another's does not."""
    token = server.new_organisation()
    assert listed(server, token) == {}
    now = wall_clock()
    assert facts(server, token, "laptop", capture_reliable=1, flows=12, clock_us=now + 90_000_000) == 204
    found = listed(server, token)["laptop"]
    assert (found["name"], found["state"], found["agent"], found["lossy"], found["metrics"]["flows"]) == (
        "laptop name",
        "ok",
        True,
        False,
        12,
    )
    assert found["since"] is None
    assert found["last_contact_at"] >= rfc3339(now)
    assert 85_000 < found["clock_skew_ms"] <= 90_000
    assert found["clock_off"]
    assert facts(server, token, "laptop", capture_reliable=1, events_dropped=4, clock_us="soon") == 204
    found = listed(server, token)["laptop"]
    assert (found["state"], found["lossy"], found["losses"]) == ("lossy", True, {"events_dropped": 4})
    assert found["since"] == found["last_contact_at"]
    status, one = server.call("GET", "/api/v1/collectors/laptop", token=token)
    assert (status, one["id"], one["reason"]) == (200, "laptop", "Events were lost before the agent read them.")
    other = server.new_organisation()
    assert listed(server, other) == {}
    assert server.call("GET", "/api/v1/collectors/laptop", token=other)[0] == 404


def test_senders_without_an_agent_and_gaps(server: ServerProcess) -> None:
    """A system that only sends events is found by them; its gaps of the day are counted, and rows that it lost."""
    token = server.new_organisation()
    now = wall_clock()
    times = {"started_at": rfc3339(now - 60_000_000), "ended_at": rfc3339(now), "occurred_at": rfc3339(now)}
    gap: dict[str, Any] = {"reporter_id": "fw-1", "state": "gap", "gap_cause": "restart", **times}
    ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(3)]
    rows = [{**gap, "flow_id": ids[0], "gap_lost": 30}, {**gap, "flow_id": ids[1], "gap_lost": 12}, {**gap, "flow_id": ids[2]}]
    assert server.ingest([report(reporter_id="fw-1"), *rows], token)[1]["stored"] == 4
    found = wait_for(server, token, "fw-1", "last_event_at")
    assert (found["agent"], found["state"], found["gaps"]) == (False, "ok", {"count": 3, "lost": 42, "unknown": 1})
    assert found["events_per_s"] > 0


def test_late_and_silent_since_when(tmp_path: Path) -> None:
    """Reports that wait make a reporter late; a limit of three seconds without a word makes it silent since its last one, and
    what it had open lost."""
    with ServerProcess(tmp_path, ("serve", "--silent-after", "3")) as server:
        server.ingest([report(reporter_id="phone")])
        assert facts(server, server.token, "phone", reports_waiting=9, reports_waiting_s=200) == 204
        late = listed(server, server.token)["phone"]
        assert (late["state"], late["since"], late["reports_waiting"]) == ("late", late["last_contact_at"], 9)
        deadline = time.monotonic() + WAIT_S
        while (found := listed(server, server.token)["phone"])["state"] != "silent" and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (found["state"], found["since"]) == ("silent", found["last_contact_at"])
        states: list[str] = []
        while states != ["lost"] and time.monotonic() < deadline:
            states = [row["state"] for row in server.call("GET", "/api/v1/traffic")[1]["data"]]
            time.sleep(0.1)
        assert states == ["lost"]


def test_the_last_counters_survive_a_restart(own_server: ServerProcess) -> None:
    """A server that was stopped and started again knows its reporters and what they said last."""
    assert facts(own_server, own_server.token, "laptop", reports_waiting=7) == 204
    before = listed(own_server, own_server.token)["laptop"]
    own_server.stop()
    own_server.start()
    after = listed(own_server, own_server.token)["laptop"]
    for name in ("name", "last_contact_at", "metrics", "reports_waiting", "state"):
        assert after[name] == before[name]


@pytest.mark.parametrize("path", ["/api/v1/collectors", "/api/v1/collectors/x", "/api/v1/connections", "/api/v1/connections/x"])
def test_who_may_read(server: ServerProcess, path: str) -> None:
    """Nobody without a token, not a token that may only send."""
    assert server.call("GET", path, token="")[0] == 401
    assert server.call("GET", path, token=server.new_organisation(Scope.ingest))[0] == 403
    assert server.call("GET", path, token=server.new_organisation(Scope.read))[0] in {200, 404}


def test_facts_with_nonsense_are_survived(server: ServerProcess) -> None:
    """Counters that are no numbers are left out; a reporter without an id, or with an endless one, is not watched."""
    token = server.new_organisation()
    assert facts(server, token, "odd", text="x", nested={"a": 1}, nothing=None, yes=True, good=3, huge=10**30) == 204
    assert listed(server, token)["odd"]["metrics"] == {"good": 3}
    facts(server, token, "")
    facts(server, token, "x" * 5_000)
    assert set(listed(server, token)) <= {"odd", "", "x" * 5_000}
    assert server.call("GET", "/api/v1/collectors/odd", token=token)[0] == 200
