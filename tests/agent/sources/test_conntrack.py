"""Conntrack's sockets on the real kernel."""

import socket
from collections.abc import Iterator

import pytest

from meshtrail.agent import limits
from meshtrail.agent.sources.conntrack import Conntrack, Events
from tests.agent.netns import TRACK, Pair, until

pytestmark = pytest.mark.netns
SMALL = pytest.mark.parametrize("conntrack", [65_536], indirect=True)


@pytest.fixture
def conntrack(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Conntrack]:
    """The sockets of the near namespace, in which everything is tracked and counted."""
    pair.near.nft(TRACK)
    for name in ("acct", "timestamp", "events"):
        pair.near.sysctl(f"nf_conntrack_{name}", "1")
    size = getattr(request, "param", limits.RECEIVE_BYTES_UPDATE)
    made = pair.near.inside(lambda: Conntrack(size, size))
    yield made
    made.close()


def _read(pair: Pair, conntrack: Conntrack) -> Events:
    """Read inside the namespace, whose /proc has the counts of drops."""
    return pair.near.inside(conntrack.read)


def _send(pair: Pair, count: int) -> None:
    with pair.near.open(kind=socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(b"x", ("10.77.0.2", 10_000 + number))


def test_starts_and_ends(pair: Pair, conntrack: Conntrack) -> None:
    """Starts and ends are read, each with what it tells."""
    _send(pair, 3)
    assert conntrack.wait(5)
    starts = conntrack.read().starts
    assert [record.destination_port for record in starts] == [10_000, 10_001, 10_002]
    pair.near.run("conntrack", "-D", "-p", "udp")
    ends = until(lambda: conntrack.read().ends, "ends")
    assert {record.id for record in ends} <= {record.id for record in starts}
    assert not conntrack.wait(0)


def test_dump_and_ask(pair: Pair, conntrack: Conntrack) -> None:
    """A dump gives all entries with counters; asking gives those that are there, by their addresses."""
    _send(pair, 200)
    starts = conntrack.read().starts
    entries = conntrack.dump()
    assert {record.id for record in starts} <= {record.id for record in entries}
    assert all(record.packets_orig == 1 for record in entries if record.protocol == 17)
    pair.near.run("conntrack", "-D", "-p", "udp", "--dport", "10007")
    found = conntrack.ask(starts)
    assert {record.destination_port for record in found.values()} == set(range(10_000, 10_200)) - {10_007}


@SMALL
def test_overrun(pair: Pair, conntrack: Conntrack) -> None:
    """A reader that stalls loses starts, which is said once with their number; ends wait in the kernel, and all arrive."""
    count = 2_000
    _send(pair, count)
    pair.near.run("conntrack", "-D", "-p", "udp")
    events = _read(pair, conntrack)
    assert sum(each.dropped for each in events.overruns if each.socket == "new") == count - len(events.starts) > 0
    ends = {record.id for record in events.ends}

    def all_ends() -> bool:
        ends.update(record.id for record in conntrack.read().ends)
        return len(ends) == count

    until(all_ends, "all ends arrive")


@SMALL
def test_unreliable(pair: Pair, conntrack: Conntrack) -> None:
    """With reliability given up the kernel forgets what it cannot deliver, and says how much it was."""
    conntrack.rely(False)
    _send(pair, 1_000)
    pair.near.run("conntrack", "-D", "-p", "udp")
    until(lambda: pair.near.sysctl("nf_conntrack_count") == "0", "the kernel lets go")
    events = _read(pair, conntrack)
    (lost,) = [each.dropped for each in events.overruns if each.socket == "destroy"]
    assert lost == 1_000 - len(events.ends) > 0


def test_closing_updates(pair: Pair, conntrack: Conntrack) -> None:
    """Of all updates only those of closed TCP connections are heard, and none when they are not wanted."""

    def connect() -> None:
        with pair.far.listen("10.77.0.2") as listener, pair.near.open() as client:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            client.sendall(b"x")
            accepted.recv(1)
            client.close()
            accepted.recv(1)
            accepted.close()

    connect()
    updates = until(lambda: conntrack.read().updates, "updates")
    assert {record.tcp_state for record in updates} <= {7, 8}
    conntrack.hear_updates(False)
    connect()
    until(lambda: conntrack.read().starts or True, "starts")
    assert conntrack.read().updates == []
