"""One report in words."""

from typing import Any

import pytest

from meshtrail.web.reports import differing, report_line
from tests.web.connections import NOW, attempt, connection, denial, report

Row = dict[str, Any]


def line(**given: Any) -> Any:
    """A report of the initiator in words."""
    row = report("initiator", "laptop", **given)
    return report_line(row, row["started_at"], NOW)


def test_amounts_are_exact_where_they_were_rounded() -> None:
    """Bytes below a thousand are exact by themselves; what was not counted is no zero."""
    assert (line(bytes_to_destination=999).to_destination, line(bytes_to_source=1_503_148).to_source) == ("999 B", "1.5 MB (1,503,148)")
    assert (line(bytes_to_source=0).to_source, line(bytes_to_source=None).to_source) == ("0 B", "–")


@pytest.mark.parametrize(("there", "back", "words"), [(10, 1_200, "10 / 1,200"), (None, 3, "– / 3"), (None, None, "–"), (0, 0, "0 / 0")])
def test_packets_each_way(there: int | None, back: int | None, words: str) -> None:
    """To the destination and back; one dash when nothing was counted."""
    assert line(packets_to_destination=there, packets_to_source=back).packets == words


def test_when_it_was_seen_against_the_first() -> None:
    """Starts are compared; nothing is said of those that are the same."""
    first = line().started_at
    later = report_line(report("target", "crm", started_at="2026-11-21T11:59:00.012400Z"), first, NOW)
    earlier = report_line(report("target", "crm", started_at="2026-11-21T11:58:57.000000Z"), first, NOW)
    assert (line().after, later.after, earlier.after) == ("", "+12 ms", "−3.0 s")


def test_translation_says_what_is_new() -> None:
    """An address, a port, or both, of either end."""
    assert line().translated == ""
    assert line(nat_source_address="10.60.0.1", nat_source_port=5_000).translated == "from 10.60.0.1:5000"
    assert line(nat_source_port=5_000).translated == "from 100.64.0.1:5000"
    both = line(nat_source_address="fd00::1", nat_source_port=1, nat_destination_address="10.0.0.9", nat_destination_port=2)
    assert both.translated == "from [fd00::1]:1, to 10.0.0.9:2"


def test_denials_and_attempts() -> None:
    """A denial counts the packets that it denied and names no policy where none allows it."""
    denied = report_line(denial(drops=1_203), "2026-11-21T11:59:00Z", NOW)
    assert (denied.verdict, denied.policy, denied.drops, denied.to_destination) == ("denied", "no policy allows it", "1,203", "–")
    tried = report_line(attempt(), "2026-11-21T11:59:00Z", NOW)
    assert (tried.verdict, tried.policy, tried.drops, tried.close_reason) == ("unknown", "–", "", "no reply")


def test_names_that_deceive_are_written_out() -> None:
    """Names and policies come from other machines."""
    shown = line(reporter_name="invoice\u202efdp.exe", policy_name="a\u200bb", close_reason=None, ended_at=None)
    assert (shown.reporter, shown.policy, shown.ended) == ("invoice\\u202efdp.exe", "a\\u200bb", "–")
    assert (line(reporter_name=None).reporter, line(id="a/b?c").href) == ("id-laptop", "/traffic/a%2Fb%3Fc")


def test_which_amounts_differ() -> None:
    """Only those that make the connection one that differs."""
    here, there = report("initiator", "laptop"), report("target", "crm", bytes_to_source=9_000)
    assert differing(connection(here, there, agreement="bytes_differ")) == {"to_source"}
    assert differing(connection(here, there)) == frozenset()
    assert differing(connection(here, there | {"bytes_to_source": None}, agreement="bytes_differ")) == frozenset()
