"""Times: relative ones become instants when a filter is used; and the window that a filter can choose from."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from meshtrail.common.clock import microseconds, rfc3339
from meshtrail.filter import EVERYTHING, Moment, is_relative, parse, printed, resolved, window
from meshtrail.model.columns import TRAFFIC

NOW = microseconds("2026-09-21T14:13:20Z")
BERLIN = ZoneInfo("Europe/Berlin")


def instants(text: str, now: int = NOW, zone: dt.tzinfo = dt.UTC) -> str:
    """The filter with instants, printed."""
    return printed(resolved(parse(text, TRAFFIC), Moment(now, zone)), TRAFFIC).replace("started_at", "t")


@pytest.mark.parametrize(
    ("text", "berlin", "expected"),
    [
        ("started_at > now", False, "t > 2026-09-21T14:13:20Z"),
        ("started_at > now-2h", False, "t > 2026-09-21T12:13:20Z"),
        ("started_at <= now+1d12h", False, "t <= 2026-09-23T02:13:20Z"),
        ("started_at = now", False, "t = 2026-09-21T14:13:20Z"),
        ("started_at >= today", False, "t >= 2026-09-21T00:00:00Z"),
        ("started_at >= today", True, "t >= 2026-09-20T22:00:00Z"),
        ("started_at >= yesterday+8h", True, "t >= 2026-09-20T06:00:00Z"),
        ("started_at = today", True, "t in 2026-09-20T22:00:00Z..2026-09-21T22:00:00Z"),
        ("started_at in yesterday", False, "t in 2026-09-20T00:00:00Z..2026-09-21T00:00:00Z"),
        ("started_at != 2026-09-21", True, "t not in 2026-09-20T22:00:00Z..2026-09-21T22:00:00Z"),
        ("started_at < 2026-09-21", True, "t < 2026-09-20T22:00:00Z"),
        ("started_at in today-7d..today", False, "t in 2026-09-14T00:00:00Z..2026-09-21T00:00:00Z"),
        ("started_at in (today-1d, yesterday)", False, "t in 2026-09-20T00:00:00Z..2026-09-21T00:00:00Z"),
        ("started_at = today-6h", False, "t = 2026-09-20T18:00:00Z"),
        ("not (started_at < now or a)", False, "not (t < 2026-09-21T14:13:20Z or a)"),
        ("source.name = today", False, 'source.name = "today"'),
    ],
)
def test_resolved(text: str, berlin: bool, expected: str) -> None:
    """Days begin in the time zone of whoever asks; a day behind `=` or `in` is the whole day."""
    assert is_relative(parse(text, TRAFFIC)) == ("source.name" not in text)
    assert instants(text, zone=BERLIN if berlin else dt.UTC) == expected
    tree = resolved(parse(text, TRAFFIC), Moment(NOW))
    assert not is_relative(tree)
    assert resolved(tree, Moment(0)) == tree


@pytest.mark.parametrize(
    ("day", "begin", "end"),
    [("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")],
    ids=["25 hours", "23 hours"],
)
def test_days_of_a_changed_clock(day: str, begin: str, end: str) -> None:
    """When the clock is changed a day has 23 or 25 hours, and `today-1d` is a day of the calendar."""
    assert instants(f"started_at in {day}", zone=BERLIN) == f"t in {begin}..{end}"
    following = microseconds(end) + 3_600_000_000
    assert instants("started_at in today-1d..today", following, BERLIN) == f"t in {begin}..{end}"
    assert instants("started_at in yesterday", following, BERLIN) == f"t in {begin}..{end}"


def test_the_calendar_has_ends() -> None:
    """However far a time is moved, it stays one that the store has."""
    assert instants("started_at > now-36525d", microseconds("1970-01-01T00:00:00Z")) == "t > 1900-01-01T00:00:00Z"
    assert instants("started_at > today+36525d", microseconds("2290-01-01T00:00:00Z")) == "t > 2299-12-31T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("", None, None),
        ("ana", None, None),
        ("started_at > now-2h", NOW - 7_200_000_000 + 1, None),
        ("started_at >= now-2h and started_at < now", NOW - 7_200_000_000, NOW),
        ("started_at >= now-2h and started_at >= now-1h and ana", NOW - 3_600_000_000, None),
        ("started_at <= now", None, NOW + 1),
        ("started_at = now", NOW, NOW + 1),
        ("started_at in now-2h..now-1h or started_at in now-1h..now", NOW - 7_200_000_000, NOW),
        ("started_at in (now-2h..now-1h, now)", NOW - 7_200_000_000, NOW + 1),
        ("started_at > now-2h or ana", None, None),
        ("(started_at > now-2h or ana) and started_at < now", None, NOW),
        ("not (started_at > now-2h)", None, None),
        ("occurred_at > now-2h", None, None),
    ],
)
def test_window(text: str, since: int | None, until: int | None) -> None:
    """Bounds that every chosen row keeps: half-open, and none where the filter leaves it open."""
    assert window(resolved(parse(text, TRAFFIC), Moment(NOW)), "started_at") == (since, until)
    assert window(EVERYTHING, "started_at") == (None, None)


def test_instants_keep_microseconds() -> None:
    """What is printed is what was meant."""
    for at in (0, 1, NOW, NOW + 999_999, -1):
        text = f"started_at = {rfc3339(at)}"
        assert resolved(parse(text, TRAFFIC), Moment(NOW)).values[0].microseconds == at  # type: ignore[union-attr]
