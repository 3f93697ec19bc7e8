"""People in front of the dashboard, over the lab's data. Someone new answers each question from the Overview, in under five actions.

With `MESHTRAIL_PICTURES` set, what they end up with is kept for the documentation.
"""

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from lab.expect import Row
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE
from tests.agent.netns import until
from tests.e2e.conftest import Evening
from tests.e2e.visitor import SETTLED, Visitor, chromium

pytestmark = [pytest.mark.netns, pytest.mark.browser]

ACTIONS_MAX = 4
"""Under five."""

CHANGE = """() => fetch("/api/groups", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"name": "mine"}' })
  .then((answer) => answer.status)"""

IMAGES = Path(__file__).parents[2] / "docs" / "images"


@dataclass
class Newcomer:
    """Opens the Overview, and counts what it does from there."""

    visitor: Visitor
    done: int = 0

    @property
    def page(self) -> Page:
        """What it sees."""
        return self.visitor.page

    def part(self, name: str) -> Locator:
        """A part of the Overview."""
        return self.page.locator(f'[data-part="{name}"]')

    def click(self, target: Locator) -> None:
        """One action."""
        self.done += 1
        target.click()
        self.page.wait_for_function(SETTLED)

    def search(self, text: str) -> None:
        """Two: type, and Enter."""
        self.done += 2
        self.page.locator("#search").fill(text)
        self.page.keyboard.press("Enter")
        self.page.wait_for_function(SETTLED)

    def finish(self, answer: Locator, picture: str) -> None:
        """The answer stands there."""
        assert 0 < self.done <= ACTIONS_MAX
        answer.scroll_into_view_if_needed()
        if os.environ.get("MESHTRAIL_PICTURES"):
            self.page.screenshot(path=IMAGES / f"{picture}.png")


@pytest.fixture(scope="module")
def visitor(evening: Evening) -> Iterator[Visitor]:
    """Signed in by the one-time link."""
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield Visitor(browser, evening.lab.api.url, evening.lab.sign_in_link()).enter()
        browser.close()


@pytest.fixture
def newcomer(visitor: Visitor) -> Newcomer:
    """At the Overview."""
    visitor.goto("/overview")
    return Newcomer(visitor)


@pytest.fixture(scope="module")
def rows(evening: Evening) -> list[Row]:
    """What really happened, as the API says it row by row."""
    return evening.lab.checker.rows()


def test_who_was_denied_where(newcomer: Newcomer, rows: list[Row]) -> None:
    """The denials stand on the Overview; one leads to its rows, and a row to who said so and why."""
    denied = newcomer.part("denied")
    expect(denied).to_contain_text("phone")
    expect(denied).to_contain_text("crm")
    newcomer.click(denied.locator("tbody tr", has_text="phone").filter(has_text="crm").locator("td.number a").first)
    shown = newcomer.page.locator("#rows .row")
    expect(shown.first).to_contain_text("denied")
    ids = set(shown.evaluate_all("rows => rows.map(row => row.dataset.id)"))
    assert ids <= {row["id"] for row in rows if row["state"] == "denied" and row["source_name"] == "phone"}
    newcomer.click(shown.first)
    panel = newcomer.page.locator("#panel")
    expect(panel).to_contain_text("denied")
    expect(panel).to_contain_text("no policy allows it")
    newcomer.finish(panel, "denied")


def test_who_moved_most_bytes_to_the_database(newcomer: Newcomer, rows: list[Row]) -> None:
    """The database among the destinations narrows the Overview to it; who reached it stands beside, the one with most first."""
    newcomer.click(newcomer.part("talkers").locator("[data-narrow=destination]", has_text="database").first)
    moved: Counter[str] = Counter()
    for row in rows:
        if row["destination_resource_name"] == "database":
            moved[row["source_name"]] += (row["rx_bytes"] or 0) + (row["tx_bytes"] or 0)
    ((most, _),) = moved.most_common(1)
    first = newcomer.part("talkers").locator("[data-narrow=source]").first
    expect(first).to_have_text(most)
    newcomer.finish(first, "database")


