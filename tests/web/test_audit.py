"""The pages of audit events: in words, over HTTP, and in a real browser."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import uvicorn
from litestar import Litestar, Request
from litestar.testing import TestClient
from playwright.sync_api import Browser, expect

from meshtrail.common.errors import NotFoundError
from meshtrail.model.columns import AUDIT
from meshtrail.web.audit_routes import audit_routes
from meshtrail.web.filters import lifted, parse
from meshtrail.web.listed import AUDIT_LIST
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import create_router
from tests.web.axe import violations
from tests.web.connections import NOW
from tests.web.counting_api import counting_routes
from tests.web.fake_api import HOSTILE_NAMES, FakeStore, UnavailableError
from tests.web.test_joined_pages import BEYOND, SIZES, opened

Row = dict[str, Any]
IDS = iter(range(1, 1_000))


def event(**given: Any) -> Row:
    """An event in the shape of the native API."""
    row: Row = {name: None for name in AUDIT.columns if name != "org_id"} | {
        "id": f"01a1fd77-500b-78fd-a5ad-{next(IDS):012x}", "occurred_at": "2026-11-21T11:59:58.123456Z",
        "received_at": "2026-11-21T11:59:58.200000Z", "reporter_id": "control", "event_id": "e1", "activity": "Policy updated",
        "activity_code": "policy.update", "outcome": "success", "initiator_id": "u1", "initiator_type": "user",
        "initiator_name": "Ana Lima", "initiator_email": "ana@example.com", "initiator_ip": "192.0.2.7", "request_id": "r1",
        "target_id": "p1", "target_type": "policy",
        "target_name": "Staff to DB", "before": {"version": 1, "rules": {"r9": {"sources": ["g1"]}}},
        "after": {"version": 2, "rules": {"r9": {"sources": ["g1", "g2"]}}},
        "meta": {"name": "Staff to DB", "rules": {"r9": "web"}, "groups": {"g2": "Guests"}},
    }  # fmt: skip
    return row | given


class Answers:
    """What the API answers, and what it was asked."""

    def __init__(self, events: list[Row]) -> None:
        self.events = events
        self.broken = False
        self.asked: list[Mapping[str, Sequence[str]]] = []

    async def page(self, _org_id: str, params: Mapping[str, Sequence[str]]) -> Row:
        """See `AuditPages`."""
        self.asked.append(params)
        if self.broken:
            raise UnavailableError("The store does not answer.", "Try again in a moment.")
        return {"data": self.events, "next_cursor": "c1" if self.events else None}

    async def one(self, _org_id: str, identifier: str) -> Row:
        """See `AuditPages`."""
        for each in self.events:
            if each["id"] == identifier:
                return each
        raise NotFoundError("There is no such event.", "Ids come from the list.")


def audit_app(answers: Answers) -> Litestar:
    """The dashboard with these pages; whoever has the cookie `s` is signed in."""

    def session_org(request: Request[Any, Any, Any]) -> str | None:
        return "org" if request.cookies.get("meshtrail_session") == "s" else None

    router = create_router(FakeStore(), session_org, lambda: CaptureStatus(False, "No agent."), lambda: NOW, (audit_routes(answers),))
    counts = counting_routes("audit", lambda: answers.events, "2026-11-21T11:59:00.000000Z", lambda row: str(row["outcome"]))
    return Litestar([router, *counts], openapi_config=None, logging_config=None)


@pytest.fixture
def answers() -> Answers:
    return Answers([event()])


@pytest.fixture
def client(answers: Answers) -> Iterator[TestClient[Litestar]]:
    with TestClient(audit_app(answers), cookies={"meshtrail_session": "s"}) as made:
        yield made


def test_the_list_says_who_did_what(client: TestClient[Litestar], answers: Answers) -> None:
    """Actor, address, target and changed fields; seven days, unless the address says otherwise."""
    text = client.get("/audit").text
    assert all(word in text for word in ("Policy updated", "Ana Lima", "192.0.2.7", "Staff to DB", "version, rules", "Load older"))
    assert answers.asked[-1]["from"] == ["2026-11-14T12:00:00.000000Z"]
    assert client.get("/audit?last=1h").status_code == 200
    assert answers.asked[-1]["from"] == ["2026-11-21T11:00:00.000000Z"]


def test_an_event_shows_its_difference_by_name(client: TestClient[Litestar], answers: Answers) -> None:
    """Rules and groups have the names that they had then."""
    text = client.get(f"/audit/{answers.events[0]['id']}").text
    assert "rules › web › sources" in text
    assert "<ins><bdi>Guests</bdi></ins>" in text
    assert "<del><bdi>1</bdi></del>" in text
    assert "/audit?target_id=p1" in text


def test_what_cannot_be_shown_is_said(client: TestClient[Litestar], answers: Answers) -> None:
    """An unknown event, a store that fails, an empty list, a visitor without a session."""
    assert (client.get("/audit/x").status_code, client.get("/audit/x").text.count("There is no such event.")) == (404, 1)
    answers.events.clear()
    assert "Nothing was changed in this time" in client.get("/audit").text
    assert "No event matches" in client.get("/audit?search=x").text
    answers.broken = True
    failing = client.get("/audit")
    assert (failing.status_code, "The store does not answer." in failing.text) == (503, True)
    with TestClient(audit_app(answers)) as stranger:
        assert stranger.get("/audit", follow_redirects=False).headers["location"] == "/sign-in?next=%2Faudit"


def test_a_typed_filter_becomes_the_filter(client: TestClient[Litestar]) -> None:
    """Words stay words; what is meant as a filter and has a mistake is answered by the API, which says where."""
    answer = client.get("/audit?search=initiator.name+%3D+ana+and+outcome+%3D+denied", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/audit?filter=initiator.name+%3D+%22ana%22")
    assert lifted(parse("search=ana+lima", AUDIT_LIST)).search == "ana lima"
    assert lifted(parse("search=outcme+%3D+denied", AUDIT_LIST)).conditions[0].values == ("outcme = denied",)


def test_addresses() -> None:
    """The list's own window is not written."""
    assert parse("last=7d", AUDIT_LIST).path() == "/audit"
    assert parse("last=1h", AUDIT_LIST).including("outcome", "denied").path() == "/audit?outcome=denied&last=1h"


