"""The Live page: what it renders, how it counts and samples, and thousands of real events through a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.data import arrow_bodies, tables
from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.control.permissions import Role
from meshtrail.web.assets import Assets
from meshtrail.web.filters import parse
from meshtrail.web.live_page import LIVE_LIST, live_context
from meshtrail.web.pages import CaptureStatus, Shell
from tests.rows import report
from tests.servers import ServerProcess
from tests.web.axe import violations
from tests.web.live_server import Seen, sessions, visiting
from tests.web.test_joined_pages import BEYOND

BURSTS, BURST = 6, 4_000
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROW = {"id": "0" * 32, "started_at": "2026-11-21T11:00:00.000000Z", "seq": "1"}
SHELL = Shell("Live", CaptureStatus(True, "Captured."))


def test_a_row_has_less_in_it_than_in_the_list() -> None:
    """Both ways together, application before protocol, person before program; a gap is said in words."""
    rows = [
        ROW | {"state": "closed", "verdict": "allowed", "source_name": "ana\u202e", "protocol": 6, "rx_bytes": 600, "tx_bytes": 400,
               "process_name": "psql", "policy_name": "Staff"},
        ROW | {"state": "gap", "verdict": None, "reporter_name": "crm", "gap_lost": 312, "gap_cause": "buffer_overrun"},
        ROW | {"state": "denied", "verdict": "denied", "application": "ssh", "user_name": "Ana"},
    ]  # fmt: skip
    first, gap, denied = live_context(parse("", LIVE_LIST), SHELL, NOW, {"data": rows}).lines
    assert (first.source.name, first.what, first.who, first.policy, first.bytes) == ("ana\\u202e", "TCP", "psql", "Staff", "1.0 kB")
    assert (gap.source.name, gap.destination.name, gap.bytes) == ("crm", "reports are missing: 312 reports lost, buffer overrun", "")
    assert (denied.verdict, denied.what, denied.who, denied.bytes) == ("denied", "ssh", "Ana", "")


def test_addresses_stay_on_the_page() -> None:
    """Chips lead back to it without their condition; the list that they lead to has a window."""
    context = live_context(parse("verdict=denied&source_name=ana", LIVE_LIST), SHELL, NOW, {})
    assert [chip.remove for chip in context.chips] == ["/live?source_name=ana", "/live?verdict=denied"]
    assert context.listing == "/traffic?verdict=denied&source_name=ana&last=24h"
    assert context.api_query == "verdict=denied&source_name=ana"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("live")) as started:
        yield started


@pytest.fixture(scope="module")
def owner(server: ServerProcess) -> str:
    return sessions(server, Role.owner)[1][Role.owner]


@pytest.fixture
def seen(browser: Browser, server: ServerProcess, owner: str) -> Iterator[Seen]:
    with visiting(browser, server.url, owner) as opened:
        yield opened
        assert opened.problems == []


PARTS = """async (folder) => {
  const part = (name) => import(`${folder}/js/live_page/${name}.js`);
  const [{ parser }, { Rates, SECONDS }, { Sample }, { waitAfter }, { ceiling }, words] =
    await Promise.all(["sse", "rates", "sample", "stream", "chart", "words"].map(part));
  const read = parser();
  const events = [...read(": hello\\n\\nevent: tal"), ...read('ly\\nid: 7\\ndata: {"count"'), ...read(":1}\\n\\ndata: a\\ndata: b\\n\\n")];
  const rates = new Rates(10_000);
  for (let second = 10; second < 10 + 2 * SECONDS; second += 1) rates.add("count", second, second * 1000);
  const end = (10 + 2 * SECONDS) * 1000;
  const bars = rates.bars(end).map((each) => each.count);
  const later = rates.bars(end + 1_000_000).reduce((sum, each) => sum + each.count, 0);
  const kept = new Array(100).fill(0);
  let seed = 1;
  const chance = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647; };
  for (let round = 0; round < 2000; round += 1) {
    const sample = new Sample(10, chance);
    for (let id = 0; id < 100; id += 1) sample.offer({ id });
    for (const row of sample.take()) kept[row.id] += 1;
  }
  const again = new Sample(2);
  for (const row of [{ id: 1, state: "open" }, { id: 1, state: "closed" }, { id: 2 }]) again.offer(row);
  return {
    events, bars: [bars.length, bars[0], bars.at(-2), bars.at(-1)], later,
    fair: [Math.min(...kept), Math.max(...kept)], newest: again.take(1), rest: again.take(),
    waits: [1, 2, 3, 20].map((failures) => waitAfter(failures, () => 0.5)), spread: [waitAfter(1, () => 0), waitAfter(1, () => 1)],
    ceilings: [1, 2, 3, 51, 4321].map(ceiling),
    said: [words.sampling(0, 0), words.sampling(3412.2, 60), words.sampling(12, 12), words.sampling(0.4, 0.4), words.meanwhile("lost", 1)],
  };
}"""


@pytest.mark.browser
def test_the_parts(seen: Seen) -> None:
    """Events come in pieces; rates are a ring; samples are fair; waits grow, are spread and end at half a minute."""
    seen.page.goto("/live")
    found = seen.page.evaluate(PARTS, f"/static/{Assets().digest}")
    assert found["events"] == [{"type": "tally", "id": "7", "data": '{"count":1}'}, {"type": "message", "id": "", "data": "a\nb"}]
    assert found["bars"] == [120, 131, 249, 0]
    assert found["later"] == 0
    assert 140 < found["fair"][0] <= 200 <= found["fair"][1] < 260
    assert (found["newest"], found["rest"]) == ([{"id": 1, "state": "closed"}], [{"id": 2}])
    assert found["waits"] == [1_000, 2_000, 4_000, 30_000]
    assert found["spread"] == [750, 1_250]
    assert found["ceilings"] == [1, 2, 5, 100, 5_000]
    assert found["said"] == [
        "Nothing comes at the moment.", "Showing 60 of 3,412 a second; all are stored.", "Showing all: 12 a second.",
        "Showing all: less than 1 a second.", "While the connection was lost, 1 event came; all are stored.",
    ]  # fmt: skip


def burst(server: ServerProcess, number: int) -> None:
    for body in arrow_bodies(tables(BURST, seed=number, start_us=wall_clock() - 1_000_000, span_us=900_000)):
        assert server.call("POST", "/api/v1/ingest/traffic", body, Content_Type="application/vnd.apache.arrow.stream")[0] == 200


def total(page: Page, name: str) -> int:
    return int(page.locator(f"#total-{name}").inner_text().replace(",", ""))


@pytest.mark.browser
def test_thousands_of_events(seen: Seen, server: ServerProcess) -> None:
    """All are counted and stored; the screen shows a bounded sample, says so, and stays usable; a pause says what it leaves out."""
    page = seen.page
    page.goto("/live")
    expect(page.locator("#phase")).to_have_text("Live")
    for number in range(BURSTS):
        burst(server, number)
    expect(page.locator("#total-count")).to_have_text(f"{BURSTS * BURST:,}", timeout=20_000)
    expect(page.locator("#sampling")).to_contain_text("all are stored")
    assert 0 < page.locator("#tail tr").count() <= 300
    assert 0 < total(page, "shown") < total(page, "count")
    assert total(page, "denied") > 0
    slowest = page.evaluate("""() => new Promise((resolve) => {
      let [last, worst, frames] = [performance.now(), 0, 0];
      const frame = (now) => {
        [worst, last, frames] = [Math.max(worst, now - last), now, frames + 1];
        if (frames < 40) requestAnimationFrame(frame); else resolve(worst);
      };
      requestAnimationFrame(frame);
    })""")
    assert slowest < 1_000
    page.keyboard.press(" ")
    expect(page.locator("#phase")).to_have_text("Paused")
    first = page.locator("#tail tr").first.get_attribute("data-id")
    burst(server, BURSTS)
    expect(page.locator("#sampling")).to_have_text(f"Paused: {BURST:,} events since.")
    assert page.locator("#tail tr").first.get_attribute("data-id") == first
    page.keyboard.press(" ")
    expect(page.locator("#missed-words")).to_have_text(f"While it was paused, {BURST:,} events came; all are stored.")
    stored = server.call("GET", "/api/v1/traffic/aggregate?measure=count")[1]["totals"]["count"]
    assert stored == (BURSTS + 1) * BURST
    assert violations(page) == []
    assert page.evaluate(BEYOND) == []
    page.locator("#tail td.t-destination").first.click()
    page.wait_for_url("**/traffic/*")


@pytest.mark.browser
def test_it_comes_back_and_counts_what_came_meanwhile(seen: Seen, server: ServerProcess) -> None:
    """A filter holds for the tail too; the connection is found again; hostile names stay text; a link leads to what was missed."""
    page = seen.page
    page.goto("/live?process_name=lost-and-found")
    expect(page.locator("#phase")).to_have_text("Live")
    expect(page.locator("#nothing")).to_contain_text("No row of the last 24 hours matches this filter.")
    page.route("**/api/v1/live?*", lambda route: route.abort())
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("#phase")).to_have_text("Reconnecting")
    expect(page.locator("#problem")).to_contain_text("The server does not answer. Trying again in")
    page.unroute("**/api/v1/live?*")
    expect(page.locator("#phase")).to_have_text("Live")
    assert {each for each in seen.problems if "ERR_FAILED" in each} == set(seen.problems)
    seen.problems.clear()  # that the server did not answer
    hostile = "<img src=x onerror=\"document.title='owned'\">"
    row = report(process_name="lost-and-found", source_name=hostile, user_name=hostile, started_at=rfc3339(wall_clock()))
    assert server.ingest([row, report(process_name="other")])[0] == 200
    line = page.locator("#tail tr").first
    expect(line).to_contain_text(hostile)
    expect(page.locator("#nothing")).to_be_hidden()
    expect(page.locator("#total-count")).to_have_text("1")
    assert "owned" not in page.title()
    page.mouse.move(640, 5)
    line.hover()
    expect(page.locator("#phase")).to_have_text("Held")


@pytest.mark.browser
def test_a_filter_that_is_none(browser: Browser, server: ServerProcess, owner: str) -> None:
    """The page says so, keeps the text to be mended, and follows nothing; it fits a phone."""
    with visiting(browser, server.url, owner, (390, 844), color_scheme="dark") as seen:
        seen.page.goto("/live?search=verdict+%3D+maybe")
        expect(seen.page.get_by_role("alert")).to_contain_text("verdict")
        expect(seen.page.locator("#search")).to_have_value("verdict = maybe")
        seen.page.goto("/live")
        expect(seen.page.locator("#phase")).to_have_text("Live")
        assert violations(seen.page) == []
        assert seen.page.evaluate(BEYOND) == []
        assert seen.problems == []
