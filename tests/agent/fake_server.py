"""A server that remembers what it was sent and answers as it was told: the other end of the uplink in tests."""

import contextlib
import http.server
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import zstandard

Row = dict[str, Any]
WAIT_S = 10.0


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]


@dataclass
class Scripted:
    """What to answer; `cut` closes the connection without an answer, `raw` writes what it likes to it before."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    raw: Callable[[socket.socket], None] | None = None


class FakeServer:
    """Answers on one listening socket, which may belong to another network namespace."""

    def __init__(self, listening: socket.socket | None = None) -> None:
        self.requests: list[Request] = []
        self.rows: list[Row] = []
        self.arrived: list[float] = []
        self.facts: list[Row] = []
        self.open_flows: list[Row] = []
        self.script: deque[Scripted] = deque()
        """Answers to the next batches; then all are accepted."""
        self.open_script: deque[Scripted] = deque()
        self.others: dict[str, Callable[[Request], Scripted]] = {}
        """Answers to requests of other paths, by how these begin."""
        self.judge: Callable[[list[bytes]], Scripted | None] = lambda _lines: None
        self._changed = threading.Condition()
        self._http = _Http(self, listening or _listening())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._http.server_address[1])

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()
        for each in list(self._http.connections):
            each.close()

    def disconnect(self) -> None:
        """Close the connections that are open, as a server does with idle ones."""
        for each in list(self._http.connections):
            each.shutdown(socket.SHUT_RDWR)

    def handle(self, request: Request) -> Scripted:
        """Remember a request and give its answer."""
        with self._changed:
            self.requests.append(request)
            answer = self._answer(request)
            self._changed.notify_all()
            return answer

    def _answer(self, request: Request) -> Scripted:
        for path, answer in self.others.items():
            if request.path.startswith(path):
                return answer(request)
        if request.path.startswith("/api/v1/ingest/open"):
            if self.open_script:
                return self.open_script.popleft()
            return Scripted(body=json.dumps({"data": self.open_flows, "next_cursor": None}).encode())
        if request.path == "/api/v1/ingest/facts":
            self.facts.append(json.loads(request.body))
            return Scripted(204, b"")
        lines = zstandard.ZstdDecompressor().decompressobj().decompress(request.body).split(b"\n")
        scripted = self.script.popleft() if self.script else self.judge(lines)
        if scripted is not None and (scripted.cut or scripted.status != 200 or scripted.body is not None):
            return scripted
        rows = [json.loads(line) for line in lines]
        self.rows += rows
        self.arrived += [time.time()] * len(rows)
        return Scripted(body=json.dumps({"stored": len(rows), "duplicates": 0, "refused": 0, "errors": []}).encode())

    def wait(self, condition: Callable[[], bool], what: str = "", timeout_s: float = WAIT_S) -> None:
        """Wait until the condition holds; it is looked at whenever a request has come."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), f"{what}; rows: {self.rows[-20:]}"

    def find(self, **wanted: Any) -> list[Row]:
        """Rows with these values."""
        return [row for row in list(self.rows) if all(row.get(name) == value for name, value in wanted.items())]

    def wait_for(self, count: int = 1, timeout_s: float = WAIT_S, **wanted: Any) -> list[Row]:
        """Wait for rows with these values."""
        self.wait(lambda: len(self.find(**wanted)) >= count, f"no {count} rows with {wanted}", timeout_s)
        return self.find(**wanted)

    def batches(self) -> list[Request]:
        """The batches that came, accepted or not."""
        return [each for each in list(self.requests) if each.path == "/api/v1/ingest/traffic"]


def _listening() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(16)
    return made


class _Http(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, fake: FakeServer, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.fake = listening, fake
        self.server_address = listening.getsockname()
        self.connections: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Cut connections are part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        super().finish()
        self.server.connections.discard(self.connection)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.fake.handle(Request(self.command, self.path, headers, body, self.client_address))
        if answer.raw is not None:
            answer.raw(self.connection)
        if answer.cut or answer.raw is not None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = answer.body or b""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