@pytest.fixture(scope="module")
def rich() -> Answers:
    """Every kind of line, with names that are long or deceive."""
    hostile = [
        event(initiator_name=name, target_name=name, error=name, before={name: name}, after={name: [name, {name: name}]}, meta={name: name})
        for name in HOSTILE_NAMES
    ]
    return Answers(
        [event(), event(outcome="denied", error="Not allowed."), event(outcome="failure", activity_code="future.code"), *hostile]
    )


@pytest.fixture(scope="module")
def url(rich: Answers) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(audit_app(rich), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


@pytest.mark.browser
@pytest.mark.parametrize(("size", "scheme"), [(SIZES[0], "light"), (SIZES[1], "dark")], ids=["desk", "phone"])
def test_pages_in_a_browser(browser: Browser, url: str, rich: Answers, size: tuple[int, int], scheme: str) -> None:
    """Nothing overflows, nothing is executed, and no violation of WCAG 2.2 A and AA that a machine can find."""
    page, problems = opened(browser, url, size, scheme)
    for path in ("/audit", *(f"/audit/{each['id']}" for each in rich.events), "/audit/x"):
        page.goto(path)
        if path == "/audit":
            expect(page.locator("#histogram-summary")).to_contain_text(f"{len(rich.events)} events")
        assert page.evaluate(BEYOND) == [], path
        assert violations(page) == [], path
        assert "owned" not in page.title()
    assert problems == []
    page.context.close()


@pytest.mark.browser
def test_the_list_is_used_without_a_new_document(browser: Browser, url: str) -> None:
    """Choices, values and chips exchange what is shown; the keyboard leads along the rows and into an event."""
    page, problems = opened(browser, url, SIZES[0])
    page.goto("/audit")
    page.evaluate("window.kept = true")
    page.get_by_role("link", name="Refused").click()
    expect(page.locator('#choices [aria-current="true"]')).to_have_text("Refused")
    page.locator('.facet[data-field="target_type"] .facet-value', has_text="policy").click()
    expect(page.locator(".chip")).to_have_text("target type is policy")
    assert page.url.endswith("/audit?outcome=denied&target_type=policy")
    page.locator(".chip-remove").click()
    expect(page.locator(".chip")).to_have_count(0)
    assert page.evaluate("window.kept")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit/*")
    assert problems == []
    page.context.close()
