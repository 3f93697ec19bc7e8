"""The traffic page in a real browser."""

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from meshtrail.web.pages import CaptureStatus
from tests.web.axe import violations
from tests.web.conftest import Served, Watch
from tests.web.fake_api import EMAIL, HOSTILE_NAMES, PASSWORD, TOKEN, make_row, rfc3339

pytestmark = pytest.mark.browser
CHANCE = random.Random(3)


def picture(page: Page, name: str) -> None:
    """Keep a screenshot when a folder for them is given."""
    folder = os.environ.get("MESHTRAIL_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def rows(page: Page) -> list[str]:
    return page.locator("#rows .row").evaluate_all("rows => rows.map((row) => row.dataset.id)")


def live(page: Page, served: Served) -> None:
    """Wait until the tail is connected."""
    expect(page.locator("#live[data-phase=on]")).to_be_visible()
    expect(page.locator("#live-word")).to_have_text("Live")
    assert served.store.tails


def test_rows_are_there_and_nothing_is_wrong(page: Page, watch: Watch, served: Served) -> None:
    """The first paint has rows and a histogram; no error, no other host."""
    page.goto("/traffic")
    expect(page.locator("#rows .row")).to_have_count(50)
    expect(page.locator("#histogram-summary")).to_contain_text("connections")
    expect(page.locator('.row[data-state="gap"]')).to_contain_text("312 reports lost, cause buffer overrun")
    expect(page.locator('.row[data-state="denied"] .badge').first).to_have_text("denied")
    picture(page, "traffic-light")
    assert watch.problems == []
    assert {host.split(":")[0] for host in watch.hosts} == {"127.0.0.1"}


def test_rows_are_read_without_scripts(browser: Browser, served: Served) -> None:
    """A browser without JavaScript reads, pages, filters and opens details."""
    context = browser.new_context(java_script_enabled=False, base_url=served.url)
    context.add_cookies([{"name": "meshtrail_session", "value": "s", "url": served.url}])
    page = context.new_page()
    page.goto("/traffic")
    first = page.locator("#rows .row").first.get_attribute("data-id")
    page.locator("#older").click()
    assert page.locator("#rows .row").first.get_attribute("data-id") != first
    page.locator("#search").fill("destination_port=5432")
    page.locator("#search").press("Enter")
    expect(page.locator(".chip")).to_contain_text("destination port is 5432")
    page.locator("#rows .c-time a").first.click()
    expect(page.locator("#panel .sentence")).to_contain_text("postgres-main")
    context.close()


def test_chips_come_and_go(page: Page, watch: Watch) -> None:
    """A value of the panel becomes a chip and the address; the chip takes both away."""
    page.goto("/traffic")
    page.locator('#rows .row:has-text("crm")').first.click()
    page.locator('#panel .field:has(dt[title^="destination_name:"]) a.include').click()
    expect(page.locator(".chip")).to_have_text("destination name is crm")
    assert page.url.endswith("/traffic?destination_name=crm")
    expect(page.locator("#rows .row").first).to_contain_text("crm")
    page.locator(".chip-remove").click()
    expect(page.locator(".chip")).to_have_count(0)
    assert page.url.endswith("/traffic")
    page.go_back()
    expect(page.locator(".chip")).to_have_count(1)
    assert watch.problems == []


def test_search_and_typed_fields(page: Page) -> None:
    """`/` leads to the search box; a typed field becomes a chip, the rest stays text."""
    page.goto("/traffic")
    page.keyboard.press("/")
    page.keyboard.type("jun destination_port=22")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#search")).to_have_value("jun")


def test_the_keyboard_moves_opens_and_closes(page: Page, watch: Watch) -> None:
    """Arrow keys, Enter and Esc; the panel follows the row, and focus comes back to it."""
    page.goto("/traffic")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.locator("#rows .row").nth(1)
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#panel .sentence")).to_be_visible()
    expect(second).to_have_attribute("aria-selected", "true")
    assert str(second.get_attribute("data-id")) in page.url
    page.keyboard.press("ArrowDown")
    third = page.locator("#rows .row").nth(2)
    expect(third).to_have_attribute("aria-selected", "true")
    picture(page, "traffic-panel")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(third).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    assert watch.problems == []


def test_live_rows_arrive_and_change_in_place(page: Page, served: Served, watch: Watch) -> None:
    """A new row stands on top; a newer report of it changes it where it is."""
    page.goto("/traffic")
    live(page, served)
    row = make_row(datetime.now(UTC), CHANCE, 10_000, state="open", destination_name="brand-new", duration_ms=None, ended_at=None)
    served.store.add(row)
    top = page.locator("#rows .row").first
    expect(top).to_contain_text("brand-new")
    expect(top.locator(".badge")).to_have_text("open")
    served.store.add(row | {"state": "closed", "duration_ms": 3_000, "close_reason": "fin", "seq": "10001"})
    expect(top.locator(".badge")).to_have_text("closed")
    expect(top.locator(".c-duration")).to_have_text("3.0 s")
    expect(page.locator(f'[data-id="{row["id"]}"]')).to_have_count(1)
    assert watch.problems == []


def test_a_live_row_looks_like_a_rendered_one(page: Page, served: Served) -> None:
    """The script builds exactly the markup of the server, for every kind of row, hostile ones too."""
    page.goto("/traffic")
    path = page.evaluate("document.querySelector('script[type=module]').src.replace('app.js', 'rows.js')")
    shown = set(rows(page))
    wanted = [row for row in served.store.rows if row["id"] in shown]
    script = """async ([path, rows]) => {
      const { make } = await import(path);
      const plain = (node) => {
        node = node.cloneNode(true);
        for (const each of [node, ...node.querySelectorAll("*")]) {
          for (const name of ["tabindex", "aria-selected"]) each.removeAttribute(name);
          if (each.localName === "time") each.removeAttribute("title");
          if (each.classList.contains("name")) each.className = each.className.trim();
        }
        return node.outerHTML;
      };
      return rows.map((row) => [plain(document.querySelector(`#rows [data-id="${row.id}"]`)), plain(make(row, ""))])
        .filter(([rendered, made]) => rendered !== made);
    }"""
    assert page.evaluate(script, [path, wanted]) == []
    assert len(wanted) == 50


def test_the_open_panel_follows_its_row(page: Page, served: Served) -> None:
    """A newer report of the row in the panel is read anew without losing the place."""
    row = make_row(datetime.now(UTC), CHANCE, 10_000, state="open", destination_name="watched", duration_ms=None, ended_at=None)
    served.store.add(row)
    page.goto("/traffic")
    live(page, served)
    page.locator("#rows .row").first.click()
    expect(page.locator("#panel .sentence")).to_contain_text("is connected to watched")
    page.locator("#panel summary").last.click()
    served.store.add(row | {"state": "closed", "duration_ms": 3_000, "ended_at": rfc3339(datetime.now(UTC))})
    expect(page.locator("#panel .sentence")).to_contain_text("reached watched")
    expect(page.locator("#panel .badge")).to_have_text("closed")
    expect(page.locator("#curl")).to_be_visible()


def test_live_is_bounded_and_says_what_it_skips(page: Page, served: Served) -> None:
    """The page never holds more than 500 rows, and counts what it does not show."""
    page.goto("/traffic")
    live(page, served)
    older = page.locator("#older").get_attribute("href")
    for burst in range(3):
        for number in range(280):
            served.store.tell("traffic", make_row(datetime.now(UTC), CHANCE, 20_000 + burst * 1_000 + number))
        page.wait_for_timeout(500)
    expect(page.locator("#rows .row")).to_have_count(500)
    assert page.locator("#older").get_attribute("href") != older
    served.store.tell("missed", {"count": 1_234})
    expect(page.locator("#skipped")).to_contain_text("events skipped on screen; they are stored.")


def test_l_switches_live(page: Page, served: Served) -> None:
    """Off means closed, and the choice is remembered."""
    page.goto("/traffic")
    live(page, served)
    page.keyboard.press("l")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.locator("#live")).to_have_attribute("data-phase", "off")


