"""What a list offers beside its rows, in a real browser: values, columns, a menu for each value, links, paper."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect

from meshtrail.web.filters import LAST, parse
from tests.web.axe import violations
from tests.web.conftest import Served
from tests.web.fake_api import FakeStore, create_app, generate

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lists() -> Iterator[Served]:
    """The traffic page over rows of the last hour, hostile names among them."""
    store = FakeStore(generate(datetime.now(UTC)))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(store), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", store)
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")
def visitor(browser: Browser, lists: Served) -> Iterator[BrowserContext]:
    made = browser.new_context(
        viewport={"width": 1280, "height": 800}, timezone_id="UTC", base_url=lists.url, permissions=["clipboard-read", "clipboard-write"]
    )
    made.add_cookies([{"name": "meshtrail_session", "value": "s", "url": lists.url}])
    yield made
    made.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Iterator[Page]:
    """A page of a browser that remembers nothing, and complains of nothing."""
    made, problems = visitor.new_page(), list[str]()
    made.set_default_timeout(10_000)
    made.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} and "429" not in said.text else None)
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.goto("/traffic")
    made.evaluate("localStorage.clear(); document.documentElement.dataset.facets = 'open'")
    yield made
    made.close()
    assert problems == []


def facet(field: str) -> str:
    return f'.facet[data-field="{field}"]'


def chosen(page: Page) -> list[tuple[str, str]]:
    """The filters of the address."""
    return [pair for pair in parse_qsl(page.url.partition("?")[2]) if pair[0] != "columns"]


def test_values_beside_the_rows(page: Page, lists: Served) -> None:
    """A value chooses, and again does not; its neighbours stay with their counts; another field's counts know the filter."""
    denied = page.locator(f"{facet('verdict')} li", has_text="denied")
    states = page.locator(f"{facet('state')} .facet-value")
    expect(denied.locator(".facet-count")).to_have_text(str(sum(row["verdict"] == "denied" for row in lists.store.rows)))
    denied.locator(".facet-value").click()
    expect(denied.locator(".facet-value")).to_have_attribute("aria-current", "true")
    expect(page.locator(".chip")).to_have_text("verdict is denied")
    expect(page.locator(f"{facet('verdict')} li")).not_to_have_count(1)
    expect(states).to_have_count(1)
    denied.locator(".facet-value").click()
    expect(page.locator(".chip")).to_have_count(0)
    unknown = page.locator(f"{facet('destination_name')} li", has_text="unknown")
    unknown.locator(".facet-hide").click()
    expect(page.locator(".chip")).to_have_text("destination name is known")
    page.go_back()
    expect(page.locator(".chip")).to_have_count(0)


def test_hostile_values_are_text(page: Page) -> None:
    """Markup is shown, deceiving characters are written out, and choosing such a value chooses exactly it; one that is rare stands
    there when it is chosen or hidden."""
    source = facet("source_name")
    page.locator(f"{source} .facet-more").click()
    script = page.locator(f"{source} li", has_text="<script>")
    expect(script).to_be_visible()
    expect(page.locator(f"{source} li", has_text="\\u202e")).to_have_count(1)
    assert page.locator(f"{source} :is(script, img)").count() == 0
    script.locator(".facet-value").click()
    expect(page.locator("#rows .row")).to_have_count(1)
    assert chosen(page) == [("source_name", "<script>document.title='owned'</script>")]
    page.goto("/traffic?source_name.not=nobody")
    nobody = page.locator(f"{source} li", has_text="nobody")
    expect(nobody).to_have_attribute("data-now", "hidden")
    assert page.title() == "Traffic · MeshTrail"


def test_values_that_cannot_be_counted_say_why(page: Page, lists: Served) -> None:
    """The lane of questions is full: the rows are there all the same, and one can try again."""
    lists.store.busy = True
    page.locator("#ranges a").nth(2).click()
    problem = page.locator(f"{facet('verdict')} .facet-problem")
    expect(problem).to_contain_text("Not counted. Too many questions over many rows wait for their answers. Try again in a moment.")
    expect(page.locator("#rows .row").first).to_be_visible()
    lists.store.busy = False
    problem.locator("button").click()
    expect(page.locator(f"{facet('verdict')} .facet-value").first).to_be_visible()


def test_the_values_are_put_away(page: Page) -> None:
    """The browser remembers it; without room they come as a sheet, which Escape closes."""
    button, column = page.locator("#facets-button"), page.locator("#facets")
    button.click()
    expect(column).to_be_hidden()
    page.reload()
    expect(column).to_be_hidden()
    button.click()
    expect(column).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(column).to_be_hidden()
    button.click()
    expect(page.locator(f"{facet('verdict')} .facet-value").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(column).to_be_hidden()
    expect(button).to_be_focused()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(column).to_be_visible()
    page.locator("#rows .row").first.click()
    expect(column).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(column).to_have_attribute("data-sheet", "")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "true")


