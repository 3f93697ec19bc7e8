"""Sends reports until the server has acknowledged them: one thread over one connection.

It asks the server first what it still holds open, because reports of a restarted agent have to wait for that, then sends
batches, and the facts of the machine when they change, after a reconnect and from time to time with the counters.
"""

import enum
import logging
import random
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from meshtrail.agent import limits
from meshtrail.agent.facts import Facts
from meshtrail.agent.spool import Batch, Spool
from meshtrail.agent.wire import Answer, Wire

_LOG = logging.getLogger(__name__)
_REFUSALS_LOGGED_MAX = 5
_UNUSABLE = {400, 413, 415, 422}


class Refusal(msgspec.Struct):
    """A line the server does not take."""

    line: int
    field: str
    reason: str


class Acknowledgement(msgspec.Struct):
    """The server's answer to a batch."""

    stored: int
    duplicates: int = 0
    refused: int = 0
    errors: list[Refusal] = []


class OpenFlow(msgspec.Struct):
    """A connection that the server holds open."""

    flow_id: str
    started_at: str
    protocol: int | None = None
    source_address: str | None = None
    destination_address: str | None = None
    source_port: int | None = None
    destination_port: int | None = None


class _OpenFlows(msgspec.Struct):
    data: list[OpenFlow]
    next_cursor: str | None = None


class Outcome(enum.Enum):
    """What an attempt to send a batch came to."""

    done = 1
    again = 2
    split = 3


class Counters(msgspec.Struct):
    """What the uplink did."""

    acknowledged: int = 0
    refused: int = 0
    batches: int = 0
    failed: int = 0
    unauthorised: int = 0
    split: int = 0
    faults: int = 0


