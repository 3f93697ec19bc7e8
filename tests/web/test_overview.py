"""The Overview over a real server: every count leads to as many rows; in a browser, charts are drawn and lead somewhere."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from meshtrail.common.clock import wall_clock
from tests.servers import ServerProcess
from tests.web.axe import violations
from tests.web.overview_world import rows

CHARTS = ("decisions", "reached", "heat", "places")
SETTLED = """() => !document.querySelector("[aria-busy=true]")
  && [...document.querySelectorAll(".chart")].every((chart) => chart.querySelector("canvas"))"""
PAINTED = """chart => {
  const canvas = chart.querySelector("canvas");
  const colours = new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
  return [colours.size, canvas.width, chart.querySelector("canvas").toDataURL()];
}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, str]]:
    """A server with nine days of a small network, and a cookie for its pages."""
    with ServerProcess(tmp_path_factory.mktemp("overview") / "data") as server:
        status, answer = server.ingest(rows(wall_clock() - 60_000_000))
        assert (status, answer["errors"]) == (200, [])
        body = msgspec.json.encode({"token": server.token})
        _, _, headers = server.raw("POST", "/api/v1/session", body, "", Content_Type="application/json")
        yield server, headers["set-cookie"].partition(";")[0]


def part(world: tuple[ServerProcess, str], path: str) -> str:
    """A part of the page."""
    status, content, _ = world[0].raw("GET", f"/overview/{path}", None, "", Cookie=world[1], X_Fragment="part")
    assert status == 200, content
    return content.decode()


def counted(server: ServerProcess, link: str) -> int:
    """Rows of the list behind a link, without gaps."""
    path, _, query = html.unescape(link).partition("?")
    assert path == "/traffic"
    status, answer = server.call("GET", f"/api/v1/traffic/aggregate?{query}&state.not=gap")
    assert status == 200, answer
    return int(answer["totals"]["count"])


