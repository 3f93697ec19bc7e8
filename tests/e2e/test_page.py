"""The dashboard over the real server in a real browser, from the one-time link to a live row; it also makes the README's pictures."""

import http.client
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from bench.data import PEERS, arrow_bodies, tables
from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE
from tests.e2e.visitor import SETTLED
from tests.rows import closing, report
from tests.servers import ServerProcess
from tests.web.conftest import ARGUMENTS, CHROMIUM

PICTURES = Path(__file__).parents[2] / "docs" / "images"
MINUTES = 50


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the last fifty minutes of a network of laptops and servers."""
    with ServerProcess(tmp_path_factory.mktemp("page") / "data") as server:
        for peer in PEERS:
            facts = msgspec.json.encode({"id": peer.id, "name": peer.name, "os": peer.os, "addresses": peer.addresses})
            server.call("POST", "/api/v1/ingest/facts", facts, Content_Type="application/json")
        start = wall_clock() - MINUTES * 60_000_000
        for body in arrow_bodies(tables(3_000, seed=5, start_us=start, span_us=MINUTES * 60_000_000)):
            status, answer = server.call("POST", "/api/v1/ingest/traffic", body, Content_Type="application/vnd.apache.arrow.stream")
            assert (status, answer["stored"]) == (200, 3_000)
        yield server


def link(server: ServerProcess) -> str:
    """A one-time sign-in link."""
    control = Control(server.data / CONTROL_FILE)
    control.open()
    try:
        return f"{server.url}/sign-in/{control.sessions.add_link(system(control.first_organisation()[0]))}"
    finally:
        control.close()


@pytest.mark.browser
def test_from_the_link_to_a_live_row(filled: ServerProcess) -> None:
    """The link signs in; rows, histogram and panel show what is stored; a new row appears by itself; nothing foreign is asked."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed")
    problems: list[str] = []
    hosts: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC")
        page = context.new_page()
        page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda sent: hosts.add(sent.url.split("/")[2]))
        _walk(page, filled)
        browser.close()
    assert problems == []
    assert hosts == {f"{filled.host}:{filled.port}"}


def _walk(page: Page, server: ServerProcess) -> None:
    page.goto(link(server))
    expect(page).to_have_url(f"{server.url}/overview")
    page.get_by_role("link", name="Traffic", exact=True).first.click()
    expect(page.locator("#rows .row").first).to_be_visible()
    assert page.locator("#rows .row").count() >= 50
    opening = report(wall_clock(), reporter_id="peer0007", source_address="100.64.0.8", destination_address="100.64.128.1",
                     destination_port=5432, user_name="User 007", process_name="psql")  # fmt: skip
    row = page.locator("#rows .row", has_text="server-00").filter(has_text="open")
    assert server.ingest([opening])[0] == 200
    expect(row.first).to_be_visible(timeout=15_000)
    row.first.click()
    expect(page.locator("#panel .sentence")).to_be_visible()
    if os.environ.get("MESHTRAIL_PICTURES"):
        page.screenshot(path=PICTURES / "traffic.png")
    assert server.ingest([closing(opening)])[0] == 200
    expect(page.locator("#panel")).to_contain_text("closed", timeout=15_000)
    page.goto(f"{server.url}/overview?last=1h")
    expect(page.locator(".part").first).to_be_visible()
    page.wait_for_function(SETTLED)
    if os.environ.get("MESHTRAIL_PICTURES"):
        page.screenshot(path=PICTURES / "overview.png")


def test_the_link_works_once(filled: ServerProcess) -> None:
    """The second use is refused in words."""
    code = link(filled).removeprefix(filled.url)
    connection = http.client.HTTPConnection(filled.host, filled.port, timeout=20)
    connection.request("GET", code)
    first = connection.getresponse()
    first.read()
    assert first.status == 303
    assert "HttpOnly" in (first.getheader("set-cookie") or "")
    connection.request("GET", code)
    second = connection.getresponse()
    assert second.status == 401
    assert b"used before" in second.read()
    connection.close()
