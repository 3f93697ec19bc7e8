"""The window and the rows that the Overview looks at."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from meshtrail.web.outlook import LAST, end_condition, filter_text, parse, text_of

NOW = datetime(2026, 11, 21, 12, 34, 56, 789, UTC)


def parameters(path: str) -> dict[str, list[str]]:
    """Of an address."""
    return parse_qs(urlsplit(path).query)


@pytest.mark.parametrize(("last", "since"), [("1h", "2026-11-21T11:34:56.000789Z"), ("24h", "2026-11-20T13:00:00.000000Z"),
                                             ("7d", "2026-11-14T13:00:00.000000Z"), ("30d", "2026-10-22T13:00:00.000000Z")])  # fmt: skip
def test_windows_of_a_day_begin_with_a_whole_hour(last: str, since: str) -> None:
    """They are never longer than they say; the window before lies a whole window earlier and does not overlap."""
    outlook = parse(f"last={last}", NOW)
    assert (text_of(outlook.since), outlook.until) == (since, NOW)
    assert outlook.before.until == NOW - LAST[last] <= outlook.since
    assert outlook.before.since == outlook.since - LAST[last]


@pytest.mark.parametrize(
    "query", ["", "last=x", "from=x", "at=9999-12-31T23:59:59%2B00:00", "from=2026-11-20", "last=24h&from=2026-01-01T00:00:00Z"]
)
def test_what_is_no_window_is_the_last_day(query: str) -> None:
    """Also a moment that has not come."""
    outlook = parse(query, NOW)
    assert (outlook.last, outlook.until) == ("24h", NOW)


def test_parts_look_at_the_moment_of_the_page() -> None:
    """However late they are asked for."""
    first = parse("last=7d&verdict=denied", NOW)
    later = parse(urlsplit(first.part_path("totals")).query, NOW + timedelta(minutes=3))
    assert (later.since, later.until, later.filters.conditions) == (first.since, first.until, first.filters.conditions)
    assert parameters(later.path()) == {"verdict": ["denied"], "last": ["7d"]}


def test_a_fixed_window_stays() -> None:
    """And its window before is as long."""
    outlook = parse("from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z", NOW)
    assert outlook.path() == "/overview?from=2026-11-01T00%3A00%3A00Z&to=2026-11-03T00%3A00%3A00Z"
    assert text_of(outlook.before.since) == "2026-10-30T00:00:00.000000Z"
    assert outlook.part_path("heat").startswith("/overview/heat?from=")
    backwards = parse("from=2026-11-03T00:00:00Z&to=2026-11-01T00:00:00Z", NOW)
    assert backwards.since < backwards.until


def test_links_to_traffic_name_the_window_and_replace_conditions() -> None:
    """So that as many rows stand there as were counted."""
    outlook = parse("source_name=phone&source_name=laptop&search=x&last=24h", NOW)
    found = parameters(outlook.traffic(filter_text("user", 'Ana "L"'), source_name="phone", destination_name__known="false"))
    assert found == {
        "source_name": ["phone"], "filter": ['user = "Ana \\"L\\""'], "search": ["x"], "destination_name.known": ["false"],
        "from": ["2026-11-20T13:00:00.000000Z"], "to": ["2026-11-21T12:34:56.000789Z"],
    }  # fmt: skip
    assert parameters(outlook.narrowed("source_name", "phone").path())["source_name"] == ["phone"]


def test_an_end_by_what_it_is_called() -> None:
    """By name, by address, or without a name."""
    assert end_condition("source", "phone") == {"source_name": "phone"}
    assert end_condition("destination", "fd00::1") == {"destination_address": "fd00::1"}
    assert end_condition("destination", None) == {"destination_name__known": "false"}
