"""A server that answers nonsense, or somebody else in its place: nothing is lost, nothing unsigned is enforced, memory stays small."""

import contextlib
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from meshtrail.agent import limits
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.service import Agent
from meshtrail.model.network_map import NetworkMap
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer, Request, Scripted
from tests.agent.maps import MapServer, network_map, rule
from tests.agent.netns import AgentProcess, Pair, until
from tests.e2e.faults.witness import connect, in_force, reaches, rules, survives, turns

pytestmark = [pytest.mark.netns, pytest.mark.slow]
PAGE = b"<!doctype html><title>Sign in to the hotel's network</title>"
HTML = {"Content-Type": "text/html"}
MEMORY_KB_MAX = 60_000 + 2 * (2 * limits.ANSWER_BYTES_MAX) // 1024
"""What an agent takes, and a whole answer on each of its two connections, once as it comes and once as it is handed on."""


def _raw(*pieces: bytes, times: int = 1) -> Scripted:
    """Bytes on the wire, and its end."""

    def answer(opened: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for piece in pieces[:-1]:
                opened.sendall(piece)
            for _ in range(times):
                opened.sendall(pieces[-1])

    return Scripted(raw=answer)


def _number(name: str, value: int) -> Scripted:
    return Scripted(body=json.dumps({name: value}).encode())


HEAD = b"HTTP/1.1 200 OK\r\n"
NONSENSE: dict[str, Scripted] = {
    "a page": Scripted(200, PAGE, HTML),
    "nothing": Scripted(200, b""),
    "garbage": Scripted(200, bytes(range(256)) * 40),
    "deep JSON": Scripted(200, b"[" * 200_000),
    "other JSON": Scripted(200, b'{"data": 5, "stored": "all", "payload": []}'),
    "too few": _number("stored", 0),
    "too many": _number("stored", 10**12),
    "no content": Scripted(204),
    "created": Scripted(201, PAGE),
    "a redirect": Scripted(302, b"", {"Location": "http://10.77.0.2/elsewhere"}),
    "not found": Scripted(404, PAGE, HTML),
    "bad request": Scripted(400, PAGE, HTML),
    "too large": Scripted(413, PAGE, HTML),
    "no such type": Scripted(415, PAGE, HTML),
    "unprocessable": Scripted(422, PAGE, HTML),
    "broken": Scripted(500, PAGE, HTML),
    "overloaded": Scripted(503, b"", {"Retry-After": "-1e9"}),
    "closed": Scripted(cut=True),
    "half a head": _raw(HEAD + b"Content-Le"),
    "half a body": _raw(HEAD + b'Content-Length: 500\r\n\r\n{"stored": 1'),
    "no length": _raw(HEAD + b"Content-Length: many\r\n\r\n" + PAGE),
    "less than nothing": _raw(HEAD + b"Content-Length: -5\r\n\r\n" + PAGE),
    "bad chunks": _raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n"),
    "no HTTP": _raw(b"220 mail.example ESMTP\r\n"),
    "an endless head": _raw(HEAD, b"X-More: and more\r\n", times=20_000),
    "an endless line": _raw(HEAD + b"X-More: ", b"m" * 65_536, times=100),
    "an endless body": _raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"[" * 65_536 + b"\r\n", times=2_000),
    "a huge body": _raw(HEAD + b"Content-Length: 10000000000000\r\n\r\n", b"[" * 65_536, times=2_000),
}


