"""The pages of connections: what they show, ask for and lead to; without a browser."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from meshtrail.common.errors import InvalidError
from tests.web.connections import attempt, connection, denial, denied, missing, report
from tests.web.fake_api import HOSTILE_NAMES
from tests.web.joined_api import Answers, joined_app

Client = TestClient[Litestar]


@pytest.fixture
def answers() -> Answers:
    return Answers([connection()])


@pytest.fixture
def client(answers: Answers) -> Iterator[Client]:
    with TestClient(joined_app(answers)) as made:
        made.cookies.set("meshtrail_session", "s")
        yield made


def text(page: str) -> str:
    """What a person reads, in one line."""
    body = re.sub(r"<(svg|script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_signed_out_the_sign_in_page_knows_the_way_back(client: Client) -> None:
    """For the list with its filters, and for one connection."""
    client.cookies.clear()
    for path in ("/connections?agreement=one_side", "/connections/01a0c450-6c00-715e-957d-e12aa6063889"):
        answer = client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=" + re.sub(r"\W", _quoted, path))


def _quoted(found: re.Match[str]) -> str:
    return found[0] if found[0] in "-_" else f"%{ord(found[0]):02X}"


def test_a_line_of_the_list(client: Client) -> None:
    """State, agreement, ends, reporters, policy, amounts; it leads to the connection."""
    page = client.get("/connections").text
    assert "closed agree laptop 100.64.0.1 crm 100.64.0.2:443 https TCP laptop crm Staff to CRM 1.0 kB 5.0 kB 2.0 s" in text(page)
    assert re.search(r'<a href="/connections/[0-9a-f-]{36}"[^>]*><time class="mono" datetime="2026-11-21T11:59:00.000000Z"', page)
    assert "These are all connections of this window." in page


def test_a_finding_stands_out_and_names_who_is_missing(client: Client, answers: Answers) -> None:
    """The one that says nothing is among the reporters, struck out and said."""
    silent = connection(report("initiator", "laptop"), agreement="one_side", finding=True, missing=[missing("router", "edge")])
    answers.connections = [silent]
    page = client.get("/connections").text
    assert re.search(r'<tr class="row"[^>]* data-finding="yes">', page)
    assert "one side , a finding" in text(page)
    assert "laptop missing: edge" in text(page)
    assert "Only laptop reports it: edge has a reporter that says nothing." in page


def test_a_denial_that_only_one_side_reports_is_seen_as_one(client: Client, answers: Answers) -> None:
    """The state stands beside the agreement."""
    answers.connections = [denied(denial(), agreement="one_side")]
    page = client.get("/connections").text
    assert 'data-state="denied" data-verdict="denied"' in page
    assert "denied one side" in text(page)


def test_what_it_asks_for(client: Client, answers: Answers) -> None:
    """The filters of the address and the page's size; a cursor goes on."""
    answers.next_cursor = "abc"
    page = client.get("/connections?agreement=one_side&destination_port=443&last=24h").text
    (asked,) = answers.asked
    assert {name: list(values) for name, values in asked.items() if name != "from"} == {
        "agreement": ["one_side"], "destination_port": ["443"], "limit": ["50"],
    }  # fmt: skip
    older = re.findall(r'href="(/connections\?[^"]*cursor=abc[^"]*)"', page)
    assert len(older) == 1
    client.get(unescape(older[0]))
    assert answers.asked[-1]["cursor"] == ["abc"]
    assert "The newest connections are not on this page." in client.get(unescape(older[0])).text


def test_a_filter_of_the_language(client: Client, answers: Answers) -> None:
    """What is typed becomes a condition; one with a mistake stands in the box again, to be mended."""
    page = client.get("/connections", params={"search": "port in (22, 443)"}).text
    assert [list(values) for name, values in answers.asked[-1].items() if name == "filter"] == [["either.port in (22, 443)"]]
    assert "either.port in (22, 443)" in text(page)
    answers.broken = InvalidError("filter, character 9: The list is never closed.")
    page = client.get("/connections", params={"search": "port in (22, 443"}).text
    assert 'name="search" type="search" value="port in (22, 443"' in page


def test_choices_say_what_they_mean(client: Client) -> None:
    """Each choice is a link, the current one is marked, and a sentence explains it."""
    page = client.get("/connections?finding=true").text
    choices = re.search(r'<nav class="segmented" aria-label="Agreement".*?</nav>', page, re.DOTALL)
    assert choices
    assert text(choices[0]) == "All Findings Agree One side Bytes differ Tried, denied"
    assert re.findall(r'aria-current="true">([^<]+)', choices[0]) == ["Findings"]
    assert "Somebody should look at these" in page
    assert "The reports count different amounts" in client.get("/connections?agreement=bytes_differ").text
    assert '<p class="meaning quiet">One line for each connection' in client.get("/connections").text


EMPTY: list[tuple[str, str | None, str]] = [
    ("/connections", None, "No connection was reported in this time"),
    ("/connections?search=nothing", None, "No connection matches"),
    ("/connections?finding=true", None, "No connection matches"),
    ("/connections?finding=true", "more", "None among the newest"),
]


