"""Denials from the real kernel to lines, step by step: losses, faults, and life without the group."""

import json
import logging
import select
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from meshtrail.agent import limits
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denial, Denials
from meshtrail.agent.denied import Denied, Told
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
    """The path in the near namespace, with a clock of its own."""

    def __init__(self, pair: Pair, wants: Callable[[Denial], bool] = lambda _denial: True, receive_bytes: int = 1024**2) -> None:
        self.pair = pair
        self.now_s = 0.0
        self.poll = select.poll()
        self.denied = Denied(GROUP, Denials(b"abcdef"), _writer(), wants, receive_bytes)
        self.open()

    def open(self, seconds: float = 0.0) -> bool:
        """Try to have the group, some seconds later."""
        self.now_s += seconds
        self.pair.near.inside(lambda: self.denied.try_open(self.poll, self.now_s))
        return self.denied.is_open

    def read(self, seconds: float = 0.0) -> Told:
        """What is told, some seconds later."""
        self.now_s += seconds
        return self.denied.read(time.time_ns() // 1_000, self.now_s)

    def close(self) -> Told:
        """The end."""
        return self.denied.close(time.time_ns() // 1_000, self.now_s)

    def send(self, count: int = 1, port: int = 9) -> None:
        """Packets that are denied."""
        with self.pair.far.open(kind=socket.SOCK_DGRAM) as sender:
            for _ in range(count):
                sender.sendto(b"x", ("10.77.0.1", port))


@pytest.fixture
def bench(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The path, and rules that log what they drop."""
    pair.near.run("nft", "-f", "-", text=RULES)
    made = Bench(pair, **getattr(request, "param", {}))
    yield made
    made.close()


def test_first_and_rest(bench: Bench) -> None:
    """A denial wakes the loop and becomes a line at once; what was counted since is told at the end."""
    assert bench.read() == Told([], [])
    with bench.pair.far.open(kind=socket.SOCK_DGRAM) as sender:
        sender.bind(("10.77.0.2", 5_000))
        sender.sendto(b"x", ("10.77.0.1", 9))
        assert bench.poll.poll(5_000)
        (line,) = bench.read().lines
        sender.sendto(b"x", ("10.77.0.1", 9))
        assert bench.poll.poll(5_000)
        assert bench.read().lines == []
    row = json.loads(line)
    assert (row["state"], row["drops"], row["policy_id"], row["source_port"], row["direction"]) == ("denied", 1, "p1", 5_000, "ingress")
    rest = bench.close()
    assert [json.loads(each)["drops"] for each in rest.lines] == [2]
    assert rest.losses == []
    assert not bench.denied.is_open
    assert bench.poll.poll(0) == []


def test_updates(bench: Bench) -> None:
    """A tuple that was denied again is told after a while, without news from the kernel."""
    with bench.pair.far.open(kind=socket.SOCK_DGRAM) as sender:
        for count in (1, 2):
            sender.sendto(b"x", ("10.77.0.1", 9))
            assert bench.poll.poll(5_000)
            assert len(bench.read().lines) == 2 - count
    (line,) = bench.read(limits.DENIAL_UPDATE_S + 1).lines
    assert json.loads(line)["drops"] == 2


@pytest.mark.parametrize("bench", [{"wants": lambda denial: denial.destination_port != 9}], indirect=True)
def test_left_out(bench: Bench) -> None:
    """What is not wanted makes no line, and is counted."""
    bench.send(port=9)
    bench.send(port=10)
    (line,) = until(lambda: bench.read().lines, "the line")
    assert json.loads(line)["destination_port"] == 10
    assert bench.denied.left_out == 1


def test_not_wanted_at_all() -> None:
    """Group 0 is no group."""
    denied = Denied(0, Denials(b"abcdef"), _writer())
    denied.try_open(select.poll(), 0.0)
    assert not denied.is_open
    assert denied.read(0, 0.0) == Told([], [])


def test_taken(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """While another program owns the group nothing is told, the reason is said once, and the group is taken when it is free."""
    pair.near.run("nft", "-f", "-", text=RULES)
    other = pair.near.inside(lambda: Nflog(GROUP))
    with caplog.at_level(logging.INFO):
        bench = Bench(pair)
        assert not bench.open(1.0)
        assert not bench.open(limits.NFLOG_RETRY_S)
        assert bench.read() == Told([], [])
        other.close()
        assert not bench.open(1.0)
        assert bench.open(limits.NFLOG_RETRY_S)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "--nflog-group" in messages[0]
    assert f"tried again every {limits.NFLOG_RETRY_S:.0f} seconds" in messages[0]
    assert "denials are seen" in messages[1]
    bench.send()
    until(lambda: bench.read().lines, "the line")
    bench.close()


@pytest.mark.parametrize("bench", [{"receive_bytes": 65_536}], indirect=True)
def test_overrun(bench: Bench) -> None:
    """Denials that the kernel could not deliver are a loss, with their number as soon as it is known."""
    sent = 3_000
    bench.send(sent)
    losses = list(bench.read().losses)
    bench.send()

    def told() -> bool:
        losses.extend(bench.read().losses)
        return bench.denied.read_counters.packets + sum(loss.lost or 0 for loss in losses) == sent + 1

    until(told, "all packets are heard or missing")
    assert losses
    assert all(loss.lost and loss.since_us < loss.until_us for loss in losses)
    assert (bench.denied.overruns, bench.denied.lost) == (1, sum(loss.lost or 0 for loss in losses))


@pytest.mark.parametrize("bench", [{"receive_bytes": 16 * 1024**2}], indirect=True)
@pytest.mark.parametrize("count", [1, limits.NFLOG_QUEUE_PACKETS - 1, 20_000])
def test_the_last_denials(bench: Bench, count: int) -> None:
    """What was denied just before the end is told: also what the kernel was still gathering, and more than one turn reads."""
    bench.send(count)
    rest = bench.close()
    assert (json.loads(rest.lines[-1])["drops"], rest.losses) == (count, [])


class Starved(Nflog):
    """A socket that has had no room, once, and to which nothing comes any more."""

    said = False

    def read(self) -> NflogEvents:
        """One overrun, and then nothing."""
        self.said, before = True, self.said
        return NflogEvents([], 0, 0 if before else 1, 0)


def test_overrun_without_a_number(bench: Bench) -> None:
    """When no packet follows an overrun, the loss is told after a second, or at the end, without a number."""
    bench.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meshtrail.agent.denied.Nflog", Starved)
        assert bench.open(limits.NFLOG_RETRY_S)
        assert bench.read() == bench.read(limits.LOSS_SETTLES_S / 2) == Told([], [])
        (loss,) = bench.read(limits.LOSS_SETTLES_S).losses
        assert loss.lost is None
        assert bench.read(9.0).losses == []
        bench.close()
        assert bench.open(limits.NFLOG_RETRY_S)
        assert [loss.lost for loss in bench.close().losses] == [None]


def test_socket_fails(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A socket that cannot be read is closed, opened again later, and what was missed is a loss."""
    assert bench.denied._source is not None
    bench.denied._source.close()
    assert bench.read() == Told([], [])
    assert not bench.denied.is_open
    assert "cannot be read" in caplog.text
    assert bench.poll.poll(0) == []
    assert bench.open(limits.NFLOG_RETRY_S)
    (loss,) = bench.read().losses
    assert loss.lost is None


def test_not_permitted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Without the capability the agent goes on without denials, and says what is missing."""

    def refuse(*_: object) -> Nflog:
        raise NotPermittedError("Capturing connections needs the capability CAP_NET_ADMIN.")

    monkeypatch.setattr("meshtrail.agent.denied.Nflog", refuse)
    denied = Denied(GROUP, Denials(b"abcdef"), _writer())
    denied.try_open(select.poll(), 0.0)
    assert not denied.is_open
    assert "CAP_NET_ADMIN" in caplog.text
