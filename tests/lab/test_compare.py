"""A capture and the rows of its reporter: all of the one is in the other."""

from lab.compare import compare
from lab.pcap import Connection
from tests.lab.rows import A, B, row


def connection(**other: object) -> Connection:
    """The connection of `row` as a capture has it."""
    made = Connection(6, A, B, 4000, 443, 1.0, 2.0, 10, 1_528, 0, 8, 5_424)
    for name, value in other.items():
        setattr(made, name, value)
    return made


def problems(captured: list[Connection], *rows: dict[str, object]) -> list[str]:
    """What the laptop's capture and rows do not agree on."""
    return compare("laptop", captured, list(rows)).problems


def test_equal_is_agreed() -> None:
    """Packets and bytes of both ways."""
    made = compare("laptop", [connection()], [row(), row(reporter_name="crm")])
    assert (made.agreed, made.problems) == (1, [])


def test_a_byte_more_is_told() -> None:
    """Exact means exact."""
    (problem,) = problems([connection(size=1_529)], row())
    assert "tx_bytes is 1528, the capture has 1529" in problem


def test_what_is_only_in_one_of_them_is_told() -> None:
    """A connection without a row, and a row without a connection."""
    assert "1 in the capture, 0 in the store" in problems([connection()])[0]
    assert "0 in the capture, 1 in the store" in problems([], row())[0]


def test_denied_packets_are_added_up() -> None:
    """An attempt and its repetitions, over the rows into which they were folded."""
    denied = row(state="denied", drops=2, tx_packets=None, rx_packets=None)
    attempt = connection(packets=1, repeated=2, reply_packets=0, reply_size=0)
    assert problems([attempt], denied | {"drops": 3}) == []
    assert problems([attempt], denied, denied | {"drops": 1}) == []
    assert "3 packets were denied, the rows say 2" in problems([attempt], denied)[0]
    assert problems([], denied)


def test_the_same_ends_meet_in_order_of_time() -> None:
    """Two connections, one after the other."""
    later = row(started_at="2026-01-01T00:00:09.000000Z", tx_bytes=60, tx_packets=1)
    assert problems([connection(), connection(began=9.0, packets=1, size=60)], later, row()) == []


def test_a_gap_is_a_problem_and_inner_talk_is_not() -> None:
    """What happens within the machine or goes to many is on no wire."""
    assert "a gap of 7 reports" in problems([], row(state="gap", gap_lost=7, gap_cause="buffer_overrun"))[0]
    assert (
        problems(
            [],
            row(source_address="127.0.0.1", destination_address="127.0.0.1"),
            row(destination_address="ff02::16", source_address="fd90::1"),
        )
        == []
    )
