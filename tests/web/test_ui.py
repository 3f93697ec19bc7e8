"""The page of all components in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from meshtrail.control.permissions import Role
from tests.servers import ServerProcess
from tests.web.axe import violations
from tests.web.live_server import sessions, visiting
from tests.web.test_joined_pages import BEYOND

pytestmark = pytest.mark.browser
REPEATED = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at);
}"""
GROUNDS = """() => [...document.querySelectorAll("#buttons .side")].map((each) => getComputedStyle(each).backgroundColor)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("ui")) as started:
        yield started


@pytest.fixture(scope="module")
def people(server: ServerProcess) -> dict[Role, str]:
    """Sessions by role."""
    return sessions(server, Role.owner, Role.user)[1]


def test_every_part_is_shown_in_both_themes(browser: Browser, server: ServerProcess, people: dict[Role, str]) -> None:
    """With its markup as text; no id twice; nothing beyond the edge; nothing that a machine finds inaccessible."""
    for size, scheme in (((1280, 800), "light"), ((390, 844), "dark")):
        with visiting(browser, server.url, people[Role.owner], size, color_scheme=scheme) as seen:
            page = seen.page
            page.goto("/ui")
            assert page.locator(".specimen").count() >= 25
            for specimen in page.locator(".specimen").all():
                light, dark = (specimen.locator(f'[data-theme="{theme}"]').inner_text() for theme in ("light", "dark"))
                assert light == dark
                assert "<" in (specimen.locator("pre[id$=-markup]").text_content() or "")
            assert len(set(page.evaluate(GROUNDS))) == 2
            assert page.evaluate(REPEATED) == []
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert violations(page) == []
            assert seen.problems == []


def test_the_bar_on_every_page(browser: Browser, server: ServerProcess, people: dict[Role, str]) -> None:
    """Who is signed in and the way out; keys lead from page to page; a phone has a menu; nobody sees a link that is dead."""
    with visiting(browser, server.url, people[Role.user]) as seen:
        page = seen.page
        page.goto("/")
        page.wait_for_url("**/settings")
        expect(page.locator("#pages a")).to_have_text(["Settings"])
        for path in ("/traffic", "/live", "/inventory/peers"):
            page.goto(path)
            expect(page.get_by_role("navigation", name="What you may see").get_by_role("link")).to_have_text(["Settings"])
            expect(page.get_by_text("Signed in as user person, user")).to_be_visible()
        assert seen.problems == []
    with visiting(browser, server.url, people[Role.owner], (390, 844)) as seen:
        page = seen.page
        page.goto("/collectors")
        expect(page.locator("#pages")).to_be_hidden()
        page.get_by_role("button", name="Pages").click()
        expect(page.locator("#pages a[aria-current]")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Pages")).to_be_focused()
        assert page.evaluate(BEYOND) == []
        page.set_viewport_size({"width": 1280, "height": 800})
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Inventory")
        page.get_by_role("button", name="Close").click()
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.wait_for_url("**/settings")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.locator("#user summary").click()
        expect(page.locator("#user")).to_contain_text("owner person")
        page.keyboard.press("Escape")
        expect(page.locator("#user summary")).to_be_focused()
        page.locator("#user summary").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in")
        assert seen.problems == []