def _memory_kb(agent: AgentProcess) -> int:
    """The most memory that the agent has had."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    return int(found[1])


def test_nonsense(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """Whatever comes instead of an answer, to whatever question: each report arrives when sense returns, and rules stay."""
    maps.offer(network_map(5, rule(4_711)))
    agent = launch().ready()
    in_force(pair.near, "4711")
    until(lambda: len(maps.asked) > 1, "the map is confirmed")
    sense = near_server.others
    for what, nonsense in NONSENSE.items():
        given: list[str] = []

        def answer(request: Request, nonsense: Scripted = nonsense, given: list[str] = given) -> Scripted:
            given.append(request.path.split("?")[0])
            return nonsense

        near_server.others = {"/": answer}
        port = connect(pair)
        near_server.wait(lambda given=given: {"/api/v1/agent/network-map", "/api/v1/ingest/traffic"} <= {*given}, what)  # type: ignore[misc]
        asked, near_server.others = len(maps.asked), sense
        near_server.wait_for(destination_port=port, state="closed", timeout_s=15)
        until(lambda asked=asked: len(maps.asked) > asked, f"the map is asked for after {what}")  # type: ignore[misc]
    assert "dport 4711" in rules(pair.near)
    assert _memory_kb(agent) < MEMORY_KB_MAX
    agent.stop()
    counted = agent.counters()
    assert counted["reports_refused"] == counted["reports_dropped"] == counted["uplink_faults"] == counted["map_faults"] == 0
    assert counted["batches_failed"] >= len(NONSENSE)
    assert counted["connect_failures"] > 0
    for said in ("cannot be read", "the network map is refused (no_envelope)", "answers 302", "answers 400", "no answer from the server"):
        assert said in agent.text()


def _of_another_peer(made: NetworkMap) -> NetworkMap:
    return msgspec.structs.replace(made, peer_id="r2")


BAD_MAPS: dict[str, Callable[[MapServer], None]] = {
    "bad_signature": lambda maps: maps.offer(network_map(9, rule(666)), forged=True),
    "older": lambda maps: maps.offer(network_map(4, rule(666))),
    "wrong_peer": lambda maps: maps.offer(_of_another_peer(network_map(9, rule(666)))),
    "malformed": lambda maps: maps.offer(network_map(9, msgspec.structs.replace(rule(666), sources=("10.0.0.0/8 accept; drop",)))),
}


def test_maps_that_are_not_to_be_enforced(pair: Pair, near_server: FakeServer, maps: MapServer, launch: Launch) -> None:
    """A map that is forged, old, another's or impossible is refused with the reason and counted; the next good one is taken."""
    with pair.near.listen("10.77.0.1") as good, pair.near.listen("10.77.0.1") as other:
        maps.offer(network_map(5, rule(good.getsockname()[1])))
        agent = launch().ready()
        in_force(pair.near, f"dport {good.getsockname()[1]}")
        for reason, offer in BAD_MAPS.items():
            offer(maps)
            until(lambda reason=reason: f"refused ({reason})" in agent.text(), reason)  # type: ignore[misc]
            assert "666" not in rules(pair.near)
            assert reaches(pair, good)
        maps.offer(network_map(10, rule(other.getsockname()[1])))
        in_force(pair.near, f"dport {other.getsockname()[1]}", timeout_s=30)
        assert reaches(pair, other)
        assert not reaches(pair, good)
    survives(pair, near_server)
    agent.stop()
    assert agent.counters()["map_refused"] >= len(BAD_MAPS)
    assert agent.counters()["map_serial"] == 10


def test_a_slow_drip(pair: Pair, near_server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends its answer a byte at a time holds the agent for a bounded time; then all is sent again."""
    monkeypatch.setattr(limits, "ANSWER_S_MAX", 1.0)
    agent = Agent(AgentConfig(near_server.url, "secret", "r1", "host1", run_folder=tmp_path, state_folder=tmp_path / "state"))
    ended = []

    def drip(opened: socket.socket) -> None:
        with contextlib.suppress(OSError):
            opened.settimeout(0.05)
            opened.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
            while True:
                opened.sendall(b"[")
                with contextlib.suppress(TimeoutError):
                    if not opened.recv(1):
                        break
        ended.append(True)

    def capture() -> None:
        agent.start()
        try:
            turns(agent, lambda: bool(near_server.facts), "the agent is connected")
            near_server.others = {"/": lambda _request: Scripted(raw=drip)}
            port = connect(pair)
            turns(agent, lambda: len(ended) >= 2, "two answers are given up")
            near_server.others = {}
            found = {"destination_port": port, "state": "closed"}
            turns(agent, lambda: bool(near_server.find(**found)), "the report arrives")
        finally:
            agent.stop()

    pair.near.inside(capture)
    assert agent.metrics()["reports_dropped"] == 0
    assert agent.metrics()["connect_failures"] >= 2
