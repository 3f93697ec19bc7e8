"""The routes: headers, sessions, failures, files; without a browser."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from meshtrail.web.assets import Assets
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import CONTENT_SECURITY_POLICY, local_path
from tests.web.fake_api import FakeStore, create_app, generate

Client = TestClient[Litestar]


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(generate(datetime.now(UTC)))


@pytest.fixture
def client(store: FakeStore) -> Iterator[Client]:
    with TestClient(create_app(store)) as made:
        made.cookies.set("meshtrail_session", "s")
        yield made


def test_without_a_session_the_sign_in_page_knows_the_way_back(client: Client) -> None:
    """A link opened while signed out leads there after signing in."""
    client.cookies.clear()
    answer = client.get("/traffic?verdict=denied&last=24h", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Ftraffic%3Fverdict%3Ddenied%26last%3D24h")
    assert 'data-next="/traffic?verdict=denied&amp;last=24h"' in client.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "", "javascript:1", "/%2fevil.example", "/\t/evil"]
)
def test_sign_in_leads_nowhere_else(path: str) -> None:
    """The way back is a path on this server."""
    assert local_path(path) == "/"


def test_pages_have_a_strict_policy_and_nothing_inline(client: Client) -> None:
    """Scripts and styles come from files only; pages are not kept."""
    for path in ("/traffic", "/sign-in", f"/traffic/{'0' * 32}"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=\"", _markup(answer.text))


def _markup(text: str) -> str:
    """The page without text and attribute values that came escaped."""
    return text.replace("&#34;", "").replace("&lt;", "").replace("&#39;", "")


def test_files_are_kept_for_ever_and_only_ours_are_served(client: Client) -> None:
    """The address changes with the content; names that are no file are not found."""
    assets = Assets()
    answer = client.get(assets.path("css/tokens.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert client.get("/static/0123456789abcdef/css/tokens.css").headers["cache-control"] == "no-cache"
    for name in ("css/none.css", "../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "vendor/geist/LICENSE"):
        assert client.get(f"/static/{assets.digest}/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/traffic"])
def test_the_page_is_small(client: Client, path: str) -> None:
    """Everything a first visit loads, as sent: below 140 kB, fonts included, and scripts that others import."""
    assets, page = Assets(), client.get(path).text
    named = set(re.findall(rf'(?:href|src)="/static/{assets.digest}/([^"]+)"', page))
    waiting = [name for name in named if name.endswith(".js")]
    while waiting:
        new = {f"js/{name}" for name in _imports(assets.files[waiting.pop()].content.decode())} - named
        named |= new
        waiting += new
    assert sum(len(assets.files[name].compressed or assets.files[name].content) for name in named) < 140_000


def _imports(script: str) -> list[str]:
    return re.findall(r'^import .* from "\./([^"]+)";', script, re.MULTILINE)


def test_failures_are_pages(client: Client, store: FakeStore) -> None:
    """An error of the API is shown with its message, its remedy and the request id, under its status."""
    store.broken = True
    answer = client.get("/traffic")
    assert answer.status_code == 503
    assert "The store does not answer." in answer.text
    assert "req-4f1d20" in answer.text
    store.broken = False
    wrong = client.get("/traffic?nonsense=<b>1")
    assert wrong.status_code == 400
    assert "There is no field &#39;nonsense&#39;" in wrong.text


def test_unforeseen_failures_stay_inside(client: Client, store: FakeStore, caplog: pytest.LogCaptureFixture) -> None:
    """The page names the request id, the log has the rest."""
    store.rows = [{"broken": "secret inside"}]
    answer = client.get("/traffic")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "page failed" in caplog.text


def test_a_row_has_a_page_without_scripts(client: Client, store: FakeStore) -> None:
    """The permalink renders the list and the panel; an unknown id is 404."""
    answer = client.get(f"/traffic/{store.rows[-1]['id']}")
    assert answer.status_code == 200
    assert 'class="sentence"' in answer.text
    fragment = client.get(f"/traffic/{store.rows[-1]['id']}", headers={"X-Fragment": "panel"})
    assert fragment.text.startswith("<aside")
    for unknown in ("01a1fc4b-692f-73a9-875b-18b55e6616bf", "f" * 32, "x"):
        assert client.get(f"/traffic/{unknown}").status_code == 404


def test_typed_fields_become_the_address(client: Client) -> None:
    """The search form works without scripts."""
    answer = client.get("/traffic?search=ana+destination_port%3D443&last=24h", follow_redirects=False)
    assert answer.headers["location"] == "/traffic?destination_port=443&search=ana&last=24h"


def test_a_typed_filter_becomes_a_chip(client: Client, store: FakeStore) -> None:
    """In its printed form; it chooses rows, and stands in the form's hidden fields."""
    answer = client.get("/traffic?search=port%3D5432+or+verdict:denied&last=7d", follow_redirects=False)
    assert answer.headers["location"] == "/traffic?filter=either.port+%3D+5432+or+verdict+%3D+denied&last=7d"
    text = client.get(answer.headers["location"]).text
    assert '<bdi class="chip-value">either.port = 5432 or verdict = denied</bdi>' in text
    assert '<input type="hidden" name="filter" value="either.port = 5432 or verdict = denied">' in text
    assert "No row matches this filter" in client.get("/traffic?filter=port+%3D+9&last=7d").text


def test_a_filter_with_a_mistake_stands_in_the_search_box(client: Client) -> None:
    """The answer says where and what; the text can be mended."""
    answer = client.get("/traffic?search=dst_port+%3D+22+and+user+exists")
    assert answer.status_code == 400
    assert "filter, character 1: There is no field &#34;dst_port&#34;.</b> Did you mean destination.port?" in answer.text
    assert re.search(r'<input id="search"[^>]* value="dst_port = 22 and user exists"', answer.text)
    assert 'name="filter"' not in answer.text


def test_empty_lists_say_why(client: Client, store: FakeStore) -> None:
    """No rows at all, none for this filter, none in this time: three reasons, three remedies."""
    assert "No row matches this filter" in client.get("/traffic?destination_port=9999").text
    for row in store.rows:
        row["started_at"] = "2020-01-01T00:00:00.000000Z"
    assert "Nothing happened in this time" in client.get("/traffic").text
    store.rows, store.capture = [], CaptureStatus(False, "Not root: nothing is captured.")
    text = client.get("/traffic").text
    assert "No connection has been recorded yet" in text
    assert "Not root: nothing is captured." in text
    assert "sudo meshtrail agent" in text


def test_older_rows_are_a_link(client: Client, store: FakeStore) -> None:
    """Every row is reached by following the link, once."""
    seen: list[str] = []
    path: str | None = "/traffic"
    while path:
        text = client.get(path).text
        seen += re.findall(r'<tr class="row[^>]*data-id="([^"]+)"', text)
        found = re.search(r'id="older" href="([^"]+)"', text)
        path = found[1].replace("&amp;", "&") if found else None
    assert len(seen) == len(set(seen)) == len(store.rows)