def test_what_the_phone_reached_for_the_first_time(newcomer: Newcomer, rows: list[Row]) -> None:
    """The phone among the new pairs narrows the Overview to it: everything that it had never reached before stands there."""
    newcomer.click(newcomer.part("new").locator("tbody a", has_text="phone").first)
    new = newcomer.part("new").locator("tbody tr")
    expect(new.first).to_contain_text("phone")
    shown = " ".join(new.all_inner_texts())
    reached = {row["destination_name"] for row in rows if row["source_name"] == "phone" and row["state"] in {"open", "closed"}}
    assert {"crm", "gateway"} <= reached
    assert all(name in shown for name in reached if name)
    newcomer.finish(new.last, "first-time")


@pytest.fixture(scope="module")
def people(evening: Evening) -> dict[Role, str]:
    """One-time links of an auditor and of an employee."""
    control = Control(evening.lab.folder / "server" / CONTROL_FILE)
    control.open()
    try:
        by = system(control.first_organisation()[0])
        links = {}
        for role in (Role.auditor, Role.user):
            made, _ = control.users.create(by, ALL_PERMISSIONS, email=f"{role}@example.org", role=role, password="four words of mine")
            links[role] = f"{evening.lab.api.url}/sign-in/{control.sessions.add_link(by, made)}"
        return links
    finally:
        control.close()


def test_an_administrator_sees_what_a_policy_lets_in(visitor: Visitor) -> None:
    """From the inventory to a policy's versions, its traffic of the day, and the rows of it."""
    visitor.goto("/inventory/policies")
    page = visitor.page
    page.get_by_role("link", name="Staff to CRM", exact=True).click()
    page.wait_for_function(SETTLED)
    expect(page.locator("#activity-parts")).to_contain_text("laptop")
    page.locator("#activity-parts").get_by_role("link", name="All of the last 24 hours").click()
    rows = page.locator("#rows .row")
    expect(rows.first).to_be_visible()
    assert set(rows.locator("[data-part=destination-name]").all_inner_texts()) == {"crm"}


def test_an_auditor_reads_who_changed_what_and_changes_nothing(visitor: Visitor, evening: Evening, people: dict[Role, str]) -> None:
    """The event of the policy that was edited says before and after; a change is refused, and that is an event too."""
    auditor = Visitor(visitor.browser, visitor.base, people[Role.auditor]).enter()
    page = auditor.page
    auditor.goto("/audit?activity_code=policy.update&search=Console")
    page.locator("main table tbody a").first.click()
    expect(page.locator("h1")).to_contain_text("Console")
    expect(page.locator("table.changes ins").first).to_be_visible()
    assert page.evaluate(CHANGE) == 403
    until(
        lambda: evening.lab.api.get("/api/v1/audit", outcome="denied", initiator_email="auditor@example.org")["data"], "the refusal is told"
    )
    auditor.goto("/audit?outcome=denied")
    expect(page.locator("main table tbody tr", has_text="auditor@example.org").first).to_be_visible()
    page.context.close()


def test_an_employee_sees_what_is_theirs(visitor: Visitor, people: dict[Role, str]) -> None:
    """Their own profile, and no link to anything else; the address of a log leads to a page that says so."""
    employee = Visitor(visitor.browser, visitor.base, people[Role.user]).enter()
    page = employee.page
    expect(page.locator("h1")).to_have_text("Settings")
    assert page.locator("nav.pages a").all_inner_texts() == ["Settings"]
    page.goto(f"{visitor.base}/traffic")
    expect(page.get_by_role("heading")).to_have_text("Not for you")
    assert "laptop" not in page.inner_text("body")
    page.context.close()


def test_an_engineer_takes_the_request_along(visitor: Visitor, evening: Evening) -> None:
    """The command beside a row gives the row."""
    visitor.goto("/traffic?verdict=denied")
    page = visitor.page
    page.locator("#rows .row").first.click()
    expect(page.locator("#panel .sentence")).to_be_visible()
    command = shlex.split(page.locator("#curl").text_content() or "")
    assert command[:3] == ["curl", "-H", "Authorization: Token $MESHTRAIL_TOKEN"]
    row = evening.lab.api.get(command[-1].removeprefix(visitor.base))
    assert row["data"]["id"] == page.locator("#panel").get_attribute("data-id")
