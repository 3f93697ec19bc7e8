"""Filters: the address bar, there and back."""

from datetime import UTC, datetime

import pytest

from meshtrail.web.filters import CONDITIONS_MAX, Condition, Filters, lifted, parse

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "verdict=denied",
        "verdict=denied&verdict=unknown",
        "source_name.not=ana&destination_port.gte=100&user_id.known=false",
        "search=two+words&last=24h",
        "from=2026-11-21T09%3A00%3A00Z&to=2026-11-21T10%3A00%3A00Z",
        "verdict=denied&last=7d&cursor=abc%3D",
    ],
)
def test_a_query_string_comes_back(query: str) -> None:
    """Parsing and writing are inverse, so that a link is the view."""
    assert parse(query).query() == query


def test_including_again_widens_and_contradicts_an_exclusion() -> None:
    """A second value means any of both; including what was excluded takes the exclusion away."""
    filters = Filters().excluding("source_name", "ana").including("source_name", "ana").including("source_name", "jun")
    assert filters.query() == "source_name=ana&source_name=jun"
    assert filters.excluding("source_name", "ana").query() == "source_name=jun&source_name.not=ana"


def test_every_change_goes_back_to_the_first_page() -> None:
    """A cursor of other filters would show a hole."""
    paged = parse("verdict=denied&cursor=abc")
    changed = [
        paged.including("protocol", "6"), paged.within("24h"), paged.without(Condition("verdict", "", ("denied",))),
        paged.between("a", "b"), paged.knowing("user_id", True),
    ]  # fmt: skip
    assert [each.cursor for each in changed] == [""] * 5


def test_the_window_becomes_times_for_the_api() -> None:
    """A window that ends now starts at its length before now and has no end."""
    moving = parse("last=15m&verdict=denied").api_parameters(NOW)
    assert moving == {"verdict": ["denied"], "from": ["2026-11-21T11:45:00.000000Z"]}
    assert parse("from=2026-11-20T00:00:00Z").api_parameters(NOW) == {"from": ["2026-11-20T00:00:00Z"]}
    assert parse("last=nonsense").last == "1h"


@pytest.mark.parametrize(
    ("search", "query"),
    [
        ("destination_port=443", "destination_port=443"),
        ("ana destination_port>=100 laptop", "destination_port.gte=100&search=ana+laptop"),
        ('policy_name!="Sales to CRM"', "policy_name.not=Sales+to+CRM"),
        ("nonsense=1", "search=nonsense%3D1"),
        ("fd00::1", "search=fd00%3A%3A1"),
    ],
)
def test_typed_conditions_are_lifted(search: str, query: str) -> None:
    """A field with a comparison becomes a condition; anything else stays text."""
    assert lifted(Filters(search=search)).query() == query


def test_conditions_are_bounded() -> None:
    """An address with more conditions than the API takes is cut."""
    assert len(parse("&".join(f"f{number}=1" for number in range(200))).conditions) == CONDITIONS_MAX
