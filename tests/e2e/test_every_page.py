"""Every page over the lab's data in a real browser: accessible in light and dark, as wide as the screen, silent in the console, and
without a request to any other host."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import ViewportSize, sync_playwright

from tests.e2e.conftest import Evening
from tests.e2e.visitor import PAGES, Visitor, chromium
from tests.web.axe import violations

pytestmark = [pytest.mark.netns, pytest.mark.browser]

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
KINDS = 8
"""Lists that lead to a page of one thing: traffic, connections, audit, and five of the inventory."""


@pytest.fixture(scope="module")
def visitor(evening: Evening) -> Iterator[Visitor]:
    """Signed in by the one-time link."""
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield Visitor(browser, evening.lab.api.url, evening.lab.sign_in_link()).enter()
        browser.close()


@pytest.fixture(scope="module")
def paths(visitor: Visitor) -> list[str]:
    """Every page, and one of each kind of thing."""
    found = visitor.every_page()
    assert len(found) == len(PAGES) + KINDS
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visitor: Visitor, paths: list[str], scheme: Literal["light", "dark"]) -> None:
    """On any page, in both themes; and nothing sticks out to the right at 390 px."""
    visitor.page.emulate_media(color_scheme=scheme)
    found, widths = {}, {}
    for path in paths:
        visitor.page.set_viewport_size(DESK)
        visitor.goto(path)
        found[path] = violations(visitor.page)
        visitor.page.set_viewport_size(PHONE)
        widths[path] = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert {path: said for path, said in found.items() if said} == {}
    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}


def test_pages_are_silent_and_stay_at_home(visitor: Visitor, paths: list[str]) -> None:
    """No error or warning in the console, no request to another host, in all that the tests above have met."""
    assert len(paths) > len(PAGES)
    assert visitor.problems == []
    assert visitor.hosts == {visitor.base.removeprefix("http://")}