def test_the_first_row_ends_the_empty_page(page: Page, served: Served) -> None:
    """Somebody who waits for the first row sees it without reloading."""
    served.store.rows, served.store.capture = [], CaptureStatus(False, "Not root: this machine's connections are not captured.")
    page.goto("/traffic")
    expect(page.locator("#empty")).to_contain_text("No connection has been recorded yet")
    picture(page, "traffic-empty")
    live(page, served)
    served.store.add(make_row(datetime.now(UTC), CHANCE, 1, destination_name="first"))
    expect(page.locator("#rows .row")).to_have_count(1)


def test_hostile_names_are_inert(page: Page, served: Served, watch: Watch) -> None:
    """Markup in names is text, in rendered rows, live rows, the panel and chips; deceiving characters are written out."""
    page.goto("/traffic")
    live(page, served)
    for name in HOSTILE_NAMES:
        served.store.add(make_row(datetime.now(UTC), CHANCE, 5_000, source_name=name, destination_name=name, user_name=name))
    expect(page.locator("#rows .row").first).to_contain_text("{{ 7 * 7 }}")
    for number in range(len(HOSTILE_NAMES)):
        page.locator("#rows .row").nth(number).click()
        expect(page.locator("#panel .sentence")).to_be_visible()
        page.wait_for_timeout(50)
    page.goto("/traffic?source_name=%3Cscript%3Edocument.title%3D%27owned%27%3C/script%3E&search=%22%3E%3Cimg%20src%3Dx%3E")
    expect(page.locator(".chip").first).to_contain_text("<script>document.title='owned'</script>")
    assert page.title() == "Traffic · MeshTrail"
    assert page.locator("main script:not([src]), main img").count() == 0
    assert "\u202e" not in page.content()
    assert watch.problems == []