@pytest.mark.parametrize(("path", "cursor", "words"), EMPTY)
def test_nothing_to_show(client: Client, answers: Answers, path: str, cursor: str | None, words: str) -> None:
    """It says why, and what to do."""
    answers.connections, answers.next_cursor = [], cursor
    page = client.get(path).text
    assert words in page
    assert 'href="/collectors"' in page
    assert ("Look further back" in page) == (cursor is not None)


def test_failures_are_pages(client: Client, answers: Answers) -> None:
    """A refused question says what is wrong; a broken store says so and offers to try again; nothing unforeseen is told."""
    for error, status, words in (
        (InvalidError("agreement cannot be 'perhaps'.", "It is one of: both."), 400, "It is one of: both."),
        (ValueError("a secret of the inside"), 500, "The server made a mistake."),
    ):
        answers.broken = error
        answer = client.get("/connections?last=24h")
        assert (answer.status_code, words in answer.text, "secret" in answer.text) == (status, True, False)
        assert 'href="/connections?last=24h" data-nav>Try again' in answer.text
    answers.fail()
    for path in ("/connections", f"/connections/{answers.connections[0]['id']}"):
        answer = client.get(path)
        assert (answer.status_code, "The store does not answer." in answer.text) == (503, True)


def one(client: Client, row: dict[str, Any]) -> str:
    """The page of a connection."""
    answer = client.get(f"/connections/{row['id']}")
    assert answer.status_code == 200
    return answer.text


def test_one_connection_side_by_side(client: Client, answers: Answers) -> None:
    """A column for each report; a router's says what it translated."""
    routed = connection(
        report("initiator", "laptop"), report("router", "edge", nat_source_address="10.60.0.1", nat_source_port=40_000),
        connection_type="routed",
    )  # fmt: skip
    answers.connections = [routed]
    said = text(one(client, routed))
    for words in (
        "agree laptop and edge say the same.", "initiator laptop router edge", "State closed closed", "Translated no from 10.60.0.1:40000",
        "To source 5.0 kB (5,000) 5.0 kB (5,000)", "Packets, each way 10 / 12 10 / 12",
    ):  # fmt: skip
        assert words in said
    assert "Packets denied" not in said
    assert "What can be the reason" not in said


def test_a_denied_attempt(client: Client, answers: Answers) -> None:
    """Both reports, the verdict, the policy that denied, and how many packets."""
    row = denied(
        attempt(), denial("router", "edge", policy_name="No telnet", attribution="reported"), agreement="denied_by_other",
        policy_name="No telnet", attribution="reported",
    )  # fmt: skip
    answers.connections = [row]
    said = text(one(client, row))
    for words in (
        "tried, denied laptop tried; edge denied it: policy No telnet.", "State attempted denied", "Verdict unknown denied",
        "Policy – No telnet", "Packets denied none 3",
    ):  # fmt: skip
        assert words in said


def test_lost_packets_are_said_and_marked(client: Client, answers: Answers) -> None:
    """The amounts that differ are marked, and the packets that did not arrive are counted."""
    row = connection(
        report("initiator", "laptop", bytes_to_destination=90_000, packets_to_destination=1_800),
        report("target", "crm", bytes_to_destination=74_400, packets_to_destination=1_488), agreement="bytes_differ", finding=True,
    )  # fmt: skip
    answers.connections = [row]
    page = one(client, row)
    assert "312 of 1,800 packets to the destination passed laptop and did not arrive at crm: they were lost on the way." in text(page)
    assert re.findall(r'<tr class="differs"><th scope="row">([^<]+)', page) == ["To destination"]
    assert "How the collectors stand" in page


def test_an_id_that_leads_nowhere(client: Client) -> None:
    """404 with a way back to the list."""
    answer = client.get("/connections/01a0c450-6c00-715e-957d-e12aa6063889")
    assert answer.status_code == 404
    assert "No report of a connection is stored." in answer.text
    assert '<a href="/connections">All connections</a>' in answer.text


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_texts_of_others_are_text(client: Client, answers: Answers, name: str) -> None:
    """Names, policies and people come from other machines: no markup, nothing that turns the direction."""
    fields = {"policy_name": name, "user_name": name, "user_email": name, "destination_name": name, "source_name": name}
    told = {"reporter_name": name, "policy_name": name, "close_reason": name}
    row = connection(report("initiator", "laptop", **told), report("target", "crm", **told), application=name, **fields)
    silent = connection(
        report("initiator", "laptop", **told), agreement="one_side", finding=True, missing=[missing("router", name)], **fields
    )
    lost = connection(
        report("initiator", "laptop", packets_to_source=3, **told), report("target", "crm", **told), agreement="bytes_differ", **fields
    )  # fmt: skip
    answers.connections = [row, silent, lost]
    for page in (client.get("/connections").text, *(one(client, each) for each in answers.connections)):
        assert "<script>document" not in page
        assert "<img" not in page
        assert not re.search("[\u200b-\u200f\u202a-\u202e]", page)
        assert not re.search(r"\sonerror=(?!&)[^&]*>", re.sub(r'"[^"]*"', '""', page))
