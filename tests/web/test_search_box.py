"""The search box that completes, and the menu of saved views, in a real browser over a real server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from meshtrail.api.auth import SESSION_COOKIE
from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from tests.api.client import opened
from tests.rows import report
from tests.servers import ServerProcess
from tests.web.axe import violations
from tests.web.conftest import Watch

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1">\u202e'
OPTIONS = "#completions [role=option]"
Enter = Callable[[Role], Page]


@dataclass
class Office:
    """An organisation with some traffic, and a session for each kind of person."""

    url: str
    sessions: dict[Role, str]


@pytest.fixture(scope="module")
def office(server: ServerProcess) -> Office:
    """People who look at lists."""
    control = opened(server)
    try:
        by = system(control.add_organisation("search box"))
        _, token = control.tokens.create(by, ALL_PERMISSIONS, "t", ["ingest"])
        sessions = {}
        for role in (Role.admin, Role.auditor):
            user, _ = control.users.create(by, ALL_PERMISSIONS, name=f"Some {role}", role=role, service=True)
            sessions[role] = control.sessions.start(control.users.get(by.org_id, user), "test").secret
    finally:
        control.close()
    now = wall_clock()
    names = ["laptop", "phone", HOSTILE, "laptop"]
    rows = [report(now - index * 60_000_000, source_name=name, destination_name="crm") for index, name in enumerate(names, 1)]
    rows[3] |= {"state": "denied", "verdict": "denied", "ended_at": rows[3]["started_at"]}
    assert server.ingest(rows, token)[0] == 200
    return Office(server.url, sessions)


@pytest.fixture
def enter(browser: Browser, office: Office, watch: Watch) -> Iterator[Enter]:
    """Opens a page as somebody; what it says to the console is watched."""
    contexts = []

    def made(role: Role) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC", base_url=office.url)
        contexts.append(context)
        context.add_cookies([{"name": SESSION_COOKIE, "value": office.sessions[role], "url": office.url}])
        page = context.new_page()
        page.set_default_timeout(8_000)
        page.on("console", lambda said: watch.problems.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: watch.problems.append(str(error)))
        return page

    yield made
    for context in contexts:
        context.close()


def test_a_filter_is_written_with_completion(enter: Enter, watch: Watch) -> None:
    """Fields, operators and values by keyboard and mouse; what was understood; a mistake is mended by a click; nothing moves."""
    page = enter(Role.auditor)
    page.goto("/traffic")
    box, said = page.locator("#search"), page.locator("#understood")
    rows = page.locator("#rows .row")
    expect(rows).to_have_count(4)
    place = page.locator("#list").bounding_box()
    page.keyboard.press("/")
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(page.locator(OPTIONS).first).to_contain_text("user")
    page.keyboard.type("source.na")
    expect(page.locator(OPTIONS).first).to_contain_text("Name of the initiating side")
    expect(said).to_contain_text("Looks for")
    page.keyboard.press("Tab")
    expect(box).to_have_value("source.name ")
    expect(said).to_contain_text("Not finished yet. Expected: =")
    expect(page.locator(OPTIONS).first).to_have_text("=")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "completion-0")
    page.keyboard.press("Enter")
    expect(box).to_have_value("source.name = ")
    hostile = page.locator(OPTIONS, has_text="<img src=x")
    expect(hostile).to_have_text(r'"<img src=x onerror=\"document.title=1\">\u{202e}"')
    assert page.locator("#completions img").count() == 0
    assert violations(page) == []
    hostile.click()
    expect(said).to_contain_text("Understood as source.name = ")
    box.press("Enter")
    expect(rows).to_have_count(1)
    expect(page.locator(".completion")).to_be_hidden()
    expect(box).to_have_value("")
    page.goto("/traffic")
    box.fill('"\N{GRINNING FACE}" verdict = denyed')
    said.get_by_role("button", name="denied").click()
    expect(box).to_have_value('"\N{GRINNING FACE}" verdict = denied ')
    box.fill("")
    box.press_sequentially("verdict = denyed and started_at > now-2h")
    expect(said.locator("mark")).to_have_text("denyed")
    expect(said).to_contain_text('Character 11: verdict cannot be "denyed". Did you mean denied?')
    assert page.locator("#list").bounding_box() == place
    said.get_by_role("button", name="denied").click()
    expect(box).to_have_value("verdict = denied and started_at > now-2h")
    expect(said).to_contain_text("from ")
    page.keyboard.press("Escape")
    expect(page.locator(".completion")).to_be_hidden()
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.goto("/audit")
    box.press_sequentially("outc")
    expect(page.locator(OPTIONS).first).to_contain_text("outcome")
    for path in ("/connections", "/live", "/overview"):
        page.goto(path)
        box.press_sequentially("destination.name:")
        expect(page.locator(OPTIONS).first).to_have_text('"crm"')
    assert watch.problems == []


def test_typing_does_not_wait(enter: Enter, watch: Watch) -> None:
    """While the server is slow, what is typed is sent all the same; of several answers the newest is shown."""
    page = enter(Role.auditor)
    page.goto("/traffic")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/v1/filter/complete?*text=verd&*", hold)
    page.route("**/api/v1/filter/check?*", hold)
    box = page.locator("#search")
    with page.expect_request("**/api/v1/filter/complete?*text=verd&*"):
        box.press_sequentially("verd")
    box.press_sequentially("ict")
    page.keyboard.press("Tab")
    box.focus()
    box.press_sequentially(" = ")
    expect(page.locator(OPTIONS).first).to_have_text("unknown")
    box.press_sequentially("denied")
    page.keyboard.press("Enter")
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator(".completion")).to_be_hidden()
    assert held
    assert watch.problems == []


def test_views_are_saved_shared_and_deleted(enter: Enter, watch: Watch) -> None:
    """By keyboard and on a phone; who shares, and who has it from others; a name is text."""
    admin, auditor = enter(Role.admin), enter(Role.auditor)
    admin.goto("/traffic?verdict=denied")
    button, lists = admin.locator(".views-button"), admin.locator(".views-lists")
    button.press("Enter")
    expect(lists).to_contain_text("No view of this list is saved yet")
    admin.keyboard.press("Tab")
    admin.keyboard.type("<b>Denied</b>")
    admin.keyboard.press("Enter")
    link = lists.get_by_role("link", name="<b>Denied</b>")
    expect(link).to_have_attribute("aria-current", "true")
    lists.get_by_role("button", name="Rename").press("Enter")
    admin.keyboard.type("Denied")
    admin.keyboard.press("Enter")
    expect(lists.get_by_role("link", name="Denied", exact=True)).to_be_visible()
    admin.wait_for_function("() => document.activeElement.textContent === 'Denied'")
    auditor.goto("/traffic")
    auditor.locator(".views-button").click()
    theirs = auditor.locator(".views-lists")
    expect(theirs).to_contain_text("No view of this list is saved yet")
    lists.get_by_role("button", name="Share").click()
    expect(lists.get_by_role("heading")).to_have_text("Shared")
    assert violations(admin) == []
    admin.keyboard.press("Escape")
    admin.wait_for_function("() => document.activeElement.classList.contains('views-button')")  # the other page may have the window's focus
    auditor.keyboard.press("Escape")
    auditor.set_viewport_size({"width": 390, "height": 800})
    auditor.locator(".views-button").click()
    expect(theirs).to_contain_text("by Some admin")
    assert theirs.get_by_role("button").count() == auditor.get_by_role("checkbox").count() == 0
    assert auditor.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(auditor) == []
    theirs.get_by_role("link", name="Denied").click()
    expect(auditor.locator("#rows .row")).to_have_count(1)
    assert "verdict=denied" in auditor.url
    auditor.locator(".views-button").click()
    auditor.get_by_label("Save what this list shows now as").fill("Mine")
    auditor.get_by_role("button", name="Save").click()
    expect(theirs.get_by_role("link")).to_have_text(["Mine", "Denied"])
    auditor.get_by_label("Save what this list shows now as").fill("Mine")
    expect(auditor.get_by_role("button", name="Replace")).to_be_visible()
    theirs.get_by_role("button", name="Delete Mine").click()
    theirs.get_by_role("button", name="Really delete Mine?").click()
    expect(theirs.get_by_role("link")).to_have_text(["Denied"])
    button.click()
    lists.get_by_role("button", name="Delete Denied").click()
    lists.get_by_role("button", name="Really delete Denied?").click()
    expect(lists).to_contain_text("No view of this list is saved yet")
    assert watch.problems == []
