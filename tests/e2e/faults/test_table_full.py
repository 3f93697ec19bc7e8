"""Conntrack's table is full: the kernel throws new connections away, and in no event. Really filled, to the machine's own limit: that is
one for all namespaces, but each namespace has its own count."""

from pathlib import Path

import pytest

from meshtrail.agent import probe
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.netns import Pair, until
from tests.e2e.faults.witness import FAR, burst, gaps, survives

pytestmark = [pytest.mark.netns, pytest.mark.slow]
FILLER = "10.200.0.0/16"
ENTRIES_MAX = 600_000
"""A machine with a larger table is not filled: it would take too long."""
_PORTS = 60_000


def _lines(first: int, end: int) -> str:
    """Answered connections, which the kernel does not forget early, as `conntrack -R` reads them."""
    return "".join(
        f"-A -p udp -s 10.200.{number // _PORTS}.1 -d 10.200.{number // _PORTS}.2 --sport {1 + number % _PORTS} --dport 7 -t 600"
        " -u ASSURED,SEEN_REPLY\n" for number in range(first, end)
    )  # fmt: skip


def _fill(pair: Pair, folder: Path, count: int) -> None:
    """Add so many entries, of which the kernel tells nobody; in the end it has no room."""
    path = folder / "entries"
    path.write_text(_lines(0, count), encoding="ascii")
    pair.near.sysctl("nf_conntrack_events", "0")
    with pytest.raises(AssertionError, match="not enough memory"):
        pair.near.run("conntrack", "-R", str(path))
    pair.near.sysctl("nf_conntrack_events", "1")


def test_full_table(pair: Pair, near_server: FakeServer, launch: Launch, tmp_path: Path) -> None:
    """What the kernel threw away is counted and told as a gap with the remedy in the log; capture gives way, and is reliable again
    when there is room."""
    size = int(pair.near.sysctl("nf_conntrack_max"))
    if size > ENTRIES_MAX:
        pytest.skip(f"conntrack's table has {size} entries here, too many to fill")
    agent = launch("--ignore", FILLER).ready()
    survives(pair, near_server)
    _fill(pair, tmp_path, size + 1_000)
    until(lambda: "ends may be lost from now on" in agent.text(), "capture gives way", 30)
    for _ in range(5):
        with pytest.raises(PermissionError):
            burst(pair.near, 1, first_port=4_000)
    near_server.wait(lambda: sum(gap["gap_lost"] for gap in gaps(near_server, "table_full")) >= 5, "a gap", 20)
    until(lambda: "conntrack's table is full" in agent.text(), "it is said")
    assert f"sysctl -w net.netfilter.nf_conntrack_max={2 * size}" in agent.text()
    assert not near_server.find(destination_address=FAR, destination_port=4_000)
    check = next(each for each in pair.near.inside(probe.check) if each.name == "conntrack table")
    assert not check.ok

    pair.near.run("conntrack", "-F")
    until(lambda: "capture is reliable again" in agent.text(), "capture is reliable", 30)
    survives(pair, near_server, 30)
    agent.stop()
    counted = agent.counters()
    assert counted["lossy_switches"] == 2
    assert counted["table_refused"] == sum(gap["gap_lost"] for gap in gaps(near_server, "table_full")) >= 5
    assert counted["table_max"] == size
    assert counted["flows_not_followed"] == 0