def test_brush_chooses_a_window(page: Page, watch: Watch) -> None:
    """Dragging over the histogram, or Shift and arrow keys, fix the window; live stops because it cannot grow."""
    page.goto("/traffic")
    expect(page.locator("#plot .series-allowed")).not_to_have_attribute("d", "")
    box = page.locator("#plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + 300, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 700, box["y"] + 30, steps=5)
    page.mouse.up()
    expect(page.locator(".chip")).to_contain_text("time from")
    assert "from=" in page.url
    assert "to=" in page.url
    expect(page.locator("#live")).to_be_disabled()
    expect(page.locator("#histogram-summary")).not_to_contain_text("Counting")
    page.locator("#plot").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    before = page.url
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != before)
    assert watch.problems == []


def test_older_rows_are_added_below(page: Page) -> None:
    """Loading older keeps what is read and ends with a word."""
    page.goto("/traffic")
    page.locator("#older").click()
    while page.locator("#older").count():
        page.locator("#list").evaluate("list => list.scrollTo(0, list.scrollHeight)")
        page.wait_for_timeout(50)
    expect(page.locator(".more")).to_contain_text("all rows")
    assert len(rows(page)) == len(set(rows(page))) == 321


def test_the_page_stays_bounded_downwards(page: Page, served: Served) -> None:
    """Past 500 rows the newest leave the page, live stops, and a link leads back."""
    now = datetime.now(UTC)
    served.store.rows = [make_row(now - timedelta(seconds=number + 1), CHANCE, number) for number in range(600)]
    page.goto("/traffic")
    for _ in range(40):
        page.locator("#list").evaluate("list => list.scrollTo(0, list.scrollHeight)")
        page.wait_for_timeout(50)
    expect(page.locator("#rows .row")).to_have_count(500)
    expect(page.locator("#older")).not_to_have_attribute("aria-disabled", "true")
    page.locator("#older").click()
    expect(page.locator("#newest")).to_be_visible()
    expect(page.locator("#rows .row")).to_have_count(500)
    expect(page.locator("#live")).to_be_disabled()
    page.locator("#newest a").click()
    expect(page.locator("#rows .row")).to_have_count(50)
    expect(page.locator("#live")).to_be_enabled()


