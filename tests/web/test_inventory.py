"""The pages of inventory and settings over answers that a test gives; without a browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from litestar import Litestar, Request
from litestar.testing import TestClient

from meshtrail.common.errors import NotFoundError
from meshtrail.web.changes import changes
from meshtrail.web.inventory import LINES_MAX, TABS, Listing, listing
from meshtrail.web.inventory_activity import Found, Subject
from meshtrail.web.inventory_lines import (
    Author,
    GroupLine,
    KeyLine,
    Named,
    NetworkLine,
    PeerLine,
    PolicyLine,
    PolicyPage,
    ResourceLine,
    RouterLine,
    RuleLine,
    UserLine,
    VersionLine,
)
from meshtrail.web.inventory_routes import inventory_routes
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import create_router
from meshtrail.web.settings import AgentSettings, SessionLine, SettingsPage, TokenLine
from meshtrail.web.settings_routes import settings_routes
from meshtrail.web.viewer import Viewer
from tests.web.connections import NOW
from tests.web.fake_api import HOSTILE_NAMES, FakeStore, UnavailableError

Client = TestClient[Litestar]
AT = "2026-11-20T12:00:00.000000Z"
DECEIVING = re.compile("[\u202e\u200b\u0000]")


@dataclass(frozen=True)
class Identity:
    """Who is signed in: a token of the organisation."""

    permissions: frozenset[str]
    user: None = None
    token_name: str = "token"
    session_id: str = "s1"


@dataclass
class Answers:
    """What is read."""

    tabs: dict[str, Any] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)
    settings: SettingsPage | None = None
    rights: frozenset[str] = frozenset(right for _, _, right in TABS) | {"profile.read", "settings.read", "settings.write", "users.write",
                                                                          "peers.write", "enrolment_keys.write"}  # fmt: skip
    broken: bool = False

    async def listed(self, _org_id: str, tab: str, _who: Viewer, search: str) -> Listing:
        """See `InventoryPages`."""
        if self.broken:
            raise UnavailableError("The store does not answer.", "Try again in a moment.")
        return listing(self.tabs[tab], search, (Named("a/b", "Staff"),))

    async def one(self, _org_id: str, tab: str, identifier: str, _who: Viewer) -> Any:
        """See `InventoryPages`."""
        if self.broken:
            raise UnavailableError("The store does not answer.", "Try again in a moment.")
        if identifier != "x":
            raise NotFoundError("There is none with this id.")
        return self.things[tab]

    async def activity(self, _request: object, _org_id: str, _subject: Subject, _identifier: str, _who: Viewer) -> Found:
        """See `ActivitySource`."""
        return Found((), {}, (), ())

    async def read(self, _org_id: str, _who: Viewer) -> SettingsPage:
        """See `SettingsPages`."""
        if self.broken or self.settings is None:
            raise UnavailableError("The store does not answer.", "Try again in a moment.")
        return self.settings


def named(name: str) -> Answers:
    """Everything is called so."""
    other = (Named("a/b", name),)
    rules = (RuleLine(name, f"{name} may reach {name}", True, True), RuleLine(name, name, False, False))
    author = Author(name, "event")
    peer = PeerLine("x", name, name, ("100.64.0.1",), (name,), other, name, "lossy", name, AT, AT, name, other)
    group = GroupLine("x", name, False, other, other, other)
    policy = PolicyLine("x", name, name, False, 2, rules, AT, author)
    differing = changes({"name": "old"}, {"name": name})
    version = VersionLine(2, name, True, rules, AT, "", author, differing)
    network = NetworkLine("x", name, name, "drop", (ResourceLine("r", name, "host", name, False, other),),
                          (RouterLine("r", other[0], (), 1, True, False), RouterLine("s", None, other, 1, False, True)))  # fmt: skip
    user = UserLine("x", name, name, "local", "network_admin", "pending", other, "", AT)
    key = KeyLine("x", name, name[:4], True, 3, 1, other, "valid", "", AT, AT)
    agents = AgentSettings("observe", "drop", "100.64.0.0/10", "", True, ("a/b",), True, False, True, 60, 86_400, other, '"t"')
    token = TokenLine("x", name, ("read",), AT, "", "")
    settings = SettingsPage(name, agents, (SessionLine("s", name, "", AT, AT, False),), (token,), (token,))
    tabs = {"peers": (peer,), "groups": (group,), "policies": (policy,), "networks": (network,), "users": (user,),
            "enrolment-keys": (key,)}  # fmt: skip
    things = {"peers": peer, "groups": group, "networks": network, "users": user,
              "policies": PolicyPage("x", name, policy, (version,), 3)}  # fmt: skip
    return Answers(tabs, things, settings)


PATHS = [*(f"/inventory/{name}" for name, _, _ in TABS), *(f"/inventory/{name}/x" for name, _, _ in TABS[:-1]), "/settings"]


def app(answers: Answers) -> Litestar:
    """The dashboard with these pages; whoever has the cookie `s` is signed in."""

    def session_org(request: Request[Any, Any, Any]) -> str | None:
        request.state.identity = Identity(answers.rights)
        return "org" if request.cookies.get("meshtrail_session") == "s" else None

    router = create_router(
        FakeStore(), session_org, lambda: CaptureStatus(False, "This server runs without a local agent."), lambda: NOW,
        (inventory_routes(answers, answers), settings_routes(answers)),
    )  # fmt: skip
    return Litestar([router], openapi_config=None, logging_config=None)


@pytest.fixture
def answers() -> Answers:
    return named("Ana")


@pytest.fixture
def client(answers: Answers) -> Iterator[Client]:
    with TestClient(app(answers)) as made:
        made.cookies.set("meshtrail_session", "s")
        yield made


def test_whoever_is_not_signed_in_is_sent_to_the_door(client: Client) -> None:
    """And from there back."""
    client.cookies.clear()
    for path in PATHS:
        answer = client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=" + path.replace("/", "%2F"))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_stay_text(name: str) -> None:
    """No markup comes through, nothing inline, and what deceives the eye is written out, but in a field that is to be edited."""
    with TestClient(app(named(name))) as client:
        client.cookies.set("meshtrail_session", "s")
        for path in PATHS:
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert "<script>document" not in answer.text
            assert "<img src=x" not in answer.text
            assert not re.search(r"<script(?![^>]*\bsrc=)|<[^>]*\sstyle=", answer.text)
            shown = re.sub(r'<input id="name" name="name"[^>]*>', "", answer.text)
            assert not DECEIVING.search(shown), path


def test_ids_are_escaped_in_addresses(client: Client) -> None:
    """An id with a slash leads to its page and not to another route."""
    assert 'href="/inventory/groups/a%2Fb"' in client.get("/inventory/peers").text


def test_a_failure_is_a_page(client: Client, answers: Answers) -> None:
    """With the tabs, what happened, and a way to try again."""
    answers.broken = True
    for path in PATHS:
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "The store does not answer." in answer.text
        assert f'href="{path}">Try again' in answer.text


def test_what_is_not_there_is_said(client: Client) -> None:
    """404, as a page."""
    answer = client.get("/inventory/peers/y")
    assert answer.status_code == 404
    assert "There is none with this id." in answer.text


def test_nothing_yet_says_what_to_do(client: Client, answers: Answers) -> None:
    """Every tab reads without anything in it."""
    answers.tabs = {name: () for name, _, _ in TABS}
    for path, said in (
        ("peers", "No machine has joined yet"), ("policies", "There is no policy yet"), ("networks", "There is no network yet"),
        ("enrolment-keys", "There is no key yet"),
    ):  # fmt: skip
        assert said in client.get(f"/inventory/{path}").text


def test_links_lead_to_traffic_and_changes(client: Client) -> None:
    """Of this very thing."""
    text = client.get("/inventory/policies/x").text
    assert 'href="/traffic?policy_id=x&amp;last=24h"' in text
    assert 'href="/audit?target_id=x&amp;from=2000-01-01T00%3A00%3A00Z"' in text
    assert "3 older versions are not shown" in text


def test_what_may_not_be_done_is_not_offered(client: Client, answers: Answers) -> None:
    """Neither forms nor tabs nor links to other pages."""
    answers.rights = frozenset({"profile.read", "peers.read", "users.read", "enrolment_keys.read", "settings.read"})
    for path in ("/inventory/peers/x", "/inventory/users/x", "/inventory/enrolment-keys"):
        text = client.get(path).text
        assert "<form" not in text, path
        assert 'href="/traffic"' not in re.sub(r"<a class=\"wordmark\".*", "", text)
    assert ">Policies</a>" not in client.get("/inventory/peers").text
    assert "disabled" in client.get("/settings").text


def test_a_large_inventory_is_searched(client: Client, answers: Answers) -> None:
    """A page has a limit and says so; all words have to occur, in whichever field."""
    (ana,) = answers.tabs["peers"]
    others = tuple(replace(ana, id=f"p{number}", name=f"laptop-{number}", groups=()) for number in range(LINES_MAX + 9))
    answers.tabs["peers"] = (*others, replace(ana, groups=(Named("g", "Managers"),)))
    text = client.get("/inventory/peers").text
    assert text.count("<tr>") == LINES_MAX + 1
    assert f"{LINES_MAX} of {LINES_MAX + 10} are shown" in text
    found = client.get("/inventory/peers?search=manag+100.64").text
    assert found.count('<th scope="row">') == 1
    assert f"1 of {LINES_MAX + 10} match" in found
    assert f"None of {LINES_MAX + 10} matches" in client.get("/inventory/peers?search=%3Cnobody%3E").text
