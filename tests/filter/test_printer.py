"""What is printed is what was understood."""

import pytest
from hypothesis import given, settings

from meshtrail.filter import EVERYTHING, FilterError, Node, parse, printed
from meshtrail.model.columns import TRAFFIC
from tests.filter.strategies import TREES


@settings(max_examples=600, deadline=None)
@given(TREES)
def test_parsing_the_print_gives_the_tree(tree: Node) -> None:
    """parse, print, parse: whatever tree there is, its text means the same, and is printed the same again."""
    text = printed(tree, TRAFFIC)
    try:
        again = parse(text, TRAFFIC)
    except FilterError as error:
        pytest.fail(f"{error.message}\n{error.pointed(text)}")
    assert again == tree
    assert printed(again, TRAFFIC) == text


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("", ""),
        ("ana crm", "ana and crm"),
        ("ANA OR NOT crm", "ANA or not crm"),
        ('"state" "two words" not "and"', '"state" and "two words" and not "and"'),
        ("user_email:ana@example.org", 'user.email = "ana@example.org"'),
        ("source.user = 'ana'", 'user = "ana"'),
        ("port == 22", "either.port = 22"),
        ("port <> 22", "either.port != 22"),
        ("not port = 22", "either.port != 22"),
        ("not not port = 22", "not either.port != 22"),
        ("destination_port in (22, 3389, 22)", "destination.port in (22, 3389)"),
        ("destination.port not in (22)", "destination.port != 22"),
        ("protocol in (6, UDP, 200)", "protocol in (tcp, udp, 200)"),
        ("destination.address = 10.1.2.3/8", "destination.address in 10.0.0.0/8"),
        ("source.address in 10.0.0.0..10.0.0.9", "source.address in 10.0.0.0..10.0.0.9"),
        ("source.address != ::ffff:10.0.0.1", "source.address != 10.0.0.1"),
        ("rx_bytes >= 1024KiB and tx_bytes < 1500", "rx.bytes >= 1MiB and tx.bytes < 1500"),
        ("duration > 1h30m", "duration_ms > 90m"),
        ("duration = 0", "duration_ms = 0ms"),
        ("starts > 10k", "starts > 10000"),
        ("started_at >= 2026-09-21T09:00:00.500+02:00", "started_at >= 2026-09-21T07:00:00.5Z"),
        ("started_at = today started_at in now-120m..now", "started_at in today and started_at in now-2h..now"),
        ("state = OPEN and (verdict = denied or verdict = allowed)", "state = open and (verdict = denied or verdict = allowed)"),
        ("(a or b) or (c and (d))", "a or b or c and d"),
        ("source.groups not contains x", 'source.groups not contains "x"'),
        (r"source.name !~ /^db\/[0-9]+$/i", r"source.name !~ /^db\/[0-9]+$/i"),
        ("user.email missing or user.email not starts_with 'a*'", r'user.email missing or user.email not starts_with "a\*"'),
        ("source.name = *.example.org", 'source.name = "*.example.org"'),
        ('source.name = "\u202eevil"', r'source.name = "\u{202e}evil"'),
    ],
)  # fmt: skip
def test_canonical_form(written: str, canonical: str) -> None:
    """Every spelling has one canonical form."""
    tree = parse(written, TRAFFIC)
    assert printed(tree, TRAFFIC) == canonical
    assert parse(canonical, TRAFFIC) == tree


def test_everything_is_empty() -> None:
    """The empty filter chooses everything."""
    assert parse(" \n", TRAFFIC) == EVERYTHING
