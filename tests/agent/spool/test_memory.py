"""What waits in memory while the disk takes nothing."""

import pytest

from meshtrail.agent import limits
from meshtrail.agent.spool.memory import Memory
from tests.agent.spool.parts import chunk


def test_order() -> None:
    """First in, first out; counted by lines and bytes."""
    memory = Memory(10_000)
    assert memory.first() is None
    assert memory.oldest_us is None
    for number in range(3):
        assert memory.put(chunk(number, number, at_us=number + 1)) == []
    assert memory.rows == 6
    assert memory.oldest_us == 1
    assert [each.at_us for each in memory.take(100)] == [1, 2, 3]
    assert memory.first() is None
    assert memory.oldest_us == 1
    memory.remove_taken()
    assert (memory.rows, memory.bytes, memory.oldest_us) == (0, 0, None)


def test_bound() -> None:
    """When it is full the oldest go, and are given back to be counted; what is on its way stays."""
    memory = Memory(1_000)
    memory.put(chunk(1))
    memory.take(1)
    gone = [each for number in range(2, 9) for each in memory.put(chunk(number, at_us=number))]
    assert [each.at_us for each in gone] == list(range(2, 2 + len(gone)))
    assert gone
    assert memory.bytes <= 1_000
    assert memory.rows == 8 - len(gone)
    assert memory.oldest_us == 1_000


def test_larger_than_all() -> None:
    """A chunk that is larger than the bound goes itself."""
    memory = Memory(1_000)
    large = chunk(1, padding=4_000)
    assert memory.put(large) == [large]
    assert (memory.rows, memory.bytes) == (0, 0)


def test_request() -> None:
    """As much is taken as a request carries; one chunk at least."""
    memory = Memory(10**6)
    for number in range(4):
        memory.put(chunk(*range(10), at_us=number))
    assert len(memory.take(25)) == 2
    memory.remove_taken()
    assert len(memory.take(1)) == 1
    assert memory.batches == 2


def test_request_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is bounded in bytes too."""
    monkeypatch.setattr(limits, "BATCH_BYTES_MAX", 5_000)
    memory = Memory(10**6)
    for number in range(4):
        memory.put(chunk(number, padding=2_000))
    assert len(memory.take(100)) == 2


def test_put_back() -> None:
    """What was taken and did not arrive waits again, in its place."""
    memory = Memory(10**6)
    for number in range(4):
        memory.put(chunk(number, at_us=number + 1))
    memory.take(2)
    memory.put_back()
    assert [each.at_us for each in memory.take(100)] == [1, 2, 3, 4]