def test_columns_are_chosen_and_stay(page: Page) -> None:
    """The table follows at once; the link says it, this browser keeps it, another link wins, and the usual ones come back."""
    heading = page.locator("th.c-rule")
    expect(heading).to_be_hidden()
    page.locator('[popovertarget="columns-panel"]').click()
    page.get_by_label("Rule").check()
    expect(heading).to_be_visible()
    expect(page.locator("#rows .row:not(.gap) .c-rule").first).to_be_visible()
    page.keyboard.press("Escape")
    assert "rule" in dict(parse_qsl(page.url.partition("?")[2]))["columns"].split(",")
    page.locator("#ranges a").nth(2).click()
    expect(page.locator('#ranges [aria-current="true"]')).to_have_text("24 h")
    assert "rule" in page.url
    page.goto("/traffic")
    expect(heading).to_be_visible()
    page.goto("/traffic?columns=time,source")
    expect(heading).to_be_hidden()
    expect(page.locator("th.c-state")).to_be_hidden()
    page.locator('[popovertarget="columns-panel"]').click()
    page.get_by_role("button", name="The usual ones").click()
    expect(page.locator("th.c-state")).to_be_visible()
    assert page.url.endswith("/traffic")


def test_a_value_of_a_row_is_a_filter(page: Page) -> None:
    """`f` offers all values of the focused row, Alt and a click offer one; Escape leads back to the row."""
    row = page.locator('#rows .row[data-state="closed"]').first
    row.focus()
    page.keyboard.press("f")
    menu = page.locator("#value-menu")
    expect(menu.locator("[role=menuitem]").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(row).to_be_focused()
    page.keyboard.press("f")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(menu.locator(".value-title")).to_contain_text("reporter name")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_contain_text("reporter name is")
    page.locator("#rows .row .c-state [data-field]").first.click(modifiers=["Alt"])
    menu.get_by_text("Hide rows with this").click()
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#panel")).to_be_hidden()
    page.locator("#rows .row .c-reporter [data-field]").first.click(modifiers=["Alt"])
    menu.get_by_text("Only this, without other filters").click()
    expect(page.locator(".chip")).to_have_count(1)


def test_what_is_shown_can_be_handed_on(page: Page) -> None:
    """As a link, as one whose window stays, and as a request; single quotes do not end the shell's word."""
    page.goto("/traffic?source_name=o'brien&last=24h")

    def copied(name: str) -> str:
        page.locator('[popovertarget="share-panel"]').click()
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("#toast")).to_contain_text("copied")
        return str(page.evaluate("navigator.clipboard.readText()"))

    assert copied("Copy link").endswith("/traffic?source_name=o%27brien&last=24h")
    fixed = dict(parse_qsl(copied("Copy link with a fixed window").partition("?")[2]))
    assert fixed.keys() == {"source_name", "from", "to"}
    assert datetime.fromisoformat(fixed["to"]) - datetime.fromisoformat(fixed["from"]) == LAST["24h"]
    curl = copied("Copy as curl")
    assert curl.startswith(f'curl -H "Authorization: Token $MESHTRAIL_TOKEN" \'{page.url.partition("/traffic")[0]}/api/v1/traffic?')
    assert curl.count("'") == 2


def test_paper_has_the_question_and_the_rows(page: Page) -> None:
    """Nothing to press; black on white whatever the theme."""
    page.goto("/traffic?verdict=denied")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#printed")).to_contain_text("MeshTrail · Traffic")
    for hidden in (".topbar", ".toolbar", "#histogram", "#facets", ".more"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator(".chip")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('#rows td bdi')).color") == "rgb(0, 0, 0)"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_opens_is_accessible(page: Page, scheme: str) -> None:
    """The panels of the toolbar, the menu of a value, values with a problem and as a sheet: nothing that a machine can find."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/traffic?verdict=allowed&source_name.not=nobody")

    def check(state: str) -> None:
        assert violations(page) == [], state
        page.keyboard.press("Escape")

    for panel in ("columns-panel", "share-panel"):
        page.locator(f'[popovertarget="{panel}"]').click()
        check(panel)
    page.locator("#rows .row").first.focus()
    page.keyboard.press("f")
    check("values of a row")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#facets-button").click()
    expect(page.locator(f"{facet('verdict')} .facet-value").first).to_be_visible()
    check("sheet")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_scripts_and_server_make_the_same_addresses(page: Page) -> None:
    """Including, excluding and asking whether something is known: js/address.js is the counterpart of web/filters.py."""
    queries = [
        "",
        "verdict=denied",
        "verdict.not=denied&search=x&last=24h",
        "verdict=denied&verdict=allowed&columns=rule",
        "verdict.known=true",
    ]
    script = """async ([module, queries]) => {
      const { excluding, including, knowing } = await import(module);
      const made = (change) => queries.map((query) => String(change(new URLSearchParams(query))));
      return [
        made((query) => including(query, "verdict", "denied")), made((query) => excluding(query, "verdict", "denied")),
        made((query) => knowing(query, "verdict", false)),
      ];
    }"""
    module = page.evaluate("document.querySelector('script[src*=\"js/app.js\"]').src.replace('app.js', 'address.js')")
    made = page.evaluate(script, [module, queries])
    filters = [parse(query) for query in queries]
    wanted = [
        [each.including("verdict", "denied") for each in filters], [each.excluding("verdict", "denied") for each in filters],
        [each.knowing("verdict", False) for each in filters],
    ]  # fmt: skip
    assert [[sorted(parse_qsl(one)) for one in some] for some in made] == [
        [sorted(parse_qsl(one.query())) for one in some] for some in wanted
    ]
