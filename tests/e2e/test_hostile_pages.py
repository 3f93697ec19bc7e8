"""What strangers write into events and names, on every page of the real server: shown, never run."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import sync_playwright

from meshtrail.common.clock import wall_clock
from meshtrail.model.columns import TRAFFIC, Kind
from tests.e2e.test_page import link
from tests.e2e.visitor import Visitor, chromium
from tests.rows import closing, report
from tests.servers import ServerProcess

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)' x='",
    "javascript:alert(4)",
    "{{ 191 * 7 }}${191 * 7}",
    "</style></script><svg onload=alert(5)>",
    "\u202egnp.exe \u200b",
    "=cmd|' /C calc'!A0",
    "\x1b[2Jgone",
)
MADE = "() => document.querySelectorAll('img[src=x], main script, [onmouseover], [onload], a[href^=javascript]').length"
"""Elements that only such a text can have made."""

GIVEN = frozenset({"reporter_id", "source", "org_id"})
"""Texts that the server gives or that name the sender."""


def hostile_rows() -> Iterator[dict[str, Any]]:
    """A connection for each text, with it in every field that a sender may fill with text; and one between public ends."""
    texts = [column.name for column in TRAFFIC.wire if column.kind in {Kind.text, Kind.name} and column.name not in GIVEN]
    lists = [column.name for column in TRAFFIC.wire if column.kind is Kind.names]
    for number, text in enumerate(HOSTILE):
        fields = dict.fromkeys(texts, text) | {name: [text, f"second {text}"] for name in lists}
        began = wall_clock() - number * 1_000_000
        opening = report(began, **fields | {"flow_id": None, "source_port": 40_000 + number, "destination_address": f"198.51.100.{number}"})
        opening["flow_id"] = f"00000000-0000-4000-8000-{number:012d}"
        yield opening
        yield closing(opening) if number % 2 else {**opening, "state": "denied", "verdict": "denied", "drops": 3, "starts": 0}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Signed in to a server that strangers have written to."""
    with ServerProcess(tmp_path_factory.mktemp("hostile") / "data") as server:
        for row in hostile_rows():
            status, answer = server.ingest([row])
            assert (status, answer["stored"]) == (200, 1), answer
        for text in HOSTILE:
            for path in ("groups", "networks"):
                body = msgspec.json.encode({"name": text, "description": text})
                server.call("POST", f"/api/{path}", body, Content_Type="application/json", User_Agent=ascii(text))
        with sync_playwright() as playwright:
            browser = chromium(playwright)
            yield Visitor(browser, server.url, link(server)).enter()
            browser.close()


def test_no_page_runs_what_it_shows(visitor: Visitor) -> None:
    """No dialog, no element, no message in the console, no template evaluated, on any page and each one that it leads to."""
    shown: set[str] = set()
    for path in visitor.every_page():
        visitor.goto(path)
        assert visitor.page.evaluate(MADE) == 0, path
        assert "1337" not in visitor.page.inner_text("body"), path
        shown |= {text for text in HOSTILE if text in visitor.page.inner_text("body")}
    assert HOSTILE[0] in shown
    assert visitor.problems == []
    assert visitor.hosts == {visitor.base.removeprefix("http://")}
