"""The uplink against a server that answers as it was told."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.facts import Facts
from meshtrail.agent.spool import Gap, Spool
from meshtrail.agent.uplink import OpenFlow, Uplink
from meshtrail.agent.wire import Wire
from tests.agent.fake_server import FakeServer, Scripted
from tests.agent.netns import until

Start = Callable[..., Uplink]
OURS = b'{"error":{"code":"invalid","message":"The body cannot be read."}}'


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool on disk."""
    made = Spool(tmp_path / "spool", _gap)
    made.open(1)
    yield made
    made.close(2)


@pytest.fixture
def start(fake_server: FakeServer, spool: Spool) -> Iterator[Start]:
    """Starts uplinks to the server, with short waits, and ends them."""
    started: list[Uplink] = []

    def make() -> Uplink:
        wire = Wire(fake_server.url, lambda: "secret")
        made = Uplink(wire, spool, "r1", lambda: 1, random.Random(1), resend_s_min=0.01)
        made.start(lambda: Facts("r1", "host", None, [], {}, {"flows": 3}))
        started.append(made)
        return made

    yield make
    fake_server.script.clear()
    for each in started:
        each.stop()


def _gap(gap: Gap) -> bytes:
    return b'{"state":"gap","n":-1,"gap_lost":%d}' % (gap.lost or 0)


def _rows(*numbers: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in numbers]


def _numbers(server: FakeServer) -> list[int]:
    return [row["n"] for row in server.rows]


def test_acknowledged(fake_server: FakeServer, start: Start) -> None:
    """A batch is sent with token, type, encoding and key, and is done when the server has stored it."""
    uplink = start()
    uplink.put(_rows(1, 2))
    fake_server.wait(lambda: _numbers(fake_server) == [1, 2], "rows")
    headers = fake_server.batches()[0].headers
    assert headers["authorization"] == "Token secret"
    assert headers["content-type"] == "application/x-ndjson"
    assert headers["content-encoding"] == "zstd"
    assert headers["user-agent"].startswith("meshtrail-agent/")
    assert headers["idempotency-key"]
    until(lambda: uplink.waiting == 0, "acknowledged")
    assert (uplink.counters.acknowledged, uplink.counters.failed) == (2, 0)


@pytest.mark.parametrize("trouble", [
    Scripted(503), Scripted(429, headers={"Retry-After": "0"}), Scripted(500), Scripted(cut=True), Scripted(200, b"no json"),
])  # fmt: skip
def test_resend(fake_server: FakeServer, start: Start, trouble: Scripted) -> None:
    """After a refusal for now, a cut connection or an unreadable answer the same batch goes again under the same key."""
    fake_server.script.extend([trouble, trouble])
    uplink = start()
    uplink.put(_rows(1))
    fake_server.wait(lambda: _numbers(fake_server) == [1], "rows")
    batches = fake_server.batches()
    assert len(batches) == 3
    assert len({each.headers["idempotency-key"] for each in batches}) == 1
    assert len({each.body for each in batches}) == 1
    until(lambda: uplink.waiting == 0, "acknowledged")
    assert uplink.counters.failed == 2


def test_too_large(fake_server: FakeServer, start: Start) -> None:
    """A batch that is too large is halved until it fits; nothing is lost, and the order stays."""
    fake_server.judge = lambda lines: Scripted(413) if len(lines) > 2 else None
    uplink = start()
    uplink.put(_rows(*range(9)))
    fake_server.wait(lambda: len(fake_server.rows) == 9, "rows")
    assert _numbers(fake_server) == list(range(9))
    assert uplink.counters.refused == 0


