"""The pages of inventory and settings over a real server, in a real browser: they are readable, nothing in them is executed, and what
is changed in them is changed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from meshtrail.api.auth import SESSION_COOKIE
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from tests.servers import ServerProcess
from tests.web.axe import violations
from tests.web.inventory_world import HOSTILE, PASSWORD, World, made
from tests.web.test_joined_pages import BEYOND, SIZES

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOUR_WORDS = "four other words of ana"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server with everything in it."""
    with ServerProcess(tmp_path_factory.mktemp("inventory")) as server:
        found = made(server)
        yield found
        found.control.close()


class Visit:
    """A browser of somebody who is signed in, and what it complains about."""

    def __init__(self, browser: Browser, url: str, session: str, size: tuple[int, int] = SIZES[0], scheme: str = "light") -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, timezone_id="UTC", base_url=url,
            color_scheme="dark" if scheme == "dark" else "light",
        )  # fmt: skip
        self.context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": url}])
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(8_000)
        self.problems: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda sent: self.hosts.add(sent.url.split("/")[2]))

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "status of 4" not in text:
            self.problems.append(text)


@pytest.fixture
def visit(browser: Browser, world: World) -> Iterator[Visit]:
    """The owner's."""
    opened = Visit(browser, world.server.url, world.sessions[Role.owner])
    yield opened
    assert opened.problems == []
    assert opened.hosts == {world.server.url.removeprefix("http://")}
    opened.context.close()


def paths(world: World) -> list[str]:
    """What is looked at."""
    tabs = ("peers", "groups", "policies", "networks", "users", "enrolment-keys")
    things = (
        f"peers/{world.peer}", f"groups/{world.group}", f"policies/{world.policy}", f"policies/{world.deleted}",
        f"networks/{world.network}", f"users/{world.other}", f"users/{world.users[Role.owner]}", "policies/nothing",
    )  # fmt: skip
    return ["/settings", *(f"/inventory/{each}" for each in (*tabs, *things))]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scheme"), [(SIZES[0], "light"), (SIZES[1], "dark")], ids=["desk", "phone"])
def test_readable_for_everybody(browser: Browser, world: World, size: tuple[int, int], scheme: str) -> None:
    """Nothing overflows, whatever things are called; names with markup stay text; no violation of WCAG 2.2 A and AA that a machine
    finds; no other host is asked for anything."""
    for session, seen in ((world.sessions[Role.owner], paths(world)), (world.empty, paths(world)[:7])):
        visit = Visit(browser, world.server.url, session, size, scheme)
        for path in seen:
            visit.page.goto(path)
            for closed in visit.page.locator("main summary").all():
                if closed.locator("..").get_attribute("open") is None:
                    closed.click()
            assert visit.page.evaluate(BEYOND) == [], path
            assert "owned" not in visit.page.title()
            assert violations(visit.page) == [], path
        assert visit.problems == []
        assert visit.hosts == {world.server.url.removeprefix("http://")}
        visit.context.close()


def test_a_policy_shows_what_each_version_changed(visit: Visit, world: World) -> None:
    """By whom, since when, its rules as sentences; names of groups that are gone are still known."""
    page = visit.page
    page.goto("/inventory/policies")
    row = page.locator("tbody tr").filter(has_text="Staff to CRM")
    expect(row).to_contain_text("Staff may reach Servers by TCP on ports 443, 8443")
    expect(row.get_by_role("link", name="Ana Lima")).to_be_visible()
    row.get_by_role("link", name="Staff to CRM", exact=True).click()
    sections = page.locator(".versions section")
    expect(sections).to_have_count(3)
    expect(sections.nth(0)).to_contain_text("in force")
    expect(sections.nth(0).locator("del", has_text="Staff may not reach CRM by TCP on port 23")).to_be_visible()
    expect(sections.nth(1).locator("del", has_text="Contractors")).to_be_visible()
    expect(sections.nth(1).locator("ins", has_text="8443")).to_be_visible()
    expect(sections.nth(2)).to_contain_text("Staff, Contractors may reach Servers by TCP on port 443")
    sections.nth(0).get_by_role("link", name="Ana Lima").click()
    expect(page.locator("main")).to_contain_text("Staff to CRM")
    page.go_back()
    page.get_by_role("link", name="Its changes").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    page.goto(f"/inventory/policies/{world.deleted}")
    expect(page.locator("main")).to_contain_text("It was deleted.")


