"""The dashboard over the lab, in a real browser: each report of each scene is there, as it was reported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from lab.expect import Finding
from lab.scenes import SCENES
from lab.topology import PEERS
from meshtrail.web.formats import byte_size
from tests.e2e.conftest import Evening
from tests.web.conftest import ARGUMENTS, CHROMIUM

pytestmark = [pytest.mark.netns, pytest.mark.browser]

READ = """rows => rows.map(row => [row.dataset.id, {
  state: row.dataset.state, verdict: row.dataset.verdict,
  received: row.querySelector('[data-part=received]').textContent, sent: row.querySelector('[data-part=sent]').textContent,
}])"""


@pytest.fixture(scope="module")
def page(evening: Evening) -> Iterator[Page]:
    """A signed-in browser."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        made = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC").new_page()
        made.goto(evening.lab.sign_in_link())
        yield made
        browser.close()


CLICK_OLDER = """() => {
  const older = document.getElementById("older");
  older?.click();
  return older !== null;
}"""
"""Not by the mouse: rows that load meanwhile move the link away under it."""


def reports(evening: Evening) -> list[Finding]:
    """The final reports of the scenes. A report that was looked at early comes again when its connection has ended."""
    names = {scene.name for scene in SCENES}
    return list({found.found["id"]: found for found in evening.findings if found.scene in names and found.found}.values())


def test_the_list_shows_every_report(page: Page, evening: Evening) -> None:
    """State, verdict and volume of each; more are loaded until all are there."""
    wanted = {
        found.found["id"]: {
            "state": found.found["state"], "verdict": found.found["verdict"],
            "received": byte_size(found.found["rx_bytes"]), "sent": byte_size(found.found["tx_bytes"]),
        }
        for found in reports(evening)
    }  # fmt: skip
    assert len(wanted) >= len(SCENES)
    page.goto(f"{evening.lab.api.url}/traffic")
    rows = page.locator("#rows .row")
    expect(rows.first).to_be_visible()
    for _ in range(len(wanted)):
        count = rows.count()
        if not page.evaluate(CLICK_OLDER):
            break
        expect(rows.nth(count)).to_be_attached()
    shown = dict(rows.evaluate_all(READ))
    assert {identifier: shown.get(identifier) for identifier in wanted} == wanted


@pytest.mark.parametrize(
    ("scene", "talk", "reporter", "words"),
    [
        ("tcp", "v4", "crm", ("laptop", "crm", "Staff to CRM", "reported")),
        ("denied", "udp", "crm", ("phone", "denied", "default deny", "20")),
        ("dropped", "telnet", "crm", ("No telnet", "denied")),
        ("routed", "translated", "router", ("Database", "database", "routed", "10.60.0.1")),
        ("edited", "elsewhere", "gateway", ("Console at night",)),
    ],
)
def test_the_details_say_what_decided(page: Page, evening: Evening, scene: str, talk: str, reporter: str, words: tuple[str, ...]) -> None:
    """Policy, attribution, resource, translation."""
    (found,) = (each for each in reports(evening) if (each.scene, each.talk, each.reporter) == (scene, talk, reporter))
    page.goto(f"{evening.lab.api.url}/traffic/{found.found['id']}")
    for word in words:
        expect(page.locator("#panel")).to_contain_text(word)


@pytest.mark.parametrize(
    ("scene", "talk", "words"),
    [
        ("tcp", "v4", ("laptop and crm say the same", "Staff to CRM")),
        ("dropped", "telnet", ("laptop tried; crm denied it: policy No telnet.", "attempted", "denied")),
        ("denied", "udp", ("phone tried; crm denied it: no policy allows it.", "Packets denied", "20")),
        ("outsider", "web", ("crm denied it: no policy allows it. Only crm reports it: nobody else has to.",)),
        ("unanswered", "tcp", ("Only laptop reports it: nobody else has to.", "no reply")),
        ("routed", "translated", ("laptop and router say the same.", "from 10.60.0.1")),
        ("routed, denied", "phone", ("phone tried; router denied it: no policy allows it.",)),
    ],
)
def test_the_connection_shows_all_of_its_reports(page: Page, evening: Evening, scene: str, talk: str, words: tuple[str, ...]) -> None:
    """Side by side, whichever report leads there, with what they say of each other."""
    mine = [each for each in reports(evening) if (each.scene, each.talk) == (scene, talk)]
    for found in mine:
        page.goto(f"{evening.lab.api.url}/connections/{found.found['id']}")
        for word in (*words, *(each.reporter for each in mine)):
            expect(page.locator("main")).to_contain_text(word)
        expect(page.locator(".compare thead th")).to_have_count(len(mine))


def test_the_collectors_stand_as_they_should(page: Page, evening: Evening) -> None:
    """Every peer that was not removed reports, and nothing of it is late or lost."""
    page.goto(f"{evening.lab.api.url}/collectors")
    rows = page.locator(".collectors tbody tr")
    expect(rows).to_have_count(len(PEERS) - 1)
    assert set(rows.evaluate_all("rows => rows.map(row => row.dataset.collector)")) == {"ok"}
