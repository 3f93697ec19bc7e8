"""The one connection to the server."""

import contextlib
import socket
import threading
import time

import pytest

from meshtrail.agent import limits
from meshtrail.agent.wire import AddressError, Wire
from tests.agent.fake_server import FakeServer, Scripted
from tests.agent.netns import until

OPEN = "/api/v1/ingest/open"


def test_kept_open(fake_server: FakeServer) -> None:
    """Requests share one connection, whose local port is known."""
    wire = Wire(fake_server.url, lambda: "secret")
    for _ in range(3):
        answer = wire.request("GET", OPEN)
        assert answer is not None
        assert answer.status == 200
    assert wire.connects == 1
    assert {request.client[1] for request in fake_server.requests} <= wire.local_ports
    wire.close()


def test_idle_close(fake_server: FakeServer) -> None:
    """A connection that the server closed while it was idle is replaced without a failed request, and counted."""
    wire = Wire(fake_server.url, lambda: "secret")
    wire.request("GET", OPEN)
    fake_server.disconnect()
    until(lambda: wire._connection is not None and wire._closed_by_server(wire._connection), "the end arrives")
    assert wire.request("GET", OPEN) is not None
    assert (wire.connects, wire.idle_closes, wire.failures) == (2, 1, 0)
    wire.close()


def test_no_answer(fake_server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    """A cut connection gives no answer, is counted, and said once until the server answers again."""
    wire = Wire(fake_server.url, lambda: "secret")
    fake_server.open_script.extend([Scripted(cut=True)] * 2)
    assert wire.request("GET", OPEN) is None
    assert wire.request("GET", OPEN) is None
    assert wire.request("GET", OPEN) is not None
    assert wire.failures == 2
    assert caplog.text.count("no answer from the server") == 1
    wire.close()


def _drip(piece: bytes) -> Scripted:
    """An answer that never ends, a piece at a time."""
    go_on = threading.Event()

    def answer(opened: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not go_on.wait(0.02):
                opened.sendall(piece)

    return Scripted(raw=answer)


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"])
def test_slow_drip(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch, piece: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that does not come to its end is given up in time, in its head as in its body."""
    monkeypatch.setattr(limits, "ANSWER_S_MAX", 0.3)
    fake_server.open_script.append(_drip(piece))
    wire = Wire(fake_server.url, lambda: "secret")
    began_s = time.monotonic()
    assert wire.request("GET", OPEN) is None
    assert time.monotonic() - began_s < 5
    assert "no answer from the server" in caplog.text
    assert wire.request("GET", OPEN) is not None
    wire.close()


def test_huge(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that is too large is none, and its rest is not read."""
    monkeypatch.setattr(limits, "ANSWER_BYTES_MAX", 1_000)
    fake_server.open_script.extend([Scripted(body=b"x" * 1_001), Scripted(body=b"x" * 1_000)])
    wire = Wire(fake_server.url, lambda: "secret")
    assert wire.request("GET", OPEN) is None
    assert "more than 1000 bytes" in caplog.text
    assert wire.request("GET", OPEN) is not None
    assert (wire.connects, wire.failures) == (2, 1)
    wire.close()


@pytest.mark.parametrize(("body", "code"), [
    (b'{"error":{"code":"peer_removed","message":"m","remedy":""}}', "peer_removed"), (b"<html>", ""), (b"", ""), (b'{"error":"x"}', ""),
    (b"[" * 100_000, ""),
])  # fmt: skip
def test_code(fake_server: FakeServer, body: bytes, code: str) -> None:
    """Our server's refusals are known by their code."""
    fake_server.open_script.append(Scripted(403, body))
    wire = Wire(fake_server.url, lambda: "secret")
    answer = wire.request("GET", OPEN)
    assert answer is not None
    assert answer.code == code
    wire.close()


def test_nobody_listens() -> None:
    """A server that is not there gives no answer."""
    assert Wire("http://127.0.0.1:1", lambda: "secret").request("GET", OPEN) is None


@pytest.mark.parametrize(("value", "seconds"), [("3", 3.0), ("99999", 120.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), (None, None)])
def test_retry_after(fake_server: FakeServer, value: str | None, seconds: float | None) -> None:
    """The wait that a server asks for is read, within a bound."""
    fake_server.open_script.append(Scripted(429, headers={} if value is None else {"Retry-After": value}))
    wire = Wire(fake_server.url, lambda: "secret")
    answer = wire.request("GET", OPEN)
    assert answer is not None
    assert answer.retry_after_s == seconds
    wire.close()


@pytest.mark.parametrize("server", ["ftp://x", "127.0.0.1:8765", "http://", ""])
def test_address(server: str) -> None:
    """An address that cannot be used is refused in two lines: what, and what to do."""
    with pytest.raises(AddressError) as refusal:
        Wire(server, lambda: "secret")
    assert len(str(refusal.value).splitlines()) == 2
