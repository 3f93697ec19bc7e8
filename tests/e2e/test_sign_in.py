"""Signing in with a password on the real server, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from tests.api.client import opened
from tests.servers import ServerProcess
from tests.web.conftest import ARGUMENTS, CHROMIUM

EMAIL, PLAIN, PASSWORD = "ana@example.org", "plain@example.org", "four words of ana"

pytestmark = pytest.mark.browser


def enter(page: Page, email: str, password: str) -> None:
    """Fill the form in and send it."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").first.click()


def test_the_door(own_server: ServerProcess) -> None:
    """A wrong password is told, the right one leads to the page that was wanted, signing out leads to the door; who may not see
    the page reads so. The cookie is out of scripts' reach."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed")
    control = opened(own_server)
    by = system(control.first_organisation()[0])
    for email, role in ((EMAIL, Role.auditor), (PLAIN, Role.user)):
        control.users.create(by, ALL_PERMISSIONS, email=email, role=role, password=PASSWORD)
    control.close()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(base_url=own_server.url).new_page()
        page.goto("/collectors")
        enter(page, EMAIL, "wrong")
        expect(page.locator("#sign-in .problem")).to_have_text("The e-mail address or the password is wrong.")
        enter(page, EMAIL, PASSWORD)
        page.wait_for_url("**/collectors")
        assert page.evaluate("document.cookie") == ""
        page.goto("/traffic")
        page.locator("#user summary").click()
        page.locator('[data-action="sign-out"]').click()
        page.wait_for_url("**/sign-in")
        page.goto("/traffic")
        enter(page, PLAIN, PASSWORD)
        expect(page.get_by_role("heading")).to_have_text("Not for you")
        expect(page.get_by_role("alert")).to_contain_text("not with the right traffic.read")
        browser.close()