@pytest.mark.parametrize("query", ["", "?last=7d", "?last=30d&source_name=mara-phone", "?destination_name=database&zone=Asia/Kathmandu"])
def test_every_count_leads_to_as_many_rows(world: tuple[ServerProcess, str], query: str) -> None:
    """Totals, denials, talkers, bars and hours; those of pairs are without what was not reached."""
    numbers = 0
    for name in ("denied", "talkers", "decisions", "heat"):
        found = re.findall(r'href="(/traffic[^"]+)"[^>]*>(?:<b>)?([\d,]+)<', part(world, f"{name}{query}"))
        for link, shown in found[:: max(1, len(found) // 12)]:
            assert counted(world[0], link) == int(shown.replace(",", "")), (name, html.unescape(link))
            numbers += 1
    assert numbers > 15


def test_totals_are_those_of_the_lists(world: tuple[ServerProcess, str]) -> None:
    """Connections and denied."""
    found = re.findall(r'<dt>(\w+)</dt><dd><a href="([^"]+)">([\d,]+)</a>', part(world, "totals?last=7d"))
    shown = {name: (link, int(number.replace(",", ""))) for name, link, number in found}
    assert shown["Denied"][1] == 52
    for link, number in (shown["Connections"], shown["Denied"]):
        assert counted(world[0], link) == number


def test_the_news_of_the_week(world: tuple[ServerProcess, str]) -> None:
    """The phone's first time at the wiki; what it was denied is none."""
    page = part(world, "new?source_name=mara-phone")
    assert "<bdi>wiki</bdi>" in page
    assert "<bdi>database</bdi>" not in page
    assert "database</bdi></a> denied 52; none before" in part(world, "changes")


@dataclass
class Seen:
    """A page, and what it did that it should not do."""

    page: Page
    base: str
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def goto(self, path: str) -> None:
        """Open it and wait until everything is drawn."""
        self.page.goto(f"{self.base}{path}")
        self.page.wait_for_function(SETTLED)


@pytest.fixture(scope="module")
def seen(world: tuple[ServerProcess, str], browser: Browser) -> Iterator[Seen]:
    """Signed in, at 1280 px, in a zone that is not UTC."""
    server, cookie = world
    name, _, value = cookie.partition("=")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin")
    context.add_cookies([{"name": name, "value": value, "url": server.url}])
    made = Seen(context.new_page(), server.url)
    made.page.on("console", lambda told: made.problems.append(told.text) if told.type in {"error", "warning"} else None)
    made.page.on("pageerror", lambda error: made.problems.append(str(error)))
    made.page.on("request", lambda sent: made.hosts.add(sent.url.split("/")[2]))
    yield made
    context.close()


@pytest.mark.browser
def test_charts_are_drawn_and_lead_to_rows(seen: Seen) -> None:
    """In both themes, from the tables beside them; nothing foreign is asked, and the console is silent."""
    seen.goto("/overview")
    assert "Europe/Berlin" in seen.page.locator('[data-part="heat"]').inner_text()
    light = {name: seen.page.locator(f'[data-chart="{name}"]').evaluate(PAINTED) for name in CHARTS}
    assert all(colours > 8 and width > 300 for colours, width, _ in light.values()), light
    seen.page.get_by_role("button", name="Switch between light and dark").click()
    for name in CHARTS:
        chart = seen.page.locator(f'[data-chart="{name}"]')
        seen.page.wait_for_function(
            "([node, old]) => node.querySelector('canvas').toDataURL() !== old", arg=[chart.element_handle(), light[name][2]]
        )
    seen.page.get_by_role("button", name="Switch between light and dark").click()
    decisions = seen.page.locator('[data-part="decisions"]')
    decisions.locator("summary").click()
    row = decisions.locator("tbody tr").filter(has=seen.page.locator("[data-denied-link]")).first
    expected = row.locator("[data-denied-link]").get_attribute("href")
    assert expected is not None and "verdict=denied" in expected
    seen.page.locator('[data-chart="heat"]').scroll_into_view_if_needed()
    box = seen.page.locator('[data-chart="heat"] .canvas').bounding_box()
    assert box is not None
    seen.page.mouse.move(box["x"] + box["width"] - 6, box["y"] + 10)
    expect(seen.page.locator('[data-chart="heat"] .chart-reading')).to_contain_text("connection")
    seen.page.mouse.click(box["x"] + box["width"] - 6, box["y"] + 10)
    seen.page.wait_for_url(re.compile(r"/traffic\?from="))
    assert seen.problems == []
    assert seen.hosts == {seen.base.removeprefix("http://")}


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(seen: Seen, scheme: Literal["light", "dark"]) -> None:
    """With the tables open."""
    seen.page.emulate_media(color_scheme=scheme)
    seen.goto("/overview?last=7d")
    seen.page.evaluate("() => document.querySelectorAll('details.figures').forEach(each => { each.open = true; })")
    assert violations(seen.page) == []


@pytest.mark.browser
def test_a_part_that_fails_can_be_tried_again(seen: Seen) -> None:
    """The others are not concerned; the page does not stick out on a phone."""
    failing = True

    def answer(route: Route) -> None:
        route.abort() if failing else route.continue_()

    seen.page.route("**/overview/denied?*", answer)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.goto("/overview")
    denied = seen.page.locator('[data-part="denied"]')
    expect(denied.get_by_role("alert")).to_contain_text("The server did not answer.")
    expect(seen.page.locator('[data-part="talkers"]')).to_contain_text("ana-laptop")
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    failing = False
    denied.get_by_role("link", name="Try again").click()
    expect(denied).to_contain_text("No phones at databases")
    seen.page.unroute("**/overview/denied?*")


@pytest.mark.browser
def test_without_scripts_each_part_is_a_page(seen: Seen) -> None:
    """Tables with the same figures and links."""
    browser = seen.page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False, storage_state=seen.page.context.storage_state())
    page = context.new_page()
    page.goto(f"{seen.base}/overview")
    page.get_by_role("link", name="Who reached what").click()
    page.locator("summary", has_text="As a table").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    context.close()