def test_a_peer_is_renamed(visit: Visit, world: World) -> None:
    """The new name is there at once; an impossible one is refused in words."""
    page = visit.page
    page.goto(f"/inventory/peers/{world.peer}")
    expect(page.get_by_role("textbox", name="Name")).to_have_value(HOSTILE[3])
    page.get_by_role("textbox", name="Name").fill("gate & way")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("gate & way")
    page.get_by_role("textbox", name="Name").fill("   ")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("alert")).to_contain_text("must not be empty")


def test_an_enrolment_key_is_shown_once_and_revoked_on_second_thoughts(visit: Visit, world: World) -> None:
    """The secret is there after it was made and never again; a single press revokes nothing."""
    page = visit.page
    page.goto("/inventory/enrolment-keys")
    page.get_by_text("Make a key").click()
    page.get_by_label("Name").fill("phones")
    page.get_by_label("Works").select_option("reusable")
    page.get_by_label("At most").fill("3")
    page.get_by_label("Into groups").select_option(label="Staff")
    page.get_by_role("button", name="Make the key").click()
    shown = page.locator(".secret code")
    expect(shown).to_contain_text("mte_")
    secret = shown.inner_text()
    page.get_by_role("link", name="Done").click()
    row = page.locator("tbody tr").filter(has_text="phones")
    expect(row).to_contain_text("0 of 3")
    expect(row).to_contain_text("Staff")
    assert secret not in page.content()
    row.get_by_role("button", name="Revoke").click()
    expect(row.get_by_role("button")).to_have_text("Really revoke?")
    expect(row).to_contain_text("valid")
    row.get_by_role("button").click()
    expect(row).to_contain_text("revoked")
    key = next(each for each in world.control.enrolment_keys.list(world.org_id) if each.name == "phones")
    assert key.revoked_at is not None
    assert key.usage_limit == 3


def test_a_user_gets_another_role_and_is_blocked(visit: Visit, world: World) -> None:
    """And let in again; oneself one does not change."""
    page = visit.page
    page.goto(f"/inventory/users/{world.other}")
    page.get_by_role("combobox", name="Role").select_option("auditor")
    page.get_by_role("button", name="Change the role").click()
    expect(page.locator(".head")).to_contain_text("auditor")
    page.get_by_role("button", name="Block").click()
    page.get_by_role("button", name="Really block?").click()
    expect(page.locator(".head")).to_contain_text("blocked")
    page.get_by_role("button", name="Let in again").click()
    expect(page.locator(".head")).not_to_contain_text("blocked")
    assert world.control.users.get(world.org_id, world.other).role is Role.auditor
    page.goto(f"/inventory/users/{world.users[Role.owner]}")
    expect(page.get_by_role("button", name="Block")).to_have_count(0)


def test_settings_are_saved_and_enforcing_is_asked_for_twice(visit: Visit, world: World) -> None:
    """Whoever saves over what somebody else has changed meanwhile is refused."""
    page = visit.page
    page.goto("/settings")
    page.get_by_label("Report DNS").uncheck()
    page.get_by_label("Open connections").fill("120")
    expect(page.get_by_text("Enforcing cuts connections.")).to_be_hidden()
    page.get_by_label("Policies").select_option("enforce")
    expect(page.get_by_text("Enforcing cuts connections.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Really enforce?")).to_be_visible()
    assert world.settings.collect_dns
    with page.expect_navigation():
        page.get_by_role("button", name="Really enforce?").click()
    expect(page.get_by_label("Policies")).to_have_value("enforce")
    settings = world.settings
    assert (settings.mode, settings.collect_dns, settings.progress_interval_s) == ("enforce", False, 120)
    assert world.by is not None
    world.control.settings.update(world.by, {"progress_interval_s": 30})
    page.get_by_label("Report DNS").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("form.settings").get_by_role("alert")).to_contain_text("changed since you have seen it")
    assert world.settings.progress_interval_s == 30


