"""Filters: the address bar, there and back."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from meshtrail.common.errors import InvalidError
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
        ("two words", "search=two+words"),
        ("x (y)", "search=x+%28y%29"),
        ("100 % of it", "search=100+%25+of+it"),
    ],
)
def test_typed_conditions_are_lifted(search: str, query: str) -> None:
    """A field with a comparison becomes a condition; anything else stays text."""
    assert lifted(Filters(search=search)).query() == query


@pytest.mark.parametrize(
    ("search", "chosen"),
    [
        ("user = ana", 'user = "ana"'),
        ("user:ana and port in (22, 3389)", 'user = "ana" and either.port in (22, 3389)'),
        ("source_name=a or source_name=b", 'source.name = "a" or source.name = "b"'),
        ("destination_port=443 not ana", "destination.port = 443 and not ana"),
        ("ana or bo", "ana or bo"),
        ("not ana", "not ana"),
        ('"two words"', '"two words"'),
        ("*.example.org", '"*.example.org"'),
        ("started_at > now-2h", "started_at > now-2h"),
        ("dst_port = 22 and x", "dst_port = 22 and x"),
        ("port in (22, x)", "port in (22, x)"),
        ("dst_port=22", "dst_port=22"),
    ],
)
def test_a_typed_filter_is_a_filter(search: str, chosen: str) -> None:
    """What says more than words and single conditions is the filter, in its printed form; with a mistake, as it was typed."""
    found = lifted(parse(urlencode({"search": search, "protocol": "6", "cursor": "x"})))
    assert found == Filters((Condition("protocol", "", ("6",)), Condition("filter", "", (chosen,))))
    assert lifted(found) is found
    assert parse(found.query()) == found


def test_a_second_filter_joins_the_first() -> None:
    """Both hold; one with a mistake goes."""
    first = lifted(Filters(search="user = ana or user = bo"))
    both = lifted(replace(first, search="port = 22 or port = 80"))
    assert both.conditions[0].values == ('(user = "ana" or user = "bo") and (either.port = 22 or either.port = 80)',)
    mended = lifted(replace(Filters().choosing("dst_port = 22"), search="destination.port = 22 and user exists"))
    assert mended.conditions[0].values == ("destination.port = 22 and user exists",)


def test_a_filter_with_a_mistake_is_typed_again() -> None:
    """It goes back to the search box; not when something stands there."""
    broken = Filters((Condition("protocol", "", ("6",)),)).choosing("dst_port = 22")
    assert broken.retyped() == Filters((Condition("protocol", "", ("6",)),), search="dst_port = 22")
    assert replace(broken, search="x").retyped() == replace(broken, search="x")
    assert Filters().retyped() == Filters()


def test_conditions_are_bounded() -> None:
    """An address with more conditions than the API takes is cut."""
    assert len(parse("&".join(f"f{number}=1" for number in range(200))).conditions) == CONDITIONS_MAX


def test_too_many_fields_are_refused() -> None:
    """In words, as whatever else cannot be asked."""
    with pytest.raises(InvalidError, match="fields"):
        parse("&".join(["state=open"] * 1_300))
