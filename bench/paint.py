"""`paint`: how soon a real browser shows the pages of a server with many rows, beside the same documents out of memory.

1,000,000 rows of traffic, or as many as `MESHTRAIL_BENCH_ROWS` or `--rows` says, and as many audit events as `audit-page` has. The
first visit of each page fills the browser's cache and is weighed; the following ones are timed.
"""

import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench import audit_page, data
from bench.kept import ROWS_NAME
from bench.line import Figure, apart, at_most
from bench.still import Still
from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE, STORE_FOLDER
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.hours import Hours
from meshtrail.store.migrations import migrate
from tests.servers import ServerProcess
from tests.web.conftest import ARGUMENTS, CHROMIUM

ROWS = 1_000_000
REPEATS = 7
PAGES = {"Traffic": "/traffic?last=24h", "Connections": "/connections?last=24h", "Audit": "/audit", "Overview": "/overview"}
CHARTS = "echarts"
"""What a file of the chart library is called by: it comes after the page is painted, and is not weighed."""

PAINT_MS, WEIGHT_KB = 200, 600
TIMES = """async () => {
  const largest = await new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime));
    observer.observe({ type: "largest-contentful-paint", buffered: true });
    setTimeout(() => resolve(NaN), 2000);
  });
  const paints = Object.fromEntries(performance.getEntriesByType("paint").map((each) => [each.name, each.startTime]));
  return [paints["first-paint"], paints["first-contentful-paint"], largest, performance.getEntriesByType("navigation")[0].responseEnd];
}"""


@dataclass(frozen=True, slots=True)
class Painted:
    """Medians of several visits in milliseconds after the navigation began."""

    first: float
    contentful: float
    largest: float
    answered: float
    """When the whole document had come."""


def run() -> list[Figure]:
    """Every page that there is."""
    rows = max(1, int(os.environ.get(ROWS_NAME, ROWS)) // 1_000_000) * 1_000_000
    with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        base = Path(folder)
        control = Control(base / CONTROL_FILE)
        control.open()
        org_id, _ = control.first_organisation()
        code = control.sessions.add_link(system(org_id))
        control.close()
        apart(data.fill, base / STORE_FOLDER, rows, org_id)
        apart(audit_page.fill_and_read, base / STORE_FOLDER, org_id)
        apart(roll, base / STORE_FOLDER)
        with ServerProcess(base) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            found = _measured(browser, server.url, code, f"{rows // 1_000_000} M")
            browser.close()
    return found


def roll(folder: Path) -> None:
    """Count all hours beforehand, as a server that has run for a while has done."""
    engine = EmbeddedEngine(folder)
    engine.open()
    migrate(engine)
    hours = Hours(engine, wall_clock)
    hours.open()
    while hours.roll():
        pass
    engine.close()


def _measured(browser: Browser, url: str, code: str, million: str) -> list[Figure]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=url)
    page = context.new_page()
    page.goto(f"/sign-in/{code}")
    _settle(page)
    found = []
    for name, path in PAGES.items():
        answer = page.goto(path, wait_until="load")
        _settle(page)
        if answer is None or answer.status != 200:
            continue
        painted, weight = _painted(context, path), _weight(context, path)
        with Still(answer.body()) as still:
            peer_context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=still.url)
            peer = _painted(peer_context, "/")
            peer_context.close()
        found += _figures(f"paint: {name}, {million}", painted, peer, weight)
    context.close()
    return found


def _figures(name: str, painted: Painted, peer: Painted, weight: int) -> list[Figure]:
    return [
        at_most(f"{name}: first contentful paint", painted.contentful, "ms", PAINT_MS),
        Figure(f"{name}: first paint", painted.first, "ms"),
        Figure(f"{name}: largest paint", painted.largest, "ms"),
        Figure(f"{name}: the document has come", painted.answered, "ms"),
        Figure(f"{name}: the same document out of memory, contentful", peer.contentful, "ms"),
        Figure(f"{name}: against it", painted.contentful / peer.contentful, "×"),
        at_most(f"{name}: transferred on a first visit", weight / 1_000, "kB", WEIGHT_KB),
    ]  # fmt: skip


def _painted(context: BrowserContext, path: str) -> Painted:
    """Each visit in a tab of its own, as somebody opens a page; the first one only warms the browser."""
    times: list[list[float]] = []
    for visit in range(REPEATS + 1):
        page = context.new_page()
        page.goto(path, wait_until="load")
        if visit:
            times.append(page.evaluate(TIMES))
        _settle(page)
        page.close()
    return Painted(*(statistics.median(column) for column in zip(*times, strict=True)))


def _settle(page: Page) -> None:
    """Wait for the parts of the Overview: the next visit is not to share the server with what this one still asks for."""
    if urlsplit(page.url).path == PAGES["Overview"]:
        page.wait_for_load_state("networkidle")


def _weight(context: BrowserContext, path: str) -> int:
    """Bytes on the wire of a first visit, without the chart library."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    weighed = _weighing(session)
    _visit(page, path)
    _settle(page)
    page.close()
    return sum(weighed.values())


def _visit(page: Page, path: str) -> None:
    page.goto(path, wait_until="load")
    page.evaluate("() => new Promise((resolve) => requestIdleCallback(resolve, { timeout: 1000 }))")


def _weighing(session: CDPSession) -> dict[str, int]:
    """Fills itself with the bytes of each request that has ended."""
    addresses: dict[str, str] = {}
    weighed: dict[str, int] = {}

    def finished(event: dict[str, object]) -> None:
        identifier = str(event["requestId"])
        if CHARTS not in addresses.get(identifier, ""):
            weighed[identifier] = int(float(str(event["encodedDataLength"])))

    session.on("Network.responseReceived", lambda event: addresses.update({event["requestId"]: event["response"]["url"]}))
    session.on("Network.loadingFinished", finished)
    return weighed