def test_own_token_session_and_password(browser: Browser, world: World) -> None:
    """A token is shown once and deleted; another browser is signed out; the old password has to be right."""
    user = world.users[Role.admin]
    elsewhere = world.control.sessions.start(world.control.users.get(world.org_id, user), "test").secret
    visit = Visit(browser, world.server.url, world.sessions[Role.admin])
    page = visit.page
    page.goto("/settings")
    page.locator("section", has_text="Your tokens").get_by_text("Make a token").click()
    page.locator("#own-name").fill("script")
    page.locator("#own-scopes").select_option(label="send events")
    page.get_by_role("button", name="Make the token").locator("visible=true").click()
    shown = page.locator(".secret code").locator("visible=true")
    expect(shown).to_contain_text("mt")
    secret = shown.inner_text()
    assert world.control.token_identity(secret).permissions == {"ingest"}
    page.get_by_role("link", name="Done").locator("visible=true").click()
    row = page.locator(".tokens tbody tr").filter(has_text="script")
    row.get_by_role("button").click()
    row.get_by_role("button", name="Really delete?").click()
    expect(row).to_have_count(0)
    others = page.locator(".sessions tbody tr").filter(has_not_text="this one")
    expect(others).to_have_count(1)
    others.get_by_role("button").click()
    others.get_by_role("button", name="Really sign out?").click()
    expect(others).to_have_count(0)
    assert world.server.raw("GET", "/settings", token="", Cookie=f"{SESSION_COOKIE}={elsewhere}")[0] == 303
    form = page.locator("form", has_text="Current password")
    for old, new, again, said in (
        (PASSWORD, FOUR_WORDS, "something else", "differ"), ("wrong", FOUR_WORDS, FOUR_WORDS, "wrong"),
        (PASSWORD, FOUR_WORDS, FOUR_WORDS, "is changed"),
    ):  # fmt: skip
        form.get_by_label("Current password").fill(old)
        form.get_by_label("New password").fill(new)
        form.get_by_label("Repeat it").fill(again)
        form.get_by_role("button").click()
        expect(form).to_contain_text(said)
    assert visit.problems == []
    visit.context.close()


def test_only_what_one_may_is_offered(browser: Browser, world: World) -> None:
    """An auditor reads everything and changes nothing; who has only a profile sees no other page."""
    visit = Visit(browser, world.server.url, world.sessions[Role.auditor])
    page = visit.page
    for path in (f"/inventory/peers/{world.peer}", f"/inventory/users/{world.other}", "/inventory/enrolment-keys"):
        page.goto(path)
        expect(page.locator("form")).to_have_count(0)
    page.goto("/settings")
    expect(page.get_by_label("Report DNS")).to_be_disabled()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert visit.problems == []
    visit.context.close()
    visit = Visit(browser, world.server.url, world.sessions[Role.user])
    page = visit.page
    page.goto("/settings")
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_text(["Settings"])
    expect(page.get_by_role("heading", level=2)).to_have_text(["Your password", "Your sessions", "Your tokens"])
    page.goto("/inventory")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for you")
    visit.context.close()


def test_whoever_came_by_a_link_sets_a_first_password(browser: Browser, world: World) -> None:
    """With nothing as the one of before."""
    assert world.by is not None
    code, _ = world.control.sessions.invite(world.by, ALL_PERMISSIONS, world.other)
    visit = Visit(browser, world.server.url, "nothing")
    page = visit.page
    page.goto(f"/sign-in/{code}")
    page.goto("/settings")
    page.get_by_label("New password").fill(FOUR_WORDS)
    page.get_by_label("Repeat it").fill(FOUR_WORDS)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").filter(has_text="is changed")).to_be_visible()
    assert visit.problems == []
    visit.context.close()
