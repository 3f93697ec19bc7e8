"""Rows are compared with what the sockets counted and with what should be said of them."""

import pytest

from lab.expect import Expect, differences, findings, of_talk
from lab.traffic import ICMP, UDP
from tests.lab.rows import row, talk

EXPECTED = Expect("laptop", "closed", "allowed", "egress", close_reason="fin")


def test_a_row_as_it_should_be() -> None:
    """No differences."""
    assert differences(EXPECTED, row(), talk()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("state", "open"), ("verdict", "unknown"), ("direction", "unknown"), ("connection_type", "routed"), ("close_reason", "reset"),
     ("policy_name", "Web")],
)  # fmt: skip
def test_each_field_is_looked_at(field: str, value: str) -> None:
    """One wrong field is one difference, with both values."""
    (problem,) = differences(EXPECTED, row(**{field: value}), talk())
    assert field in problem and value in problem


def test_bytes_are_those_of_the_sockets_and_the_headers() -> None:
    """A packet too few, or bytes that nobody sent, are seen."""
    assert differences(EXPECTED, row(tx_bytes=1_200), talk())
    assert differences(EXPECTED, row(rx_bytes=5_600), talk())
    assert differences(EXPECTED, row(rx_bytes=None), talk()) == ["rx was not counted"]


def test_large_transfers_are_within_one_percent_of_the_payload() -> None:
    """Headers or not."""
    large = talk(sent=200_000_000)
    assert differences(EXPECTED, row(tx_packets=3_100, tx_bytes=200_161_208), large) == []
    assert differences(EXPECTED, row(tx_packets=140_000, tx_bytes=207_280_008), large)


def test_acknowledgements_say_what_is_missing() -> None:
    """A few of a huge transfer's carry options that the others do not have; more than that is bytes that nobody sent."""
    large = talk(sent=200_000_000, received=1_000)
    told = row(tx_packets=3_100, tx_bytes=200_161_208, rx_packets=695)
    assert differences(EXPECTED, told | {"rx_bytes": 37_532}, large) == []
    assert differences(EXPECTED, told | {"rx_bytes": 40_000}, large)


def test_the_responding_side_receives_what_was_sent() -> None:
    """Directions are turned round."""
    there = row(reporter_name="crm", direction="ingress", tx_packets=8, tx_bytes=5_424, rx_packets=10, rx_bytes=1_528)
    assert differences(Expect("crm", "closed", "allowed", "ingress"), there, talk()) == []


def test_datagrams_are_counted_exactly() -> None:
    """One packet more is a difference even where its bytes would be within the limit."""
    said = talk(protocol=UDP, packets_sent=10, packets_received=8, sent=1_248, received=5_200)
    told = row(protocol=UDP)
    assert differences(EXPECTED, told, said) == []
    assert differences(EXPECTED, told | {"tx_packets": 11, "tx_bytes": 1_556}, said) == ["tx_packets is 11, not 10"]


def test_reporters_are_exactly_those_expected() -> None:
    """One that is silent and one that should be are findings."""
    nobody = findings("s", "t", talk(), (EXPECTED,), [])
    assert [(each.reporter, each.problems) for each in nobody] == [("laptop", ["it reports nothing"])]
    twice = findings("s", "t", talk(), (EXPECTED,), [row(), row()])
    assert twice[0].problems == ["it reports 2 rows"]
    found = findings("s", "t", talk(), (EXPECTED,), [row(), row(reporter_name="database")])
    assert [(each.reporter, each.holds) for each in found] == [("laptop", True), ("database", False)]


def test_rows_of_other_talks_are_left_alone() -> None:
    """Another port, another protocol, another kind of message."""
    assert of_talk(row(), talk())
    assert not of_talk(row(source_port=4001), talk())
    assert not of_talk(row(protocol=UDP), talk())
    ping = talk(protocol=ICMP, source_port=None, destination_port=None, icmp_type=8)
    told = row(protocol=ICMP, source_port=None, destination_port=None, icmp_type=8)
    assert of_talk(told, ping)
    assert not of_talk(told | {"icmp_type": 13}, ping)
