"""Sign-in with OpenID Connect in a real browser, through a certified provider."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.api.client import Client
from tests.api.trail import Event, until
from tests.e2e.oidc.provider import CLIENT_ID, CLIENT_SECRET, ProviderProcess, missing
from tests.servers import ServerProcess
from tests.web.conftest import ARGUMENTS, CHROMIUM

pytestmark = pytest.mark.browser


@dataclass
class Scene:
    """A browser, a server, and the provider that it trusts."""

    browser: Browser
    server: ServerProcess

    def page(self) -> Page:
        """A page of a browser that knows nobody yet."""
        made = self.browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC").new_page()
        made.set_default_timeout(15_000)
        return made

    def signs_in(self, page: Page, login: str, path: str = "/traffic") -> None:
        """Somebody opens a page, and signs in at the provider."""
        page.goto(self.server.url + path)
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.locator("input[name=login]").fill(login)
        page.locator("input[name=password]").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()

    def event(self, activity: str, holds: Callable[[Event], bool]) -> Event:
        """The audit event of this activity of which it holds, as soon as it is there."""
        found = until(Client(self.server, self.server.token), lambda rows: any(map(holds, rows)), activity_code=activity)
        return next(filter(holds, found))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Members of `ops` are network admins."""
    if reason := missing():
        pytest.skip(reason)
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed")
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "secret").write_text(CLIENT_SECRET)
    with ProviderProcess() as provider:
        command = (
            "serve", "--oidc-issuer", provider.issuer, "--oidc-client-id", CLIENT_ID, "--oidc-client-secret-file", str(folder / "secret"),
            "--oidc-name", "Example ID", "--oidc-role", "ops=network_admin",
        )  # fmt: skip
        with ServerProcess(folder / "data", command) as server, sync_playwright() as playwright:
            provider.register(f"{server.url}/sign-in/oidc/callback")
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            yield Scene(browser, server)
            browser.close()


def who(page: Page) -> dict[str, Any]:
    """Whom the server takes the browser for."""
    answer: dict[str, Any] = page.evaluate("fetch('/api/v1/session').then(async (it) => ({status: it.status, ...await it.json()}))")
    return answer


def test_in_and_out(scene: Scene) -> None:
    """Through the provider to the page that was asked for, with name and the group's role; out again, and the cookie is worth
    nothing any more. The secrets of the way are in no address and in no cookie afterwards."""
    page = scene.page()
    addresses: list[str] = []
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    scene.signs_in(page, "ana", "/traffic?protocol=tcp")
    expect(page).to_have_url(re.compile(r"/traffic\?protocol=tcp$"))
    said = who(page)
    assert (said["name"], said["email"], said["role"]) == ("Ana Lima", "ana@example.org", "network_admin")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies(scene.server.url)}
    assert cookies["meshtrail_session"]["httpOnly"] and cookies["meshtrail_session"]["sameSite"] == "Lax"
    assert "meshtrail_sign_in" not in cookies
    login = scene.event("dashboard.login", lambda event: event["initiator_id"] == said["user_id"])
    assert (login["initiator_name"], login["initiator_ip"]) == ("Ana Lima", "127.0.0.1")
    page.locator("#user summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in with Example ID")).to_be_visible()
    page.context.add_cookies([{"name": "meshtrail_session", "value": cookies["meshtrail_session"]["value"], "url": scene.server.url}])
    assert who(page)["status"] == 401


def test_who_is_in_no_group_waits(scene: Scene) -> None:
    """And reads so, with an id that is in the audit trail too."""
    page = scene.page()
    scene.signs_in(page, "eve")
    expect(page.get_by_role("alert")).to_contain_text("pending approval")
    request = page.locator("code.mono").inner_text()
    event = scene.event("sign_in.fail", lambda event: event["request_id"] == request)
    assert (event["initiator_name"], event["error"]) == ("Eve Adams", "pending approval")
    assert who(page)["status"] == 401


def test_who_turns_back(scene: Scene) -> None:
    """At the provider: a page says so, and the reason is written down."""
    page = scene.page()
    page.goto(scene.server.url + "/sign-in")
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.get_by_role("link", name=re.compile("Cancel")).click()
    expect(page.get_by_role("alert")).to_contain_text("did not let you in")
    assert scene.event("sign_in.fail", lambda event: "access_denied" in event["error"])["outcome"] == "failure"


def test_an_address_of_somebody_else(scene: Scene) -> None:
    """The way back in a browser that did not begin it signs nobody in; neither does the same way a second time."""
    page, stranger = scene.page(), scene.page()
    returned: list[str] = []
    page.on("request", lambda sent: returned.append(sent.url) if "/sign-in/oidc/callback" in sent.url else None)
    scene.signs_in(page, "ana")
    expect(page).to_have_url(re.compile("/traffic$"))
    for each in (stranger, page):
        each.goto(returned[0])
        expect(each.get_by_role("alert")).to_contain_text("not begun in this browser")
    assert who(stranger)["status"] == 401
    assert who(page)["name"] == "Ana Lima"
