"""Sends reports until the server has acknowledged them.

One thread, one connection that stays open: the agent sees its own uplink as one connection, not as one a batch. A batch
keeps its idempotency key through all attempts. The queue is bounded; when it is full the oldest reports go, are counted,
and a gap says so. (A spool on disk takes this queue's place when it comes.)
"""

import http.client
import logging
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import msgspec
import zstandard

from meshtrail.agent import limits
from meshtrail.agent.facts import Facts

_LOG = logging.getLogger(__name__)
USER_AGENT = "meshtrail-agent/1"
_COMPRESSION_LEVEL = 1


class Refusal(msgspec.Struct):
    """A line the server does not take."""

    line: int
    field: str
    reason: str


class Acknowledgement(msgspec.Struct):
    """The server's answer to a batch."""

    stored: int
    duplicates: int
    refused: int
    errors: list[Refusal]


class OpenFlow(msgspec.Struct):
    """A connection that the server holds open."""

    flow_id: str
    started_at: str
    protocol: int
    source_address: str
    destination_address: str
    source_port: int | None = None
    destination_port: int | None = None


class _OpenFlows(msgspec.Struct):
    data: list[OpenFlow]
    next_cursor: str | None


@dataclass(slots=True)
class Counters:
    """What the uplink did."""

    queued: int = 0
    acknowledged: int = 0
    refused: int = 0
    dropped: int = 0
    attempts_failed: int = 0


