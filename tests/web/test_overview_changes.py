"""What changed, in words."""

from datetime import UTC, datetime

from meshtrail.web.outlook import parse
from meshtrail.web.overview_changes import CHANGES_MAX, Sum, sentences

OUTLOOK = parse("", datetime(2026, 11, 21, 12, 0, tzinfo=UTC))


def test_what_stands_out() -> None:
    """Denials first, then bytes, then what fell silent; an ordinary day says nothing."""
    now = {"crm": Sum(100, 0, 3_000_000), "db": Sum(50, 40, 9_000_000), "git": Sum(10, 0, 10), "10.0.0.9": Sum(0, 12, 0)}
    before = {"crm": Sum(90, 0, 1_200_000), "db": Sum(50, 2, 4_600_000), "git": Sum(9, 0, 9), "backup": Sum(1204, 0, 5)}
    found = sentences(OUTLOOK, now, before, complete=True)
    assert [(each.kind, each.subject, each.words) for each in found] == [
        ("denied", "db", "denied 40; 2 before"), ("denied", "10.0.0.9", "denied 12; none before"),
        ("more", "crm", "moved 3.0 MB; 1.2 MB before"), ("less", "backup", "was not reached; 1,204 times before"),
    ]  # fmt: skip
    assert "destination_address=10.0.0.9" in found[1].href
    assert "verdict=denied" in found[1].href
    assert "to=2026-11-20T12" in found[3].href


def test_what_is_not_known_is_not_said() -> None:
    """Where only the most frequent destinations are known, one that is missing may still have been there."""
    assert not sentences(OUTLOOK, {"db": Sum(0, 40, 0)}, {"crm": Sum(99, 0, 0)}, complete=False)


def test_sentences_are_few() -> None:
    """The largest of them."""
    now = {f"n{number}": Sum(0, 10 + number, 0) for number in range(50)}
    found = sentences(OUTLOOK, now, {}, complete=True)
    assert [each.subject for each in found] == [f"n{49 - number}" for number in range(CHANGES_MAX)]
