"""The bounded queue of reports."""

import pytest

from meshtrail.agent import limits
from meshtrail.agent.outbox import Outbox


def _gap(since: int, until: int, lost: int) -> bytes:
    return f"gap {since} {until} {lost}".encode()


def test_order_and_counts() -> None:
    """Lines leave in the order in which they came, and are counted until they do."""
    outbox = Outbox(_gap)
    assert not outbox
    assert outbox.take() is None
    outbox.put([b"one", b"two"], 1)
    outbox.put([b"three"], 2)
    assert (outbox.rows, outbox.queued) == (3, 3)
    batch = outbox.take()
    assert batch is not None
    assert batch.lines == [b"one", b"two", b"three"]
    assert (outbox.rows, outbox.bytes, bool(outbox)) == (0, 0, False)


def test_full() -> None:
    """Without room the oldest go, and the next batch begins with a gap of that time and number."""
    outbox = Outbox(_gap, bytes_max=40)
    for moment in range(1, 6):
        outbox.put([b"%09d" % moment], moment)
    assert outbox.dropped == 1
    outbox.put([b"%09d" % 6], 6)
    batch = outbox.take()
    assert batch is not None
    assert batch.lines[0] == b"gap 1 2 2"
    assert batch.lines[1:] == [b"%09d" % moment for moment in range(3, 7)]
    assert outbox.dropped == 2


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch has at most so many rows and bytes, and a line larger than a batch still leaves."""
    monkeypatch.setattr(limits, "BATCH_ROWS_MAX", 3)
    monkeypatch.setattr(limits, "BATCH_BYTES_MAX", 50)
    outbox = Outbox(_gap)
    outbox.put([b"%d" % number for number in range(7)], 1)
    outbox.put([b"x" * 60], 2)
    sizes = []
    while (batch := outbox.take()) is not None:
        sizes.append(len(batch.lines))
    assert sizes == [3, 3, 1, 1]


def test_keys_differ() -> None:
    """Each batch has a key of its own."""
    outbox = Outbox(_gap)
    keys = set()
    for _ in range(3):
        outbox.put([b"x"], 1)
        batch = outbox.take()
        assert batch is not None
        keys.add(batch.key)
    assert len(keys) == 3
