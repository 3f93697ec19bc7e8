"""`page-under-load`: first pages and the overview's charts while events arrive at full rate, beside the same when none do.

Over a store of as many rows as `first-page` has. The events that arrive are new ones of the last minutes.
"""

import http.client
import queue
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import msgspec

from bench import data
from bench.explore import OVERVIEW, PAGE
from bench.ingest import SENDERS
from bench.kept import Filled, filled, linked
from bench.line import Figure, at_most
from meshtrail.common.clock import wall_clock
from tests.servers import ServerProcess

ARRIVING_ROWS = 3_000_000
"""Enough for half a minute of two cores."""

IDLE_TURNS = 12
PAGES_PER_TURN = 4
MINUTE_US = 60_000_000

Ask = Callable[[str, list[tuple[str, str]]], None]


def run() -> list[Figure]:
    """Medians without and with arriving events, in the same server."""
    bodies = data.arrow_bodies(data.tables(ARRIVING_ROWS, 77, wall_clock() - 5 * MINUTE_US, 5 * MINUTE_US))
    with filled() as kept, linked(kept) as store, ServerProcess(store.base) as server:
        ask = _asking(server, store)
        idle = _medians(ask, lambda turn: turn < IDLE_TURNS)
        senders = _Senders(server, bodies)
        senders.start()
        loaded = _medians(ask, lambda _: senders.sending())
        rate = senders.rate()
    million = f"{kept.facts.rows // 1_000_000} M"
    found = [Figure("page-under-load: events that arrive", rate, "events/s")]
    for name in ("first page", "overview"):
        found += [
            Figure(f"page-under-load: {name} when none arrive, {million}", idle[name], "ms"),
            Figure(f"page-under-load: {name} while they arrive, {million}", loaded[name], "ms"),
            at_most(f"page-under-load: {name}, slowed", loaded[name] / idle[name], "×", 2),
        ]
    return found


def _asking(server: ServerProcess, store: Filled) -> Ask:
    def ask(path: str, parameters: list[tuple[str, str]]) -> None:
        status, content, _ = server.raw("GET", f"/api/v1/traffic{path}?{urlencode(parameters)}", None, store.token)
        if status != 200:
            raise RuntimeError(content.decode())

    return ask


def _overview(ask: Ask) -> None:
    with ThreadPoolExecutor(len(OVERVIEW)) as browser:
        list(browser.map(lambda chart: ask("/aggregate", chart[1]), OVERVIEW.values()))


def _medians(ask: Ask, more: Callable[[int], bool]) -> dict[str, float]:
    """Medians in milliseconds, over turns of some pages and an overview; `more` says whether there is one more. The first only warms."""
    pages: list[float] = []
    overviews: list[float] = []
    turn = 0
    while turn < 2 or more(turn):
        took = [_took(lambda: ask("", [("limit", str(PAGE))])) for _ in range(PAGES_PER_TURN)]
        overview = _took(lambda: _overview(ask))
        if turn:
            pages += took
            overviews.append(overview)
        turn += 1
    return {"first page": statistics.median(pages), "overview": statistics.median(overviews)}


def _took(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1_000


class _Senders:
    """Connections that send bodies one after another."""

    def __init__(self, server: ServerProcess, bodies: list[bytes]) -> None:
        self._server = server
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        for body in bodies:
            self._waiting.put(body)
        self._stored: list[int] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        self._begun = 0.0

    def start(self) -> None:
        """Begin to send."""
        self._begun = time.perf_counter()
        for thread in self._threads:
            thread.start()

    def sending(self) -> bool:
        """Whether bodies wait to be sent."""
        return not self._waiting.empty()

    def rate(self) -> float:
        """Events a second, once all are sent."""
        for thread in self._threads:
            thread.join()
        return sum(self._stored) / (time.perf_counter() - self._begun)

    def _send(self) -> None:
        headers = {"Authorization": f"Token {self._server.token}", "Content-Type": "application/vnd.apache.arrow.stream"}
        connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=120)
        while True:
            try:
                body = self._waiting.get_nowait()
            except queue.Empty:
                break
            connection.request("POST", "/api/v1/ingest/traffic", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise RuntimeError(content.decode())
            self._stored.append(msgspec.json.decode(content)["stored"])
        connection.close()