@dataclass(slots=True)
class _Batch:
    lines: list[bytes]
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Uplink:
    """A queue of report lines and the thread that empties it."""

    def __init__(self, server: str, token: str, on_gap: Callable[[int, int, int], bytes], clock: Callable[[], int]) -> None:
        parts = urlsplit(server)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{server!r} is no web address; write it as http://127.0.0.1:8765")
        self._secure, self._host = parts.scheme == "https", parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._token = token
        self._on_gap, self._clock = on_gap, clock
        self.counters = Counters()
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped_since: int | None = None
        self._dropped = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._facts: Facts | None = None
        self._facts_sent: Facts | None = None
        self._compress = zstandard.ZstdCompressor(_COMPRESSION_LEVEL).compress
        self._wait_s = limits.RESEND_S_MIN

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> int:
        """Send what is left, bounded in time; returns how many reports could not be sent."""
        deadline = time.monotonic() + limits.STOP_S_MAX
        with self._changed:
            self._changed.wait_for(lambda: not self._lines, timeout=limits.STOP_S_MAX)
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(max(0.1, deadline - time.monotonic()))
        return len(self._lines)

    def put(self, lines: list[bytes]) -> None:
        """Queue reports; the oldest go when there is no room."""
        with self._changed:
            self._lines.extend(lines)
            self._bytes += sum(map(len, lines))
            self.counters.queued += len(lines)
            while self._bytes > limits.QUEUE_BYTES_MAX:
                self._bytes -= len(self._lines.popleft())
                self._dropped += 1
                self.counters.dropped += 1
                self._dropped_since = self._dropped_since or self._clock()
            self._changed.notify_all()

    def put_facts(self, facts: Facts) -> None:
        """What the machine is; sent before the next reports, and again after a reconnect."""
        with self._changed:
            self._facts = facts
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Reports not acknowledged yet."""
        return len(self._lines)

    def open_flows(self, reporter_id: str) -> list[OpenFlow] | None:
        """Connections of this reporter that the server holds open; None when it cannot be reached now.

        Called before `start`, by the thread that owns the uplink then."""
        found: list[OpenFlow] = []
        cursor = ""
        while True:
            answer = self._request(
                "GET", f"/api/v1/ingest/open?reporter_id={quote(reporter_id)}&cursor={quote(cursor)}", None, {}
            )
            if answer is None or answer[0] != 200:
                return None
            page = msgspec.json.decode(answer[1], type=_OpenFlows)
            found += page.data
            if page.next_cursor is None:
                return found
            cursor = page.next_cursor

    def _run(self) -> None:
        last = 0.0
        while not self._stop.is_set():
            with self._changed:
                self._changed.wait_for(
                    lambda: self._lines or self._facts != self._facts_sent or self._stop.is_set(), timeout=1.0
                )
            linger = last + limits.LINGER_S - time.monotonic()
            if linger > 0:
                self._stop.wait(linger)
            if self._facts != self._facts_sent:
                self._send_facts()
            if self._lines:
                self._send_batch(self._take())
            last = time.monotonic()
        if self._connection is not None:
            self._connection.close()

    def _take(self) -> _Batch:
        """The next batch; its lines leave the queue only when it is acknowledged, except under pressure."""
        with self._changed:
            if self._dropped and self._dropped_since is not None:
                gap = self._on_gap(self._dropped_since, self._clock(), self._dropped)
                self._lines.appendleft(gap)
                self._bytes += len(gap)
                self._dropped, self._dropped_since = 0, None
            lines = [self._lines.popleft() for _ in range(min(len(self._lines), limits.BATCH_ROWS_MAX))]
            self._bytes -= sum(map(len, lines))
        return _Batch(lines)

    def _send_batch(self, batch: _Batch) -> None:
        """Resend until acknowledged. A batch too large is halved; a batch that cannot be understood is split until the
        culprit stands alone, which is dropped and counted."""
        while True:
            outcome = self._attempt(batch)
            if outcome == "done":
                break
            if outcome == "split" and len(batch.lines) > 1:
                middle = len(batch.lines) // 2
                self._send_batch(_Batch(batch.lines[:middle]))
                self._send_batch(_Batch(batch.lines[middle:]))
                return
            if outcome == "split":
                self.counters.refused += 1
                _LOG.error("the server cannot take a report; it is dropped: %s", batch.lines[0][:300])
                break
            if self._stop.wait(self._wait_s * random.uniform(0.5, 1.0)):
                with self._changed:
                    self._lines.extendleft(reversed(batch.lines))
                return
            self._wait_s = min(self._wait_s * 2, limits.RESEND_S_MAX)
        with self._changed:
            self._changed.notify_all()

    def _attempt(self, batch: _Batch) -> str:
        body = self._compress(b"\n".join(batch.lines))
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "zstd", "Idempotency-Key": batch.key}
        answer = self._request("POST", "/api/v1/ingest/traffic", body, headers)
        if answer is None:
            return "again"
        status, content = answer
        if status == 200:
            said = msgspec.json.decode(content, type=Acknowledgement)
            self.counters.acknowledged += said.stored + said.duplicates
            self.counters.refused += said.refused
            for refusal in said.errors[:5]:
                _LOG.error("the server refuses a report: %s: %s", refusal.field, refusal.reason)
            self._wait_s = limits.RESEND_S_MIN
            return "done"
        self.counters.attempts_failed += 1
        if status in {400, 413, 415, 422}:
            return "split"
        if status in {401, 403}:
            _LOG.error("the server does not accept the agent's token; reports wait. Give it a new one and restart.")
            self._wait_s = limits.RESEND_S_MAX
        return "again"

    def _send_facts(self) -> None:
        facts = self._facts
        answer = self._request(
            "POST", "/api/v1/ingest/facts", msgspec.json.encode(facts), {"Content-Type": "application/json"}
        )
        if answer is not None and answer[0] < 300:
            self._facts_sent = facts
        elif answer is None:
            self._stop.wait(self._wait_s)

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes] | None:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=limits.REQUEST_TIMEOUT_S)
        sent = {"Authorization": f"Token {self._token}", "User-Agent": USER_AGENT, **headers}
        try:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.counters.attempts_failed += 1
            _LOG.warning("no answer from the server: %s", error)
            self._connection.close()
            self._connection = None
            self._facts_sent = None
            return None
