"""`ingest`: 1,000,000 events through HTTP, durable and enriched, against the engine alone and against SQLite."""

import http.client
import queue
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from bench import data
from bench.line import Figure, apart, at_least
from tests.servers import ServerProcess

ROWS = 1_000_000
SQLITE_ROWS = 20_000
SENDERS = 3
"""Connections that send at once: while one waits for its commit the others are decoded."""


def run() -> list[Figure]:
    """NDJSON and Arrow through HTTP, the bare insert of the same rows, SQLite row by row."""
    batches = data.tables(ROWS)
    with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        base = Path(folder)
        bare = apart(data.bare_insert, base / "bare", ROWS)
        ndjson = through_http(base / "ndjson", data.ndjson_bodies(batches), "application/x-ndjson")
        arrow = through_http(base / "arrow", data.arrow_bodies(batches), "application/vnd.apache.arrow.stream")
        sqlite = row_by_row(base / "rows.sqlite")
    return [
        at_least("ingest: NDJSON over HTTP", ndjson, "events/s", 100_000),
        at_least("ingest: Arrow IPC over HTTP", arrow, "events/s", 250_000),
        Figure("ingest: bare engine insert", bare, "events/s"),
        at_least("ingest: Arrow against bare insert", arrow / bare, "×", 0.4),
        Figure("ingest: SQLite, a commit a row", sqlite, "events/s"),
        Figure("ingest: NDJSON against SQLite", ndjson / sqlite, "×"),
    ]


def through_http(folder: Path, bodies: list[bytes], kind: str) -> float:
    """Events a second from the first byte sent to the last acknowledgement."""
    with ServerProcess(folder) as server:
        for peer in data.PEERS:
            facts = msgspec.json.encode({"id": peer.id, "name": peer.name, "os": peer.os, "addresses": peer.addresses})
            server.call("POST", "/api/v1/ingest/facts", facts, Content_Type="application/json")
        waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        for body in bodies:
            waiting.put(body)
        stored: list[int] = []
        threads = [threading.Thread(target=_send, args=(server, waiting, kind, stored)) for _ in range(SENDERS)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - begun
    if sum(stored) != ROWS:
        raise RuntimeError(f"{sum(stored)} of {ROWS} events were stored")
    return ROWS / elapsed


def _send(server: ServerProcess, waiting: "queue.SimpleQueue[bytes]", kind: str, stored: list[int]) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=120)
    while True:
        try:
            body = waiting.get_nowait()
        except queue.Empty:
            break
        connection.request("POST", "/api/v1/ingest/traffic", body, {"Authorization": f"Token {server.token}", "Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content.decode())
        stored.append(msgspec.json.decode(content)["stored"])
    connection.close()


def row_by_row(path: Path) -> float:
    """SQLite as web applications use it: one INSERT and one commit an event, WAL, synchronous=FULL."""
    rows = [tuple(str(value) for value in row.values()) for row in data.tables(SQLITE_ROWS)[0].to_pylist()]
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"CREATE TABLE traffic ({', '.join(f'c{n}' for n in range(len(rows[0])))})")
    statement = f"INSERT INTO traffic VALUES ({', '.join('?' * len(rows[0]))})"
    begun = time.perf_counter()
    for row in rows:
        connection.execute(statement, row)
        connection.commit()
    elapsed = time.perf_counter() - begun
    connection.close()
    return len(rows) / elapsed
