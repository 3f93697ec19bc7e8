"""What happened lately to a thing: which rows are about it, and how it stands on its page."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, Role, Scope
from meshtrail.web.inventory_activity import Found, activity, subject
from meshtrail.web.inventory_lines import GroupLine, NetworkLine, ResourceLine, UserLine
from tests.rows import report
from tests.servers import ServerProcess
from tests.web.axe import violations
from tests.web.inventory_world import World, made, until
from tests.web.live_server import visiting
from tests.web.test_joined_pages import BEYOND

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CRM = ResourceLine("r1", "CRM", "host", "10.7.7.7", enabled=True, groups=())
ANA = UserLine("u1", "Ana", 'a"na@example.org', "local", "user", "active", (), "", "")


def network(*resources: ResourceLine) -> NetworkLine:
    return NetworkLine("n1", "Office", "", "", resources, ())


def test_filters_of_things() -> None:
    """Names are quoted as the language wants it; a network is its resources; without any nothing is asked."""
    group = subject("groups", GroupLine("g1", 'the "staff"', built_in=False, peers=(), resources=(), policies=()))
    assert group.filter == r'either.groups = "the \"staff\""'
    assert [each.filter for each in group.directions] == [
        r'source.groups = "the \"staff\""', r'destination.groups = "the \"staff\""',
    ]  # fmt: skip
    assert subject("users", ANA).filter == r'user.id = "u1" or user.email = "a\"na@example.org"'
    assert subject("networks", network(CRM, CRM)).filter == 'either.resource.id in ("r1", "r1")'
    nothing = subject("networks", network())
    assert (nothing.filter, nothing.directions) == ("", ())
    shown = activity(nothing, Found((), {}, (), None), "n1", NOW)
    assert (shown.lines, shown.everything, shown.events) == ((), "", None)
    assert "no resource" in shown.nothing


def test_others_are_links_to_the_rows_with_them() -> None:
    """By name or by address; how many more there are is said."""
    measures = {"count": 1_200, "sum(rx_bytes)": 900, "sum(tx_bytes)": None}
    reached = {"data": [{"group": {"end(destination)": name}, "measures": measures} for name in ("crm", "192.0.2.7", None)], "groups": 9}
    verdicts = {"data": [{"group": {"verdict": "denied"}, "measures": measures}], "totals": measures}
    shown = activity(subject("users", ANA), Found((), verdicts, (reached, {"data": [], "groups": 0}), ()), "u1", NOW)
    (side,) = shown.sides
    assert (side.words, side.others) == ("They reached", 6)
    assert [(line.name, line.reports, line.bytes) for line in side.lines] == [
        ("crm", "1,200", "900 B"), ("192.0.2.7", "1,200", "900 B"), ("not known", "1,200", "900 B"),
    ]  # fmt: skip
    assert "destination.name+%3D+%22crm%22" in side.lines[0].href
    assert "destination.address+%3D+192.0.2.7" in side.lines[1].href
    assert [(figure.word, figure.text) for figure in shown.figures] == [("denied", "1,200"), ("both ways", "900 B")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An inventory, and traffic of its first peer to a resource."""
    with ServerProcess(tmp_path_factory.mktemp("activity")) as server:
        found = made(server)
        token = found.control.tokens.create(system(found.org_id), ALL_PERMISSIONS, "t", set(Scope))[1]
        rows = [report(source_address="100.64.0.1", destination_address="10.7.7.7", rx_bytes=100, tx_bytes=50) for _ in range(12)]
        denied = report(source_address="100.64.0.1", destination_address="203.0.113.9", verdict="denied", state="denied")
        assert server.ingest([*rows, denied], token)[0] == 200
        yield found
        found.control.close()


@pytest.mark.browser
@pytest.mark.slow
def test_on_the_pages_of_things(browser: Browser, world: World) -> None:
    """Figures, the others and the newest rows come by themselves; each leads to exactly its rows; reading them is written down."""
    snapshot = world.control.snapshot(world.org_id)
    peer = next(each.id for each in snapshot.peers.values() if each.name == "ana-laptop")
    for size in ((1280, 800), (390, 844)):
        with visiting(browser, world.server.url, world.sessions[Role.auditor], size) as seen:
            page = seen.page
            for path in (f"peers/{peer}", f"networks/{world.network}", f"groups/{world.group}", f"policies/{world.policy}",
                         f"users/{world.other}"):  # fmt: skip
                page.goto(f"/inventory/{path}")
                expect(page.locator("#activity h3").first).to_have_text("Traffic of the last 24 hours")
                expect(page.locator("#activity")).to_contain_text("All events about it")
                assert page.evaluate(BEYOND) == [], path
            expect(page.locator("#activity")).to_contain_text("No report of the last 24 hours names this person.")
            page.goto(f"/inventory/peers/{peer}")
            section = page.locator("#activity")
            expect(section.locator(".latest").first.locator("li")).to_have_count(10)
            expect(section.locator(".figures")).to_contain_text("12 allowed")
            expect(section.locator(".figures")).to_contain_text("1 denied")
            assert violations(page) == []
            section.get_by_role("link", name="1 denied").click()
            expect(page.locator("#rows .row")).to_have_count(1)
            page.goto(f"/inventory/peers/{peer}")
            section.get_by_role("link", name="CRM", exact=True).click()
            expect(page.locator("#rows .row")).to_have_count(12)
            assert seen.problems == []
    until(lambda: _readings(world) > 0)


def _readings(world: World) -> int:
    token = world.control.tokens.create_for(system(world.org_id), ALL_PERMISSIONS, world.users[Role.owner], "t")[1]
    asked = f"/api/v1/audit?activity_code=log.read&initiator_id={world.users[Role.auditor]}"
    return sum("activity" in str(row["meta"]) for row in world.server.call("GET", asked, token=token)[1]["data"])


@pytest.mark.browser
@pytest.mark.slow
def test_without_scripts_it_is_a_page(browser: Browser, world: World) -> None:
    """The link leads to the same on a page of its own; who may not read traffic is not offered it."""
    with visiting(browser, world.server.url, world.sessions[Role.auditor], java_script_enabled=False) as seen:
        seen.page.goto(f"/inventory/networks/{world.network}")
        seen.page.get_by_role("link", name="Traffic of the last 24 hours").click()
        expect(seen.page.get_by_role("heading", level=1)).to_have_text("What happened lately")
        expect(seen.page.locator(".latest li").first).to_be_visible()
