"""The page of collectors; without a browser."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
import typer.testing
from litestar import Litestar
from litestar.testing import TestClient

from meshtrail.agent.__main__ import parser
from meshtrail.cli.app import app
from meshtrail.ingest.collector import CollectorState
from meshtrail.web.collectors import STATES, ago, gap_words, lasting, rate, span
from tests.web.connections import NOW
from tests.web.fake_api import HOSTILE_NAMES
from tests.web.joined_api import Answers, collector, joined_app
from tests.web.test_connections import text

Client = TestClient[Litestar]
BEFORE = "2026-11-21T11:40:00.000000Z"


@pytest.fixture
def answers() -> Answers:
    return Answers(collectors=[collector("laptop")])


@pytest.fixture
def client(answers: Answers) -> Iterator[Client]:
    with TestClient(joined_app(answers)) as made:
        made.cookies.set("meshtrail_session", "s")
        yield made


def test_every_state_has_words() -> None:
    """A badge and a meaning for each, worst first as the API lists them."""
    assert list(STATES) == list(CollectorState)


def test_one_that_is_as_it_should_be(client: Client) -> None:
    """When it was heard of, how late its events are, how many; nothing is lost and nothing began."""
    said = text(client.get("/collectors").text)
    assert "1 ok" in said
    assert "laptop agent · id-laptop ok Its events arrive as they happen. now 30 s ago 120 ms 0.5/s none" in said
    assert "A reporter counts as silent after 15 min without a word." in said
    assert "Since" not in said


def test_silent_late_and_lossy_since_when_and_with_counters(client: Client, answers: Answers) -> None:
    """Each with its reason, for how long, and what is lost; a link leads to the gaps."""
    answers.collectors = [
        collector("phone", "silent", reason="Nothing was heard for more than 15 minutes.", since=BEFORE, last_contact_at=BEFORE),
        collector("crm", "lossy", reason="Denials were lost.", since=BEFORE, losses={"denials_lost": 12, "events_dropped": 4_120},
                  gaps={"count": 2, "lost": 4_132, "unknown": 1}),
        collector("tablet", "late", reason="Its events arrive 12 minutes after they happened.", since="2026-11-21T11:59:00.000000Z",
                  reports_waiting=81_234, lag_ms=754_000),
        collector("new", "never_seen", last_contact_at=None, last_event_at=None, lag_ms=None, agent=False),
        collector("laptop"),
    ]  # fmt: skip
    page = client.get("/collectors").text
    said = text(page)
    for words in (
        "1 never seen 1 silent 1 lossy 1 late 1 ok",
        "silent for 20 min Nothing was heard for more than 15 minutes. Since 11:40:00.000 . 20 min ago",
        "lossy for 20 min Denials were lost. Since 11:40:00.000 .",
        "2 gaps, 4,132 reports lost, and an unknown number denials lost: 12 since its start events dropped: 4,120 since its start",
        "late for 1 min Its events arrive 12 minutes after they happened. Since 11:59:00.000 .",
        "12 min 81,234 waiting",
        "new sends events · id-new never seen",
    ):
        assert words in said
    assert "/traffic?state=gap&amp;reporter_id=id-crm&amp;last=24h" in page
    for state in ("never_seen", "silent", "lossy", "late", "ok"):
        assert STATES[CollectorState(state)][1] in page


def test_a_clock_that_is_off(client: Client, answers: Answers) -> None:
    """By how much, from a second on; a minute is pointed out."""
    answers.collectors = [collector("a", clock_skew_ms=-90_000, clock_off=True), collector("b", clock_skew_ms=1_500)]
    page = client.get("/collectors").text
    assert 'class="under warned">clock 1 min behind' in page
    assert 'class="under">clock 1 s ahead' in page
    answers.collectors = [collector("c", clock_skew_ms=-999), collector("d", clock_skew_ms=None)]
    assert "clock " not in text(client.get("/collectors").text)


def test_nobody_reports_yet(client: Client, answers: Answers) -> None:
    """The commands that it shows exist, with these options."""
    answers.collectors = []
    page = client.get("/collectors").text
    key, agent = (unescape(each).replace("\\\n", " ").split() for each in re.findall(r"<pre[^>]*><code>(.*?)</code>", page, re.DOTALL))
    assert key[0] == "meshtrail"
    known = typer.testing.CliRunner().invoke(app, [*key[1:3], "--help"], env={"COLUMNS": "200"}).output
    assert all(option in known for option in key if option.startswith("--"))
    given = parser().parse_args(agent[3:])
    assert agent[:3] == ["sudo", "meshtrail", "agent"]
    assert (given.server, str(given.enrolment_key_file)) == ("http://testserver.local", "/etc/meshtrail/enrolment-key")


def test_a_broken_store_is_a_page(client: Client, answers: Answers) -> None:
    """It says what is wrong and offers to try again; signed out, it leads to the sign-in page."""
    answers.fail()
    answer = client.get("/collectors")
    assert (answer.status_code, "Try again in a moment." in answer.text, "Nobody reports" in answer.text) == (503, True, False)
    client.cookies.clear()
    assert client.get("/collectors", follow_redirects=False).headers["location"] == "/sign-in?next=%2Fcollectors"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_are_text(client: Client, answers: Answers, name: str) -> None:
    """Whatever a reporter calls itself or its counters."""
    answers.collectors = [collector(name, "lossy", id=name, reason=name)]
    page = client.get("/collectors").text
    assert "<script>document" not in page
    assert "<img" not in page
    assert not re.search("[\u200b-\u200f\u202a-\u202e]", page)


def test_times_in_words() -> None:
    """How long ago, and for how long."""
    assert (ago("", NOW), ago("2026-11-21T11:59:58Z", NOW), ago("2026-11-20T11:00:00Z", NOW)) == ("never", "now", "1 d ago")
    assert (lasting("", NOW), lasting("2026-11-21T12:00:09Z", NOW), lasting("2026-11-21T09:00:00Z", NOW)) == ("", "0 ms", "3 h")
    assert [span(number) for number in (450, 12_900, 61_000, 7_200_000)] == ["450 ms", "12 s", "1 min", "2 h"]


def test_rates_and_gaps_in_words() -> None:
    """Rare events are not none."""
    assert [rate(number) for number in (0, 0.02, 0.3, 12.4, 1_204)] == ["–", "< 0.1/s", "0.3/s", "12/s", "1,204/s"]
    assert gap_words({"count": 0, "lost": 0, "unknown": 0}) == ""
    assert gap_words({"count": 1, "lost": 1, "unknown": 0}) == "1 gap, 1 report lost"
    assert gap_words({"count": 1, "lost": 0, "unknown": 1}) == "1 gap, an unknown number of reports lost"
