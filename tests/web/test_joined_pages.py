"""The pages of connections and collectors in a real browser: nothing overflows, everything is readable, nothing is executed."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from tests.web.axe import violations
from tests.web.connections import attempt, connection, denial, denied, missing, report
from tests.web.fake_api import HOSTILE_NAMES
from tests.web.joined_api import Answers, collector, joined_app

pytestmark = pytest.mark.browser
BEYOND = """() => {
  const page = document.documentElement.scrollWidth - innerWidth;
  const cut = [...document.querySelectorAll("main p, main h1, main li, main td .under, .compare th, .compare td")].filter((each) =>
    each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline"
    && getComputedStyle(each).position !== "absolute");
  return [page > 0 ? `page ${page}` : "", ...cut.map((each) => each.outerHTML.slice(0, 120))].filter(Boolean);
}"""
"""What stands beyond the window's edge, or is cut off."""

BEFORE = "2026-11-21T11:40:00.000000Z"
LONG = HOSTILE_NAMES[3]
SIZES = ((1_280, 800), (390, 844))


def rich() -> Answers:
    """Every kind of line, with names that are long or deceive."""
    told = {"reporter_name": LONG, "policy_name": LONG}
    connections = [
        connection(),
        denied(attempt(), denial(policy_name="No telnet", attribution="reported"), agreement="denied_by_other", policy_name="No telnet"),
        connection(report("initiator", "laptop"), agreement="one_side", finding=True, missing=[missing("router", LONG)]),
        connection(
            report("initiator", "laptop", packets_to_destination=99), report("target", "crm", bytes_to_destination=9),
            agreement="bytes_differ", finding=True,
        ),
        connection(report("initiator", "x", **told), report("router", "y", **told), report("target", "z", **told), policy_name=LONG,
                   user_name=LONG, source_name=LONG, destination_name=LONG),
        *(connection(source_name=name, destination_name=name, policy_name=name, user_name=name) for name in HOSTILE_NAMES),
    ]  # fmt: skip
    collectors = [
        collector("new", "never_seen", last_contact_at=None, last_event_at=None, lag_ms=None),
        collector("phone", "silent", reason="Nothing was heard for more than 15 minutes.", since=BEFORE, last_contact_at=BEFORE),
        collector("crm", "lossy", reason="Events were lost before the agent read them.", since=BEFORE, losses={"events_dropped": 4_120},
                  gaps={"count": 1, "lost": 4_120, "unknown": 0}, clock_skew_ms=90_000, clock_off=True),
        collector("tablet", "late", reason="Its events arrive 12 minutes after they happened.", since=BEFORE, reports_waiting=81_234),
        *(collector(name) for name in HOSTILE_NAMES),
    ]  # fmt: skip
    return Answers(connections, collectors)


def views(answers: Answers) -> dict[str, str]:
    """What is looked at."""
    kinds = ("plain", "denied", "missing", "differing", "long")
    return {"list": "/connections", "collectors": "/collectors", "nowhere": "/connections/x"} | {
        kind: f"/connections/{each['id']}" for kind, each in zip(kinds, answers.connections, strict=False)
    }


@pytest.fixture(scope="module")
def answers() -> Answers:
    return rich()


@pytest.fixture(scope="module")
def url(answers: Answers) -> Iterator[str]:
    """The pages over these answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(joined_app(answers), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


def opened(browser: Browser, url: str, size: tuple[int, int], scheme: str = "light") -> tuple[Page, list[str]]:
    """A page of a signed-in browser, and what it complains about."""
    made = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        timezone_id="UTC",
        base_url=url,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    made.add_cookies([{"name": "meshtrail_session", "value": "s", "url": url}])
    page, problems = made.new_page(), list[str]()
    page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} and "404" not in said.text else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page, problems


@pytest.mark.parametrize("size", SIZES, ids=["desk", "phone"])
def test_nothing_overflows_and_nothing_is_executed(browser: Browser, url: str, answers: Answers, size: tuple[int, int]) -> None:
    """Long names wrap or are shortened; names with markup stay text; no script complains."""
    page, problems = opened(browser, url, size)
    for name, path in views(answers).items():
        page.goto(path)
        assert page.evaluate(BEYOND) == [], name
        assert "owned" not in page.title()
    assert problems == []
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scheme"), [(SIZES[0], "light"), (SIZES[1], "dark")], ids=["desk", "phone"])
def test_accessibility(browser: Browser, url: str, answers: Answers, size: tuple[int, int], scheme: str) -> None:
    """No violation of WCAG 2.2 A and AA that a machine can find: contrast, names, headings."""
    page, _ = opened(browser, url, size, scheme)
    for name, path in views(answers).items():
        page.goto(path)
        assert violations(page) == [], name
    page.context.close()


def test_the_collectors_are_read_anew(browser: Browser, url: str, answers: Answers) -> None:
    """What becomes silent is seen without a new visit."""
    page, problems = opened(browser, url, SIZES[0])
    page.clock.install()
    page.goto("/collectors")
    expect(page.locator('tr[data-collector="late"]')).to_have_count(1)
    late = next(each for each in answers.collectors if each["state"] == "late")
    late |= {"state": "silent", "reason": "Nothing was heard."}
    page.clock.run_for(10_500)
    expect(page.locator('tr[data-collector="late"]')).to_have_count(0)
    late["state"] = "late"
    assert problems == []
    page.context.close()


def test_a_time_is_read_in_the_chosen_zone(browser: Browser, url: str) -> None:
    """Since when a reporter is silent follows the zone, as all times do."""
    made = browser.new_context(timezone_id="Asia/Tokyo", base_url=url)
    made.add_cookies([{"name": "meshtrail_session", "value": "s", "url": url}])
    page = made.new_page()
    page.goto("/collectors")
    since = page.locator('tr[data-collector="silent"] .state time')
    expect(since).to_contain_text("20:40:00")
    page.locator('[data-zone-choice="utc"]').click()
    expect(since).to_contain_text("11:40:00")
    made.close()
