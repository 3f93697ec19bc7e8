"""Conntrack's statistics: the question, answers of a real kernel, damaged ones."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent.netlink import statistics
from meshtrail.agent.netlink.statistics import Statistics
from meshtrail.agent.sources.conntrack import Conntrack
from tests.agent.netns import TRACK, Pair


def _message(*counts: tuple[int, int], kind: int = 0x104) -> bytes:
    body = b"".join(struct.pack("=HH", 8, name) + struct.pack(">I", value) for name, value in counts)
    return struct.pack("=IHHIIBBH", 20 + len(body), kind, 2, 1, 0, 0, 0, 0) + body


def test_request() -> None:
    """All processors are asked, and nothing is reset."""
    assert struct.unpack_from("=IHHI", statistics.request(7)) == (20, 0x104, 0x301, 7)


def test_counts() -> None:
    """Drops and evictions are read among the other counts, and add up over the processors."""
    message = _message((8, 9), (10, 3), (11, 2), (14, 1))
    assert statistics.decode(0x104, message) + statistics.decode(0x104, _message((10, 1))) == Statistics(4, 2)
    assert statistics.decode(0x100, message) == Statistics()


@given(cut=some.integers(0, 60), changes=some.lists(some.tuples(some.integers(0, 51), some.integers(0, 255)), max_size=8))
def test_damaged(cut: int, changes: list[tuple[int, int]]) -> None:
    """Damaged and truncated answers never raise."""
    message = bytearray(_message((8, 9), (10, 3), (11, 2), (14, 1)))
    for place, value in changes:
        message[place % len(message)] = value
    assert statistics.decode(0x104, bytes(message[:cut])) >= Statistics()


@pytest.mark.netns
def test_of_a_kernel(pair: Pair) -> None:
    """A quiet namespace has thrown nothing away; the socket goes on answering."""
    pair.near.nft(TRACK)
    conntrack = pair.near.inside(Conntrack)
    assert [conntrack.statistics() for _ in range(3)] == [Statistics()] * 3
    assert conntrack.dump() == []
    conntrack.close()
