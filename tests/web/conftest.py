"""A server in a thread and a real browser for the dashboard's tests."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.web.fake_api import FakeStore, create_app, generate

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Served:
    """A running fake server."""

    url: str
    store: FakeStore


@dataclass
class Watch:
    """What a page did that it should not do."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@pytest.fixture
def served() -> Iterator[Served]:
    """The dashboard over fresh rows of the last hour."""
    store = FakeStore(generate(datetime.now(UTC)))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(store), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", store)
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser, served: Served) -> Iterator[BrowserContext]:
    """A signed-in browser of 1280 px in UTC."""
    made = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC", base_url=served.url)
    made.add_cookies([{"name": "meshtrail_session", "value": "s", "url": served.url}])
    yield made
    made.close()


@pytest.fixture
def watch() -> Watch:
    """Problems of the page of this test."""
    return Watch()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """A page whose console errors and foreign requests are kept."""
    made = context.new_page()
    made.set_default_timeout(8_000)
    made.on("console", lambda said: watch.problems.append(said.text) if said.type in {"error", "warning"} else None)
    made.on("pageerror", lambda error: watch.problems.append(str(error)))
    made.on("request", lambda sent: watch.hosts.add(sent.url.split("/")[2]))
    return made
