"""The way of a denial through the agent, on the real kernel: socket, folding, lines; and life without the group."""

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from meshtrail.agent import limits
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denial_watch import DenialWatch, Denied, Loss
from meshtrail.agent.denials import Denial, Denials
from meshtrail.agent.report import Reporter
from meshtrail.agent.sources.conntrack import NotPermittedError
from meshtrail.agent.sources.nflog import Nflog, NflogEvents
from tests.agent.netns import Pair, until
from tests.agent.records import NEAR

pytestmark = pytest.mark.netns
GROUP = 78
RULES = f"""
table inet t {{
  chain i {{ type filter hook input priority 0; udp dport 9-10 log prefix "meshtrail:p1:r1@3:D" group {GROUP} drop; }}
}}
"""


def _writer() -> DenialWriter:
    return DenialWriter("r1", "host1", Reporter("r1", "host1", frozenset({NEAR})))


class Bench:
    """A watch in the near namespace, with a clock of its own."""

    def __init__(self, pair: Pair, wants: Callable[[Denial], bool] = lambda _denial: True, receive_bytes: int = 1024**2) -> None:
        self.pair = pair
        self.now_s = 0.0
        self.watch = DenialWatch(Denials(b"abcdef"), _writer(), lambda: pair.near.inside(lambda: Nflog(GROUP, receive_bytes)), wants)

    def turn(self, seconds: float = 0.0) -> Denied:
        """One turn, some seconds later."""
        self.now_s += seconds
        return self.watch.turn(time.time_ns() // 1_000, self.now_s)

    def send(self, count: int = 1, port: int = 9) -> None:
        """Packets that are denied."""
        with self.pair.far.open(kind=socket.SOCK_DGRAM) as sender:
            for _ in range(count):
                sender.sendto(b"x", ("10.77.0.1", port))


@pytest.fixture
def bench(pair: Pair) -> Iterator[Bench]:
    """A watch, and rules that log what they drop."""
    pair.near.run("nft", "-f", "-", text=RULES)
    made = Bench(pair)
    yield made
    made.watch.close()


def test_first_and_rest(bench: Bench) -> None:
    """A denial becomes a line as soon as it is heard; what was counted since is told at the end."""
    assert bench.turn() == Denied([], [])
    assert bench.watch.sees
    assert bench.watch.fileno() >= 0
    with bench.pair.far.open(kind=socket.SOCK_DGRAM) as sender:
        sender.bind(("10.77.0.2", 5_000))
        sender.sendto(b"x", ("10.77.0.1", 9))
        (line,) = until(lambda: bench.turn().lines, "the line")
        sender.sendto(b"x", ("10.77.0.1", 9))
        until(lambda: bench.turn().lines or bench.watch.counters.packets == 2, "the second packet")
    row = json.loads(line)
    assert (row["state"], row["drops"], row["policy_id"], row["source_port"], row["direction"]) == ("denied", 1, "p1", 5_000, "ingress")
    rest = bench.watch.stop(time.time_ns() // 1_000, bench.now_s)
    assert [json.loads(each)["drops"] for each in rest.lines] == [2]
    assert rest.losses == []
    assert bench.watch.fileno() == -1


def test_updates(bench: Bench) -> None:
    """A tuple that goes on being denied is told again after a while, without news from the kernel."""
    bench.turn()
    bench.send(3)
    until(lambda: bench.turn().lines, "the line")
    until(lambda: bench.turn() and bench.watch.counters.packets == 3, "all packets")
    lines = bench.turn(limits.DENIAL_UPDATE_S + 1).lines
    assert all(json.loads(each)["drops"] == 3 for each in lines)


def test_left_out(pair: Pair) -> None:
    """What is not wanted makes no line, and is counted."""
    pair.near.run("nft", "-f", "-", text=RULES)
    bench = Bench(pair, lambda denial: denial.destination_port != 9)
    bench.turn()
    bench.send(port=9)
    bench.send(port=10)
    (line,) = until(lambda: bench.turn().lines, "the line")
    assert json.loads(line)["destination_port"] == 10
    until(lambda: bench.turn() and bench.watch.counters.left_out == 1, "the other one is left out")
    bench.watch.close()


def test_taken(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """While another program owns the group the watch has nothing to say, says why once, and takes the group when it is free."""
    other = bench.pair.near.inside(lambda: Nflog(GROUP))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert bench.turn(limits.NFLOG_RETRY_S) == Denied([], [])
        assert bench.turn(1) == Denied([], [])
        assert not bench.watch.sees
        assert bench.watch.fileno() == -1
        assert bench.watch.counters.refusals == 3
        other.close()
        bench.turn(limits.NFLOG_RETRY_S)
    assert bench.watch.sees
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "--nflog-group" in messages[0]
    assert "tried again every 30 seconds" in messages[0]
    assert "denials are seen again" in messages[1]
    bench.send()
    until(lambda: bench.turn().lines, "the line")


def test_overrun(pair: Pair) -> None:
    """Denials that the kernel could not deliver are one loss, with their number as soon as it is known."""
    pair.near.run("nft", "-f", "-", text=RULES)
    bench = Bench(pair, receive_bytes=65_536)
    bench.turn()
    sent = 3_000
    bench.send(sent)
    losses = list(bench.turn().losses)
    bench.send()

    def told() -> bool:
        losses.extend(bench.turn().losses)
        return bench.watch.counters.packets + sum(loss.lost or 0 for loss in losses) == sent + 1

    until(told, "all packets are heard or missing")
    assert losses
    assert all(loss.lost and loss.since_us < loss.until_us for loss in losses)
    assert bench.watch.counters.overruns == 1
    bench.watch.close()


class Starved(Nflog):
    """A socket that has had no room, once, and to which nothing comes any more."""

    said = False

    def read(self) -> NflogEvents:
        """One overrun, and then nothing."""
        self.said, before = True, self.said
        return NflogEvents([], 0, 0 if before else 1, 0)


def test_overrun_without_a_number(pair: Pair) -> None:
    """When no packet follows an overrun, the loss is told after a second, without a number."""
    watch = DenialWatch(Denials(b"abcdef"), _writer(), lambda: pair.near.inside(lambda: Starved(GROUP)))
    assert watch.turn(5, 5.0) == Denied([], [])
    assert watch.turn(6, 5.5) == Denied([], [])
    assert watch.turn(7, 5.0 + limits.LOSS_SETTLES_S).losses == [Loss(5, 7, None)]
    assert watch.turn(9, 9.0).losses == []
    watch.close()


def test_overrun_at_the_end(pair: Pair) -> None:
    """A loss that has not been told is told when the agent stops."""
    watch = DenialWatch(Denials(b"abcdef"), _writer(), lambda: pair.near.inside(lambda: Starved(GROUP)))
    watch.turn(5, 5.0)
    assert watch.stop(8, 5.1) == Denied([], [Loss(5, 8, None)])


def test_socket_fails(bench: Bench) -> None:
    """A socket that cannot be read is closed, opened again later, and what was missed is a loss."""
    bench.turn()
    assert bench.watch._nflog is not None
    bench.watch._nflog.close()
    assert bench.turn() == Denied([], [])
    assert not bench.watch.sees
    (loss,) = bench.turn(limits.NFLOG_RETRY_S).losses
    assert loss.lost is None
    assert bench.watch.sees


def test_not_permitted(caplog: pytest.LogCaptureFixture) -> None:
    """Without the capability the agent goes on without denials, and says what is missing."""

    def refuse() -> Nflog:
        raise NotPermittedError("Capturing connections needs the capability CAP_NET_ADMIN.")

    watch = DenialWatch(Denials(b"abcdef"), _writer(), refuse)
    assert watch.turn(0, 0.0) == Denied([], [])
    assert "CAP_NET_ADMIN" in caplog.text
