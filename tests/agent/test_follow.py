"""One batch of events: records, flows, owners, lines."""

import ipaddress
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from meshtrail.agent import limits
from meshtrail.agent.flowtable import FlowTable
from meshtrail.agent.follow import Follower
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.processes import Processes
from meshtrail.agent.report import Reporter
from meshtrail.agent.selection import Selection
from tests.agent.records import NEAR, at, closing, destroy, entry, new


class Kernel:
    """Answers questions about entries."""

    def __init__(self, *entries: Record) -> None:
        self.entries = {each.id: each for each in entries}
        self.asked: list[int] = []

    def __call__(self, wanted: list[Record]) -> dict[int, Record]:
        self.asked += [each.id for each in wanted]
        return {each.id: self.entries[each.id] for each in wanted if each.id in self.entries}


def _follower(tmp_path: Path, uplink_port: int = 1, **settings: Any) -> Follower:
    reporter = Reporter("r1", "host1", frozenset({NEAR}))
    made = Follower(
        Selection(reporter, **settings), FlowTable(b"abcdef"), reporter, Processes(proc=str(tmp_path)), lambda: frozenset({uplink_port})
    )
    made.held = None
    return made


def _rows(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_one_report_a_batch(tmp_path: Path) -> None:
    """A connection that opens and ends within one batch is one report, which tells both."""
    (row,) = _rows(_follower(tmp_path).follow([new()], [], [destroy()], Kernel(), at(2)))
    assert (row["state"], row["starts"], row["ends"]) == ("closed", 1, 1)


def test_prompt_end(tmp_path: Path) -> None:
    """A closing update is reported with the counters that the kernel has now, and asked for once."""
    follower, kernel = _follower(tmp_path), Kernel(entry(counts=(4, 400, 3, 300)))
    follower.follow([new()], [], [], kernel, at(0))
    (row,) = _rows(follower.follow([], [closing(), closing()], [], kernel, at(1)))
    assert (row["state"], row["tx_bytes"], kernel.asked) == ("closed", 400, [1])
    assert follower.follow([], [closing()], [], kernel, at(1)) == []
    assert follower.follow([], [], [destroy(stopped=121.0)], kernel, at(121)) == []


def test_storm_of_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a storm nothing is asked; the kernel's last word tells."""
    monkeypatch.setattr(limits, "CLOSINGS_PER_S_MAX", 1)
    follower, kernel = _follower(tmp_path), Kernel()
    follower.follow([new(1), new(2)], [], [], kernel, at(0))
    assert follower.follow([], [closing(1), closing(2)], [], kernel, at(1)) == []
    assert len(follower.follow([], [], [destroy(1), destroy(2)], kernel, at(2))) == 2
    assert kernel.asked == []


@pytest.mark.parametrize("settings", [
    {"ignore": (ipaddress.ip_network("10.77.0.2/32"),)}, {"ignore": (ipaddress.ip_network("10.77.0.0/31"),)},
])  # fmt: skip
def test_ignored(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Connections that touch an ignored network are left out from start to end, and counted."""
    follower = _follower(tmp_path, **settings)
    assert follower.follow([new()], [], [], Kernel(), at(0)) == []
    assert follower.follow([], [], [destroy()], Kernel(), at(2)) == []
    other = b"\x08\x08\x08\x08"
    assert len(follower.follow([new(2, source=other, destination=other)], [], [], Kernel(), at(0))) == 1
    assert follower.left_out == 2


def test_ignored_loopback(tmp_path: Path) -> None:
    """Loopback is left out when asked for; a connection to an own address over the loopback interface is not."""
    follower = _follower(tmp_path, ignore_loopback=True)
    loop = socket.inet_aton("127.0.0.1")
    assert follower.follow([new(source=loop, destination=loop)], [], [], Kernel(), at(0)) == []
    assert len(follower.follow([new(2, destination=NEAR)], [], [], Kernel(), at(0))) == 1


def test_own_uplink_is_not_urgent(tmp_path: Path) -> None:
    """Reports of the agent's own connection are made, but are no reason to talk."""
    follower = _follower(tmp_path, uplink_port=40_000)
    assert len(follower.follow([new()], [], [], Kernel(), at(0))) == 1
    assert not follower.urgent
    follower.follow([new(2, source_port=40_001)], [], [destroy()], Kernel(), at(1))
    assert follower.urgent


def test_held_back(tmp_path: Path) -> None:
    """Flows from before the start wait for the server's memory; one that continues is reported only when it has ended."""
    follower = _follower(tmp_path)
    table = follower._table
    follower.held = []
    flows = [flow for number in (1, 2, 3) if (flow := table.entry(entry(number), at(0))) is not None]
    follower.hold(flows)
    assert follower.lines(flows) == []
    assert follower.follow([], [], [destroy(3)], Kernel(), at(1)) == []
    assert len(follower.follow([new(4)], [], [], Kernel(), at(1))) == 1
    rows = _rows(follower.release([flows[0], flows[2]]))
    assert [(row["flow_id"], row["state"]) for row in rows] == [(flows[1].flow_id, "open"), (flows[2].flow_id, "closed")]
    (row,) = _rows(follower.follow([], [], [destroy(1)], Kernel(), at(2)))
    assert row["flow_id"] == flows[0].flow_id


def test_late_owner(tmp_path: Path) -> None:
    """An owner that could not be looked for at once is found later, and reported again with the flow."""
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        follower = _follower(tmp_path)
        follower._processes = processes = Processes()
        processes._credit_s = -1.0
        loop = socket.inet_aton("127.0.0.1")
        record = new(source=loop, destination=loop, source_port=client.getsockname()[1])
        (row,) = _rows(follower.follow([record], [], [], Kernel(), at(0)))
        assert "process_id" not in row
        assert follower.waits_for_owners
        processes._credit_s = 1.0
        (row,) = _rows(follower.tick(at(0.1)))
        assert row["process_id"]
        assert row["last_seen_at"]
        assert not follower.waits_for_owners


def test_waiting_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many connections wait for a look; the others are counted."""
    monkeypatch.setattr(limits, "PROCESS_WAITING_MAX", 2)
    follower = _follower(tmp_path)
    follower._processes._credit_s = -1.0
    follower.follow([new(number, source_port=number) for number in range(1, 6)], [], [], Kernel(), at(0))
    assert follower._processes.skipped == 3
