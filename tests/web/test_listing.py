"""What all lists have in common: columns, chips, choices, windows in words, and what stands in place of rows."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from meshtrail.web.assets import STATIC, Assets
from meshtrail.web.audit import audit_context
from meshtrail.web.connections import connections_context
from meshtrail.web.filters import parse
from meshtrail.web.listed import AUDIT_LIST, CONNECTIONS_LIST, LISTS, TRAFFIC_LIST, Listed
from meshtrail.web.listing import ListContext, list_context
from meshtrail.web.listing_columns import chosen_columns
from meshtrail.web.pages import CaptureStatus, Renderer, Shell
from meshtrail.web.traffic import traffic_context
from tests.web.connections import connection
from tests.web.fake_api import HOSTILE_NAMES, generate
from tests.web.test_audit import event

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHELL = Shell("List", CaptureStatus(True, "The connections of this machine are captured."))


def of(query: str, listed: Listed = TRAFFIC_LIST) -> ListContext:
    return list_context(parse(query, listed), NOW, {"data": []})


def page(listed: Listed, query: str = "") -> str:
    """The list's page with one row of each kind."""
    filters = parse(query, listed)
    rows: dict[str, Any] = {"traffic": generate(NOW, 60), "connections": [connection()], "audit": [event()]}
    contexts: dict[str, Any] = {"traffic": traffic_context, "connections": connections_context, "audit": audit_context}
    context = contexts[listed.name](filters, SHELL, NOW, {"data": rows[listed.name], "next_cursor": None})
    return Renderer(Assets()).render(f"{listed.name}.html", context)


@pytest.mark.parametrize("listed", LISTS, ids=lambda each: each.name)
def test_headings_cells_and_styles_name_the_same_columns(listed: Listed) -> None:
    """In one order; each column but the time, which is always there, can be hidden, and has a width."""
    names, text = [each.name for each in listed.columns], page(listed)
    styles = (STATIC / "css/columns.css").read_text()
    assert re.findall(r'<th class="c-([\w-]+)', text) == names
    rows = [re.findall(r'<td class="c-([\w-]+)', row) for row in re.findall(r'<tr class="row" role="row".*?</tr>', text, re.DOTALL)]
    assert rows
    assert all(row == names for row in rows)
    for name in names:
        assert re.search(rf"\.c-{name}\b[^{{}}]*{{[^}}]*(width|flex):?", styles), name
        assert name == "time" or f':root:not([data-columns~="{name}"]) .rows .c-{name} {{ display: none; }}' in styles


def test_columns_of_a_link() -> None:
    """In the table's order, with the time that leads to the details; names of none are left out; without any, the usual ones."""
    usual = chosen_columns(TRAFFIC_LIST.columns, "")
    assert "reporter" in usual
    assert "rule" not in usual
    assert chosen_columns(TRAFFIC_LIST.columns, "rule,source,<b>") == ("time", "source", "rule")
    assert chosen_columns(TRAFFIC_LIST.columns, "nothing") == usual


def test_columns_stay_in_every_link() -> None:
    """Whatever is changed, the table keeps its columns; they are no filter of the API."""
    context = of("columns=rule,source&verdict=denied&search=x")
    links = [context.clear, context.search_clear, context.chips[0].remove, context.wider, *(each.href for each in context.ranges)]
    assert all("columns=rule%2Csource" in link for link in links)
    assert ("columns", "rule,source") in context.kept
    assert context.api_query == "verdict=denied&search=x"
    assert "columns" not in parse("columns=rule").api_parameters(NOW)


@pytest.mark.parametrize(("listed", "usual"), [(TRAFFIC_LIST, "1h"), (AUDIT_LIST, "7d")], ids=["traffic", "audit"])
def test_the_usual_window_is_not_written(listed: Listed, usual: str) -> None:
    """Each list has its own; a fixed window gives way to it."""
    assert of("", listed).query == ""
    assert [each.word for each in of("", listed).ranges if each.current] == [{"1h": "1 h", "7d": "7 d"}[usual]]
    fixed = of("from=2026-11-20T00:00:00Z", listed)
    assert fixed.custom == ("2026-11-20T00:00:00Z", "")
    assert fixed.custom_clear == listed.path


def test_a_choice_is_no_chip_unless_it_says_more() -> None:
    """The outcome has buttons of its own; hiding one, or two of them, is a chip like any other."""

    def chips(query: str) -> list[str]:
        context = audit_context(parse(query, AUDIT_LIST), SHELL, NOW, {"data": []})
        return [each.field for each in context.list.chips]

    assert chips("outcome=denied") == []
    assert chips("outcome.not=denied") == ["outcome.not"]
    assert chips("outcome=denied&outcome=failure") == ["outcome"]


def test_what_chooses_among_joined_rows_is_not_counted() -> None:
    """Counts of the connections page are of reports, which have no agreement."""
    context = of("agreement=one_side&verdict=denied", CONNECTIONS_LIST)
    assert (context.api_query, context.count_query) == ("agreement=one_side&verdict=denied", "verdict=denied")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("last=24h", "the last 24 h before 21 Nov 2026 12:00 UTC"),
        ("from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z", "from 2026-11-20T00:00:00Z to 2026-11-21T00:00:00Z"),
        ("to=2026-11-21T00:00:00Z", "to 2026-11-21T00:00:00Z"),
    ],
)
def test_paper_says_the_window(query: str, words: str) -> None:
    """What was asked stands above the rows."""
    assert of(query).window_words == words
    assert f"<p>Of {words}" in page(TRAFFIC_LIST, query)


@pytest.mark.parametrize("listed", LISTS, ids=lambda each: each.name)
def test_every_list_has_the_same_parts(listed: Listed) -> None:
    """Search, views, windows, values, columns, copying, rows that scripts find: once each."""
    text = page(listed)
    for part in (
        f'id="search-form" role="search" action="{listed.path}" method="get" data-family="{listed.name}"', 'id="views"', 'id="ranges"',
        'id="chips"', 'id="histogram"', 'id="facets"', 'id="columns-panel"', 'id="share-panel"', 'id="value-menu"', 'id="rows"',
        'id="keys"',
    ):  # fmt: skip
        assert text.count(part) == 1, part
    for facet in listed.facet_fields:
        assert text.count(f'<details class="facet" data-field="{facet}"') == 1
        assert facet in listed.events.columns


def test_values_that_deceive_are_in_no_attribute() -> None:
    """They are shown with escapes, and cannot be pressed in the table."""
    text = page(TRAFFIC_LIST)
    assert re.search(r'data-field="source_name" data-value="[^"]+"', text)
    assert "&lt;script&gt;document.title=" in text
    for name in HOSTILE_NAMES:
        assert name not in text or name.startswith("a-very")


def test_an_empty_list_offers_a_way_out_of_each_filter() -> None:
    """Each condition, the text, and the window."""
    filters = parse("verdict=denied&source_name.not=x&search=y")
    empty = traffic_context(filters, SHELL, NOW, {"data": []}, stored=4).empty
    assert empty
    assert empty.text == "4 rows are stored. Take a condition away, or look further back:"
    assert [each.word for each in empty.remedies] == [
        "Without verdict is denied", "Without source name is not x", "Without the text y", "The last 7 days",
    ]  # fmt: skip
    everything = traffic_context(parse("last=7d"), SHELL, NOW, {"data": []}, stored=4).empty
    assert everything
    assert everything.remedies[0].href == "/traffic?from=2000-01-01T00%3A00%3A00Z"
