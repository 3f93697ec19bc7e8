"""The Overview's parts over answers that the test gives: empty, failing, hostile; without a browser."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from meshtrail.common.errors import BusyError
from meshtrail.web.overview_routes import PARTS
from tests.web.fake_api import HOSTILE_NAMES
from tests.web.joined_api import collector
from tests.web.overview_answers import NOTHING, Answers, overview_app
from tests.web.test_connections import text

Client = TestClient[Litestar]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALONE = {"X-Fragment": "part"}
COUNTED = {
    "count": 12,
    "sum(rx_bytes)": 5_000,
    "sum(tx_bytes)": str(1 << 70),
    "distinct(user_id)": 1,
    "min(started_at)": "2026-11-20T12:00:00.000000Z",
}


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def client(answers: Answers) -> Iterator[Client]:
    with TestClient(overview_app(answers, NOW)) as made:
        made.cookies.set("meshtrail_session", "s")
        yield made


def said(client: Client, part: str, query: str = "") -> str:
    """The text of a part."""
    answer = client.get(f"/overview/{part}{query}", headers=ALONE)
    assert answer.status_code == 200, answer.text
    assert "<html" not in answer.text
    return text(answer.text)


def test_the_page_asks_nothing(client: Client, answers: Answers) -> None:
    """It stands before any question is answered; each part has its address, which is also a page without scripts."""
    page = client.get("/overview?last=7d&destination_name=crm").text
    assert answers.asked == []
    assert re.findall(r'data-part="(\w+)" data-src="/overview/(\w+)\?[^"]*at=', page) == [(name, name) for name in PARTS]
    assert "destination name is crm" in text(page)
    client.cookies.clear()
    answer = client.get("/overview", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Foverview")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("totals", "No connection has been recorded yet. This server runs without a local agent."), ("changes", "nothing to compare with"),
        ("decisions", "Nothing was decided in this time."), ("denied", "Nothing was denied in this time."),
        ("talkers", "No bytes were counted"), ("reached", "Nobody reached anything"),
        ("new", "No pair and no country is new since 14 Nov 2026 13:00"),
        ("heat", "Nothing happened in these seven days"), ("places", "no places file is loaded. Start the server with --geo-file"),
        ("unused", "no policy that is enabled"), ("collectors", "Nobody reports yet"),
    ],
)  # fmt: skip
def test_empty_parts_say_why(client: Client, part: str, words: str) -> None:
    """And what to do."""
    assert words in said(client, part)


def test_nothing_in_the_window(client: Client, answers: Answers) -> None:
    """Of a store that is not empty: look further back."""
    answers.rows = 1_204
    assert "Nothing happened in this time. 1,204 rows are stored. Look further back" in said(client, "totals")
    assert "Nothing that the filter chooses" in said(client, "totals", "?verdict=denied")
    answers.places = True
    assert "Private addresses have no place" in said(client, "places")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_text(client: Client, answers: Answers, name: str) -> None:
    """In every part that shows any."""
    names = ("end(source)", "end(destination)", "person", "reason", "policy_name", "source_country_code", "destination_country_code")
    answers.values = dict.fromkeys(names, name) | {
        "verdict": "denied", "attribution": "default_deny", "destination_port": 443, "policy_id": "p",
        "time(1h)": "2026-11-21T10:00:00.000000Z",
    }  # fmt: skip
    answers.measures = COUNTED
    first = {"source": name, "destination": name, "first_at": "2026-11-21T10:00:00.000000Z", "count": 1, "bytes": 1}
    answers.pairs = [first]
    answers.policy_list = [("q", name)]
    answers.collector_list = [collector(name, "late")]
    for part in PARTS:
        answer = client.get(f"/overview/{part}", headers=ALONE)
        assert answer.status_code == 200
        markup = answer.text.replace("&lt;", "").replace("&#34;", "")
        assert not re.search(r"<script|<img|\sstyle=|\u202e|\u200b", markup), part


def test_a_failing_part_says_what_failed(client: Client, answers: Answers) -> None:
    """And where to try again; the others are not concerned."""
    answers.broken = lambda params: BusyError("Too many wait.", "Try again in a moment.") if "reason" in params["group"] else None
    failed = client.get("/overview/denied?last=7d", headers=ALONE)
    assert failed.status_code == 429
    assert "Too many wait. Try again in a moment. Try again" in text(failed.text)
    assert 'href="/overview/denied?last=7d"' in failed.text
    assert "Nothing was decided" in said(client, "decisions")
    answers.broken = lambda _: RuntimeError("secret")
    failed = client.get("/overview/decisions", headers=ALONE)
    assert (failed.status_code, "secret" in failed.text) == (500, False)
    assert client.get("/overview/nothing").status_code == 404


def test_a_filter_with_a_mistake(client: Client) -> None:
    """Is said once, and stands in the search box to be mended."""
    page = client.get("/overview?search=source.nme+%3D+x").text
    assert "There is no field" in text(page)
    assert 'value="source.nme = x"' in page
    assert "data-src" not in page


def test_questions_name_the_window_and_the_conditions(client: Client, answers: Answers) -> None:
    """Gaps are no connections; the window before is asked for too; the zone that the browser says."""
    client.get("/overview/totals?destination_name=crm", headers=ALONE)
    windows = {(each["from"][0][:13], each["to"][0][:13]) for each in answers.asked}
    assert windows == {("2026-11-20T13", "2026-11-21T12"), ("2026-11-19T13", "2026-11-20T12")}
    assert all(each["state.not"] == ["gap"] and each["destination_name"] == ["crm"] for each in answers.asked)
    client.get("/overview/heat?zone=Europe/Berlin", headers=ALONE)
    assert answers.asked[-1]["zone"] == ["Europe/Berlin"]


def test_many_rows_are_told_apart_by_names_alone(client: Client, answers: Answers) -> None:
    """Where looking at each takes too long: without ports, and ends without a name are one."""
    answers.few, answers.measures = False, dict(COUNTED)
    answers.values = {
        "person": "Ana",
        "source_name": None,
        "destination_name": "crm",
        "reason": "default_deny",
        "attribution": "default_deny",
        "verdict": "denied",
    }
    page = said(client, "denied")
    assert "ends without a name Ana crm no policy allows it 12" in page
    assert "too many rows to tell ports apart" in page
    assert not any("end(source)" in each["group"] for each in answers.asked)


def test_policies_that_nobody_uses(client: Client, answers: Answers) -> None:
    """Those of the inventory without a row in the window."""
    answers.policy_list, answers.values, answers.measures = [("p1", "Used"), ("p2", "Unused")], {"policy_id": "p1"}, {**NOTHING, "count": 3}
    assert said(client, "unused") == "Unused 1 of 2 decided nothing in this time."
