"""`agent-drain`: a server that does not answer for ten minutes while connections come at 2,000 a second, and how fast the
agent's backlog leaves afterwards: to a real server, and to one that only acknowledges, which shows the agent's own share.
"""

import http.server
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import zstandard

from bench.backlog import Drained, Filled
from bench.line import Figure, at_least, at_most
from tests.servers import ServerProcess

RATE = 2_000
STALL_S = 600
CONNECTIONS = RATE * STALL_S
REPORTS = 2 * CONNECTIONS
"""Each connection is reported when it begins and when it ends."""

AIM = 50_000
STORED_S_MAX = 60.0
"""Time until what was acknowledged is counted by the API."""


def run() -> list[Figure]:
    """Fill once, drain twice."""
    with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        base = Path(folder)
        filled = msgspec.json.decode(_apart("", "fill", base / "spool", CONNECTIONS, RATE), type=Filled)
        shutil.copytree(base / "spool", base / "copy")
        with _acknowledging() as url:
            alone = msgspec.json.decode(_apart("", "drain", base / "copy", url), type=Drained)
        with ServerProcess(base / "data") as server:
            real = msgspec.json.decode(_apart(server.token, "drain", base / "spool", server.url), type=Drained)
            stored, gaps = _stored(server)
    lost = max(filled.dropped + real.lost, REPORTS - real.acknowledged)
    return [
        at_least("agent-drain: to a server", real.acknowledged / real.seconds, "events/s", AIM),
        at_least("agent-drain: to one that only acknowledges", alone.acknowledged / alone.seconds, "events/s", AIM),
        at_most("agent-drain: lost", lost, "reports", 0),
        at_most("agent-drain: not in the store", CONNECTIONS - stored, "connections", 0),
        at_most("agent-drain: gaps", gaps, "gaps", 0),
        Figure("agent-drain: spool after the stall", filled.size / 1e6, "MB"),
        Figure("agent-drain: memory that the stall took", filled.grown / 1e6, "MB"),
        Figure("agent-drain: puts", REPORTS / filled.put_s, "reports/s"),
        Figure("agent-drain: memory at the most", real.memory / 1e6, "MB"),
        Figure("agent-drain: agent's processor, a million", real.processor_s / real.acknowledged * 1e6, "s"),
        Figure("agent-drain: a request", real.acknowledged / real.batches, "reports"),
    ]


def _apart(token: str, *arguments: object) -> bytes:
    """What a process of the agent's size prints."""
    command = [sys.executable, "-m", "bench.backlog", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "TOKEN": token}).stdout


def _stored(server: ServerProcess) -> tuple[int, int]:
    """Connections that ended and are in the store, and gaps."""
    deadline = time.monotonic() + STORED_S_MAX
    while True:
        _, answer = server.call("GET", "/api/v1/traffic/histogram?state=closed")
        found = sum(bar["allowed"] + bar["denied"] + bar["unknown"] for bar in answer["data"])
        if found >= CONNECTIONS or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    _, answer = server.call("GET", "/api/v1/traffic?state=gap&limit=1000")
    return found, len(answer["data"])


class _Acknowledges(http.server.BaseHTTPRequestHandler):
    """Takes every batch, and counts its lines because the agent compares."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Nothing is open."""
        self._answer({"data": [], "next_cursor": None})

    def do_POST(self) -> None:
        """All is stored."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "zstd":
            body = zstandard.ZstdDecompressor().decompress(body)
        self._answer({"stored": body.count(b"\n") + 1})

    def _answer(self, content: object) -> None:
        body = msgspec.json.encode(content)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not a word."""


def _serve(told: Connection) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Acknowledges)
    told.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def _acknowledging() -> Iterator[str]:
    """A process that acknowledges, and its address."""
    context = multiprocessing.get_context("spawn")
    hears, tells = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(tells,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{hears.recv()}"
    finally:
        process.terminate()
        process.join()