def test_culprit(fake_server: FakeServer, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that cannot be understood is split until the culprit stands alone; only that is dropped, counted and logged."""
    fake_server.judge = lambda lines: Scripted(400, OURS) if b'{"n":5}' in lines else None
    uplink = start()
    uplink.put(_rows(*range(8)))
    fake_server.wait(lambda: len(fake_server.rows) == 7, "rows")
    until(lambda: uplink.waiting == 0, "done")
    assert _numbers(fake_server) == [0, 1, 2, 3, 4, 6, 7]
    assert uplink.counters.refused == 1
    assert '{"n":5}' in caplog.text


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_strangers(fake_server: FakeServer, start: Start, status: int) -> None:
    """What a proxy says in the server's place costs no report."""
    fake_server.script.extend([Scripted(status, b"<html>Bad Request</html>")] * 3)
    uplink = start()
    uplink.put(_rows(1, 2))
    fake_server.wait(lambda: _numbers(fake_server) == [1, 2], "rows")
    until(lambda: uplink.waiting == 0, "acknowledged")
    assert (uplink.counters.refused, uplink.counters.failed) == (0, 3)


@pytest.mark.parametrize("said", [{"stored": 0}, {"stored": 10**9}, {"stored": 1, "refused": 2}])
def test_impossible_numbers(fake_server: FakeServer, start: Start, said: dict[str, int]) -> None:
    """An acknowledgement of more or fewer reports than were sent is none."""
    fake_server.script.append(Scripted(200, json.dumps(said).encode()))
    uplink = start()
    uplink.put(_rows(1, 2))
    fake_server.wait(lambda: _numbers(fake_server) == [1, 2], "rows")
    until(lambda: uplink.waiting == 0, "acknowledged")
    assert (uplink.counters.acknowledged, uplink.counters.failed) == (2, 1)


def test_refused_lines(fake_server: FakeServer, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Lines that the server refuses are counted and logged with field and reason, and never sent again."""
    said = {"stored": 1, "duplicates": 0, "refused": 1, "errors": [{"line": 2, "field": "started_at", "reason": "no time"}]}
    fake_server.script.append(Scripted(200, json.dumps(said).encode()))
    uplink = start()
    uplink.put(_rows(1, 2))
    until(lambda: uplink.counters.refused == 1, "refusal")
    uplink.put(_rows(3))
    fake_server.wait(lambda: _numbers(fake_server) == [3], "rows")
    assert "line 2, started_at: no time" in caplog.text
    assert uplink.counters.acknowledged >= 1


def test_unauthorised(fake_server: FakeServer, start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused token is said plainly, and the reports are kept."""
    monkeypatch.setattr(limits, "UNAUTHORISED_S", 0.01)
    fake_server.script.extend([Scripted(401), Scripted(403)])
    uplink = start()
    uplink.put(_rows(1))
    fake_server.wait(lambda: _numbers(fake_server) == [1], "rows")
    assert uplink.counters.unauthorised == 2
    assert "refuses the agent's token" in caplog.text


def test_one_connection(fake_server: FakeServer, start: Start) -> None:
    """All batches and facts go over one connection."""
    uplink = start()
    for number in range(20):
        uplink.put(_rows(number))
        fake_server.wait(lambda number=number: number in _numbers(fake_server), "rows")  # type: ignore[misc]
    assert len({request.client for request in fake_server.requests}) == 1


def test_facts(fake_server: FakeServer, start: Start) -> None:
    """Facts come with counters at the start, when they change, and after a reconnect."""
    uplink = start()
    fake_server.wait(lambda: len(fake_server.facts) == 1, "first facts")
    assert fake_server.facts[0]["metrics"] == {"flows": 3}
    uplink.tell_facts()
    fake_server.wait(lambda: len(fake_server.facts) == 2, "changed facts")
    fake_server.script.append(Scripted(cut=True))
    uplink.put(_rows(1))
    fake_server.wait(lambda: len(fake_server.rows) == 1, "rows")
    uplink.put(_rows(2))
    fake_server.wait(lambda: len(fake_server.facts) == 3, "facts after the reconnect")


def test_remembered(fake_server: FakeServer, start: Start) -> None:
    """The server is asked page by page, and again until it answers, what it holds open; reports wait until then."""
    row = {"flow_id": "f", "started_at": "2026-11-21T00:00:00Z"}
    fake_server.open_script.extend([
        Scripted(503), Scripted(cut=True),
        Scripted(body=json.dumps({"data": [row], "next_cursor": "f"}).encode()),
        Scripted(body=json.dumps({"data": [row], "next_cursor": None}).encode()),
    ])  # fmt: skip
    uplink = start()
    uplink.put(_rows(1))
    fake_server.wait(lambda: _numbers(fake_server) == [1], "rows")
    assert uplink.remembered == [OpenFlow("f", "2026-11-21T00:00:00Z")] * 2
    paths = [each.path for each in fake_server.requests]
    assert paths[:4] == [f"/api/v1/ingest/open?reporter_id=r1&cursor={cursor}" for cursor in ("", "", "", "f")]
    assert not any("open" in path for path in paths[4:])


def test_a_list_without_end(fake_server: FakeServer, start: Start) -> None:
    """A server whose list of open connections never ends holds nothing up."""
    for number in range(limits.OPEN_PAGES_MAX + 10):
        fake_server.open_script.append(Scripted(body=json.dumps({"data": [], "next_cursor": f"c{number}"}).encode()))
    uplink = start()
    uplink.put(_rows(1))
    fake_server.wait(lambda: _numbers(fake_server) == [1], "rows")
    assert uplink.remembered == []
    assert len(fake_server.open_script) == 10


@pytest.mark.parametrize("answer", [b'{"data": [{"x": ' + b"[" * 50_000, b"[]", b'{"data": 1}', b"\xff"])
def test_a_list_that_cannot_be_read(fake_server: FakeServer, start: Start, answer: bytes) -> None:
    """It is asked for again, and is no fault of ours."""
    fake_server.open_script.append(Scripted(body=answer))
    uplink = start()
    uplink.put(_rows(1))
    fake_server.wait(lambda: _numbers(fake_server) == [1], "rows")
    assert uplink.counters.faults == 0


def test_not_urgent(fake_server: FakeServer, start: Start) -> None:
    """What is not urgent leaves with the next urgent report."""
    uplink = start()
    fake_server.wait(lambda: bool(fake_server.facts), "facts")
    until(lambda: uplink.waiting == 0, "idle")
    uplink.put(_rows(1), urgent=False)
    assert uplink.waiting == 1
    uplink.put(_rows(2))
    fake_server.wait(lambda: _numbers(fake_server) == [1, 2], "rows")


def test_stop_sends_the_rest(fake_server: FakeServer, start: Start) -> None:
    """Stopping sends what is left and says that nothing remains."""
    uplink = start()
    uplink.put(_rows(1), urgent=False)
    assert uplink.stop() == 0
    assert _numbers(fake_server) == [1]


def test_stop_is_bounded(fake_server: FakeServer, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a server that does not take reports, stopping ends in time and says how many remain."""
    monkeypatch.setattr(limits, "STOP_S_MAX", 0.2)
    fake_server.judge = lambda _lines: Scripted(503)
    uplink = start()
    uplink.put(_rows(1, 2, 3))
    assert uplink.stop() == 3


def test_backlog(fake_server: FakeServer, spool: Spool, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits from before leaves at once and in order, batch after batch, without anything new to send it along."""
    monkeypatch.setattr(limits, "BATCH_ROWS_MAX", 10)
    for number in range(0, 100, 5):
        spool.put(_rows(*range(number, number + 5)), number)
    start()
    fake_server.wait(lambda: len(fake_server.rows) == 100, "rows")
    assert _numbers(fake_server) == list(range(100))
    assert len(fake_server.batches()) == 10
    until(lambda: not spool, "acknowledged")


def test_full_while_away(fake_server: FakeServer, tmp_path: Path) -> None:
    """Reports that found no room while the server was away are told of in a gap, before those that did."""
    small = Spool(tmp_path / "small", _gap, bytes_max=600_000)
    small.open(1)
    chance = random.Random(1)
    for number in range(80):
        small.put([b'{"n":%d,"x":"%s"}' % (number, chance.randbytes(8_000).hex().encode())], number)
    uplink = Uplink(Wire(fake_server.url, lambda: "secret"), small, "r1", lambda: 1, random.Random(1), resend_s_min=0.01)
    uplink.start(lambda: Facts("r1", "host", None, [], {}, {}))
    uplink.put(_rows(80))
    fake_server.wait(lambda: 80 in _numbers(fake_server), "rows")
    assert uplink.stop() == 0
    assert small.close(2) == 0
    first, *others = _numbers(fake_server)
    assert first == -1
    assert others == list(range(80 - len(others) + 1, 81))
    assert fake_server.rows[0]["gap_lost"] == small.counters.dropped == others[0] > 0
