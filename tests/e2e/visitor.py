"""Somebody who goes through the dashboard's pages, and what the pages do that they should not."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from playwright.sync_api import Browser, Dialog, Playwright

from tests.web.conftest import ARGUMENTS, CHROMIUM

LISTS = ("overview", "traffic", "connections", "audit", "live", "collectors", "settings", "ui", "sign-in")
INVENTORY = ("peers", "groups", "policies", "networks", "users", "enrolment-keys")
PAGES = (*(f"/{name}" for name in LISTS), *(f"/inventory/{name}" for name in INVENTORY))
"""Every page that does not show one thing."""

SETTLED = "() => document.fonts.status === 'loaded' && !document.querySelector('[aria-busy=true]')"
"""What a page still asks for is marked as busy."""

FIRST_LINK = "() => document.querySelector('main table tbody a')?.getAttribute('href') ?? ''"


def chromium(playwright: Playwright) -> Browser:
    """The system's Chromium; skips the test where there is none."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed")
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@dataclass
class Visitor:
    """A signed-in browser of 1280 px in UTC."""

    browser: Browser
    base: str
    link: str
    """Where it signs in."""
    problems: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and dialogs."""
    hosts: set[str] = field(default_factory=set)
    """Whom the pages asked for something."""

    def __post_init__(self) -> None:
        context = self.browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC", reduced_motion="reduce")
        self.page = context.new_page()
        page = self.page
        page.on("console", lambda said: self.problems.append(f"{page.url}: {said.text}") if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("request", lambda sent: self.hosts.add(sent.url.split("/")[2]) if sent.url.startswith("http") else None)
        page.on("dialog", self._dialog)

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"{self.page.url}: a dialog says {dialog.message}")
        dialog.dismiss()

    def enter(self) -> Self:
        """Sign in."""
        self.page.goto(self.link)
        return self

    def goto(self, path: str) -> None:
        """Open a page and wait until it stands."""
        self.page.goto(f"{self.base}{path}")
        self.page.wait_for_function(SETTLED)

    def every_page(self) -> list[str]:
        """The paths of all pages, and of the first thing that each list leads to."""
        found = []
        for path in PAGES:
            self.goto(path)
            found.append(path)
            first = str(self.page.evaluate(FIRST_LINK))
            if first.startswith(f"{path}/"):
                found.append(first)
        return found
