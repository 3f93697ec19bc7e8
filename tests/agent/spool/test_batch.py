"""What one request carries."""

from meshtrail.agent.spool.batch import Batch, of_lines


def test_key() -> None:
    """The key names the bytes: the same for the same lines, another for others."""
    assert of_lines([b"1", b"2"]).key == of_lines([b"1", b"2"]).key
    assert of_lines([b"1", b"2"]).key != of_lines([b"1", b"3"]).key
    assert len(of_lines([b"1"]).key) == 32


def test_halves() -> None:
    """Two halves have all lines in their order."""
    batch = of_lines([b"%d" % number for number in range(7)])
    first, second = batch.halves()
    assert (first.rows, second.rows) == (3, 4)
    assert first.lines() + second.lines() == batch.lines()


def test_large() -> None:
    """Unpacking does not depend on what the frame says of its size."""
    lines = [b"x" * 1_000_000] * 3
    assert of_lines(lines).lines() == lines
    assert isinstance(of_lines(lines), Batch)