class Uplink:
    """The thread that empties the spool."""

    def __init__(
        self,
        wire: Wire,
        spool: Spool,
        reporter_id: str,
        clock: Callable[[], int],
        chance: random.Random | None = None,
        resend_s_min: float = limits.RESEND_S_MIN,
    ) -> None:
        self._wire, self._spool, self._reporter_id, self._clock = wire, spool, reporter_id, clock
        self._chance = chance or random.Random()
        self._resend_s_min = self._wait_s = resend_s_min
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._ending = False
        self._urgent = False
        self._facts: Callable[[], Facts] | None = None
        self._facts_changed = True
        self._facts_due = 0.0
        self._facts_connects = 0
        self._pulse_s = limits.METRICS_INTERVAL_S
        self.remembered: list[OpenFlow] | None = None
        """What the server held open when the agent started; None until it has said so."""
        self.counters = Counters()

    def start(self, facts: Callable[[], Facts]) -> None:
        """Start the thread. `facts` gives what is to be said of the machine, counters included."""
        self._facts = facts
        self._thread.start()

    def put(self, lines: list[bytes], *, urgent: bool = True) -> None:
        """Queue reports. What is not urgent waits for something that is, or for the next facts."""
        self._spool.put(lines, self._clock())
        if urgent and not self._urgent:
            with self._changed:
                self._urgent = True
                self._changed.notify_all()

    def tell_facts(self) -> None:
        """The facts have changed: say so soon."""
        with self._changed:
            self._facts_changed = True
            self._changed.notify_all()

    def stop(self) -> int:
        """Send what is left, bounded in time; returns how many reports stay in the spool."""
        deadline = time.monotonic() + limits.STOP_S_MAX
        with self._changed:
            self._ending = self._urgent = True
            self._changed.notify_all()
            if self._thread.is_alive():
                self._changed.wait_for(lambda: not self._spool, timeout=limits.STOP_S_MAX)
            self._stop.set()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(max(0.1, deadline - time.monotonic()))
        return self.waiting

    @property
    def waiting(self) -> int:
        """Reports not acknowledged yet."""
        return self._spool.rows

    def _run(self) -> None:
        """The thread. A fault of ours must not end it in silence: it is logged, counted, and the work goes on."""
        while not self._stop.is_set():
            try:
                self._work()
            except Exception:  # noqa: BLE001  whatever it is, reports must not pile up behind it in silence
                self.counters.faults += 1
                _LOG.exception("a fault in the uplink; it goes on")
                self._pause()
        self._wire.close()

    def _work(self) -> None:
        while self.remembered is None and not self._stop.is_set():
            self.remembered = self._ask_open_flows()
            if self.remembered is None:
                self._pause()
        last = 0.0
        more = bool(self._spool)
        while not self._stop.is_set():
            if not more:
                self._wait_for_work(last)
            if self._facts_changed or time.monotonic() >= self._facts_due or self._wire.connects != self._facts_connects:
                self._send_facts()
            self._urgent = False
            batch = self._spool.take()
            more = batch is not None and batch.more
            if batch is not None and self._send(batch):
                self._spool.ack(batch)
                last = time.monotonic()
            with self._changed:
                self._changed.notify_all()

    def _wait_for_work(self, last: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._urgent or self._facts_changed or self._stop.is_set(), timeout=max(0.0, self._facts_due - time.monotonic())
            )
        linger = last + limits.LINGER_S - time.monotonic()
        if linger > 0 and not self._ending:
            self._stop.wait(linger)

    def _pause(self, at_least_s: float | None = None) -> None:
        """Wait before the next attempt: longer each time, and not in step with other agents."""
        chosen = self._wait_s * self._chance.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, limits.RESEND_S_MAX)
        self._stop.wait(max(chosen, at_least_s or 0.0))

    def _ask_open_flows(self) -> list[OpenFlow] | None:
        """All pages, or as many as there can be: what is left out ends at the server by its silence."""
        found: list[OpenFlow] = []
        cursor = ""
        for _ in range(limits.OPEN_PAGES_MAX):
            answer = self._wire.request("GET", f"/api/v1/ingest/open?reporter_id={quote(self._reporter_id)}&cursor={quote(cursor)}")
            if answer is None or answer.status != 200:
                self._explain(answer)
                return None
            try:
                page = msgspec.json.decode(answer.body, type=_OpenFlows)
            except (msgspec.MsgspecError, RecursionError) as error:
                _LOG.warning("the server's list of open connections cannot be read: %s", error)
                return None
            found += page.data
            if page.next_cursor is None or page.next_cursor == cursor:
                break
            cursor = page.next_cursor
        self._wait_s = self._resend_s_min
        return found

    def _send(self, batch: Batch) -> bool:
        """Resend until acknowledged; False when the agent stops first. A batch too large is halved; one that cannot be
        understood is split until the culprit stands alone, which is dropped and counted.
        """
        while not self._stop.is_set():
            outcome, wait_s = self._attempt(batch)
            if outcome is Outcome.done:
                return True
            if outcome is Outcome.again:
                self._pause(wait_s)
            elif batch.rows > 1:
                self.counters.split += 1
                first, second = batch.halves()
                return self._send(first) and self._send(second)
            else:
                self.counters.refused += 1
                _LOG.error("the server cannot take a report; it is dropped: %s", batch.lines()[0][:300])
                return True
        return False

    def _attempt(self, batch: Batch) -> tuple[Outcome, float | None]:
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "zstd", "Idempotency-Key": batch.key}
        answer = self._wire.request("POST", "/api/v1/ingest/traffic", batch.body, headers)
        if answer is not None and answer.status == 200:
            return self._acknowledge(batch, answer), None
        self.counters.failed += 1
        if answer is not None and self._is_verdict(batch, answer):
            return Outcome.split, None
        return Outcome.again, self._explain(answer)

    def _is_verdict(self, batch: Batch, answer: Answer) -> bool:
        """Whether this is about what was sent. Of a stranger in between only that a batch is too large for him is believed: he
        may have halves, but nothing is dropped for what he says."""
        return answer.status in _UNUSABLE and (bool(answer.code) or (answer.status == 413 and batch.rows > 1))

    def _acknowledge(self, batch: Batch, answer: Answer) -> Outcome:
        try:
            said = msgspec.json.decode(answer.body, type=Acknowledgement)
            if said.stored + said.duplicates + said.refused != batch.rows:
                raise msgspec.ValidationError(f"it is about {said.stored + said.duplicates + said.refused} reports of {batch.rows}")
        except (msgspec.MsgspecError, RecursionError) as error:
            _LOG.warning("the server's acknowledgement cannot be read, the batch is sent again: %s", error)
            self.counters.failed += 1
            return Outcome.again
        self.counters.batches += 1
        self.counters.acknowledged += batch.rows - said.refused
        self.counters.refused += said.refused
        for refusal in said.errors[:_REFUSALS_LOGGED_MAX]:
            _LOG.error("the server refuses a report: line %d, %s: %s", refusal.line, refusal.field, refusal.reason)
        self._wait_s = self._resend_s_min
        return Outcome.done

    def _explain(self, answer: Answer | None) -> float | None:
        """Say why something has to be asked again; returns how long to wait at least."""
        if answer is None:
            return None
        if answer.status in {401, 403}:
            self.counters.unauthorised += 1
            _LOG.error("the server refuses the agent's token (%d); reports wait. Give the agent a valid token.", answer.status)
            return limits.UNAUTHORISED_S
        _LOG.warning("the server answers %d; reports wait", answer.status)
        return answer.retry_after_s

    def _send_facts(self) -> None:
        assert self._facts is not None
        self._facts_changed = False
        closes = self._wire.idle_closes
        answer = self._wire.request(
            "POST", "/api/v1/ingest/facts", msgspec.json.encode(self._facts()), {"Content-Type": "application/json"}
        )
        if self._wire.idle_closes != closes:
            self._pulse_s = max(limits.PULSE_S_MIN, self._pulse_s / 2)
        if answer is not None and answer.status >= 300:
            self._explain(answer)
        self._facts_due = time.monotonic() + self._pulse_s
        self._facts_connects = self._wire.connects