def test_time_zone_and_theme(page: Page, browser: Browser, served: Served) -> None:
    """The zone changes every time on the page, the theme the colours; both are remembered."""
    context = browser.new_context(timezone_id="Asia/Kolkata", base_url=served.url, color_scheme="light")
    context.add_cookies([{"name": "meshtrail_session", "value": "s", "url": served.url}])
    page = context.new_page()
    page.goto("/traffic")
    time = page.locator("#rows time").first
    local = time.text_content()
    page.locator('[data-zone-choice="utc"]').click()
    assert time.text_content() != local
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.locator('[data-action="theme"]').click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme + document.documentElement.dataset.zone") == "darkutc"
    context.close()


def test_failures_are_said(page: Page, served: Served) -> None:
    """A closed store is shown with the request id, and the page recovers by itself being used."""
    page.goto("/traffic")
    served.store.broken = True
    page.locator("#ranges a").first.click()
    expect(page.locator(".failing")).to_contain_text("The store does not answer.")
    expect(page.locator(".failing")).to_contain_text("req-4f1d20")
    picture(page, "traffic-failing")
    served.store.broken = False
    page.locator("#ranges a").nth(1).click()
    expect(page.locator("#rows .row")).to_have_count(50)


def test_signing_in_and_out(browser: Browser, served: Served) -> None:
    """Without a session the door opens; wrong words are told; the right ones, or a token, lead back; signing out leads to the door."""
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    page.goto("/traffic?verdict=denied")
    assert "/sign-in" in page.url
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.locator("#sign-in .problem")).to_contain_text("is wrong")
    picture(page, "sign-in")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").first.click()
    expect(page.locator(".chip")).to_contain_text("verdict is denied")
    page.locator("#user summary").click()
    page.locator('[data-action="sign-out"]').click()
    page.wait_for_url("**/sign-in")
    page.goto("/traffic?verdict=denied")
    page.get_by_text("Other ways in").click()
    page.locator("#token").fill("wrong")
    page.locator("#token").press("Enter")
    expect(page.locator("#sign-in-token .problem")).to_contain_text("does not know this token")
    page.locator("#token").fill(TOKEN)
    page.locator("#token").press("Enter")
    expect(page.locator(".chip")).to_contain_text("verdict is denied")
    page.locator("#user summary").click()
    page.locator('[data-action="sign-out"]').click()
    page.wait_for_url("**/sign-in")
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (380, "light"), (380, "dark")])
def test_no_width_scrolls_sideways(browser: Browser, served: Served, width: int, scheme: str) -> None:
    """Nothing is cut off at the side, with rows and with the panel open."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light", base_url=served.url
    )
    context.add_cookies([{"name": "meshtrail_session", "value": "s", "url": served.url}])
    page = context.new_page()
    page.goto("/traffic?verdict=allowed&verdict=denied&source_name.not=nobody-with-a-rather-long-name")
    expect(page.locator("#histogram-summary")).to_contain_text("connections")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    picture(page, f"traffic-{width}-{scheme}")
    page.locator("#rows .row").nth(2).click()
    expect(page.locator("#panel .sentence")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["rows", "panel", "empty", "failing", "door"])
def test_accessibility(context: BrowserContext, served: Served, scheme: str, state: str) -> None:
    """No violation of WCAG 2.2 A and AA that a machine can find, in any state and theme."""
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    served.store.broken = state == "failing"
    page.goto({"empty": "/traffic?destination_port=9999&verdict=denied", "door": "/sign-in"}.get(state, "/traffic"))
    if state == "panel":
        page.locator("#rows .row").nth(2).click()
        expect(page.locator("#panel .sentence")).to_be_visible()
    page.wait_for_timeout(300)
    assert violations(page) == []


def test_a_moment_reads_the_same_in_both(page: Page, served: Served) -> None:
    """Rendered times stay as they are when the zone is UTC."""
    page.goto("/traffic")
    newest = max(row["started_at"] for row in served.store.rows)
    assert rfc3339(datetime.fromisoformat(newest))[11:23] == page.locator("#rows time").first.text_content()
