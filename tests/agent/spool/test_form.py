"""The form of a segment file: round trips, and that nothing damaged is taken for intact."""

import pytest

from meshtrail.agent.spool import form

NAME = b"segment1"
PAYLOAD = b"(\xb5/\xfd some frame"


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def test_file_header() -> None:
    """What is written is read; a flipped bit anywhere or a missing byte is noticed."""
    header = form.file_header(NAME, 7)
    assert len(header) == form.FILE_HEADER_BYTES
    assert form.read_file_header(header) == (form.VERSION, NAME, 7)
    assert all(form.read_file_header(_flipped(header, at)) is None for at in range(len(header)))
    assert form.read_file_header(header[:-1]) is None


def test_record() -> None:
    """A record's header tells its lines, their number and time, and where it ends."""
    data = form.record(3, 100, 20, 9_000, 77, PAYLOAD)
    header = form.header_at(data, 0, 3)
    assert header is not None
    assert (header.seal, header.size, header.rows, header.raw, header.at_us, header.row) == (False, len(PAYLOAD), 20, 9_000, 77, 100)
    assert data[form.HEADER_BYTES :] == PAYLOAD


@pytest.mark.parametrize("at", range(form.HEADER_BYTES))
def test_damaged_header(at: int) -> None:
    """A flipped bit anywhere in a header is noticed."""
    assert form.header_at(_flipped(form.record(3, 100, 20, 9_000, 77, PAYLOAD), at), 0, 3) is None


def test_other_segment() -> None:
    """A header of another segment is none of this one: a copied block is not taken for its own."""
    assert form.header_at(form.record(3, 0, 1, 1, 1, PAYLOAD), 0, 4) is None
    assert form.header_at(form.seal(3, 1, 1), 0, 4) is None


def test_outside() -> None:
    """There is no header where there are too few bytes."""
    data = form.record(3, 0, 1, 1, 1, b"")
    assert form.header_at(data, 1, 3) is None
    assert form.header_at(data[:-1], 0, 3) is None
    assert form.header_at(data, -1, 3) is None


@pytest.mark.parametrize("torn", [False, True])
def test_seal(torn: bool) -> None:
    """A seal tells how many lines there were, and whether more are missing."""
    header = form.header_at(form.seal(9, 55, 4, torn=torn), 0, 9)
    assert header is not None
    assert (header.seal, header.row, header.at_us, bool(header.raw)) == (True, 55, 4, torn)


def test_next_header() -> None:
    """The search passes over what only looks like a header."""
    noise = b"\xc1MTr" + b"x" * 60 + b"\xc1MT" + form.seal(8, 1, 1)
    data = noise + form.record(9, 5, 1, 1, 1, PAYLOAD)
    assert form.next_header(data, 0, 9) == len(noise)
    assert form.next_header(data, len(noise) + 1, 9) == -1
    assert form.next_header(b"", 0, 9) == -1
