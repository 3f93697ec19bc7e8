"""The form of a segment file. Pure: numbers in, bytes out, and back.

    file header, 32 bytes    magic, version, name of the segment (8 random bytes), microseconds of its making, CRC-32
    record header, 40 bytes  magic, bytes of the payload, its lines, its bytes when unpacked, microseconds of the put,
                             number of its first line in the segment, CRC-32 of the payload, CRC-32 of this header
    payload                  a zstd frame: lines of JSON joined by newlines, without one at the end
    ...
    seal, 40 bytes           a record header with another magic and no payload: its first line is the number of all lines, so
                             that what is missing before it can be counted

All numbers are little-endian. A header's CRC starts from the segment's number, so that bytes of another segment are none of
this one. The magics begin with a byte that text and zstd frames do not begin with, and a search for the next record after
damage looks for them.
"""

from struct import Struct
from typing import NamedTuple
from zlib import crc32

VERSION = 1
_FILE = Struct("<8sI8sQ")
_RECORD = Struct("<4sIIIQQI")
_CRC = Struct("<I")
_FILE_MAGIC = b"MTSPOOL\n"
_RECORD_MAGIC = b"\xc1MTr"
_SEAL_MAGIC = b"\xc1MTs"
_ANY_MAGIC = b"\xc1MT"
FILE_HEADER_BYTES = _FILE.size + _CRC.size
HEADER_BYTES = _RECORD.size + _CRC.size
SEAL_BYTES = HEADER_BYTES


class FileHeader(NamedTuple):
    """The beginning of a segment."""

    version: int
    name: bytes
    created_us: int


class Header(NamedTuple):
    """The header of a record, or a seal."""

    seal: bool
    size: int
    """Bytes of the payload."""
    rows: int
    raw: int
    """Bytes of the payload when unpacked. In a seal, 1 says that an unknown number of lines is missing before it."""
    at_us: int
    row: int
    checksum: int


def _checked(packed: bytes, seed: int = 0) -> bytes:
    return packed + _CRC.pack(crc32(packed, seed))


def file_header(name: bytes, created_us: int) -> bytes:
    """The first bytes of a segment."""
    return _checked(_FILE.pack(_FILE_MAGIC, VERSION, name, created_us))


def read_file_header(data: bytes) -> FileHeader | None:
    """The header of a segment; None when it is damaged."""
    if len(data) < FILE_HEADER_BYTES or not data.startswith(_FILE_MAGIC):
        return None
    if _CRC.unpack_from(data, _FILE.size)[0] != crc32(data[: _FILE.size]):
        return None
    return FileHeader(*_FILE.unpack_from(data)[1:])


def record(number: int, row: int, rows: int, raw: int, at_us: int, payload: bytes) -> bytes:
    """A record of the segment with this number."""
    head = _RECORD.pack(_RECORD_MAGIC, len(payload), rows, raw, at_us, row, crc32(payload))
    return _checked(head, _seed(number)) + payload


def seal(number: int, row: int, at_us: int, *, torn: bool = False) -> bytes:
    """The end of a segment that had `row` lines."""
    return _checked(_RECORD.pack(_SEAL_MAGIC, 0, 0, int(torn), at_us, row, 0), _seed(number))


def header_at(data: bytes, at: int, number: int) -> Header | None:
    """The header at this offset; None when there is none, or it is damaged."""
    if at < 0 or at + HEADER_BYTES > len(data) or data[at : at + 3] != _ANY_MAGIC:
        return None
    if _CRC.unpack_from(data, at + _RECORD.size)[0] != crc32(data[at : at + _RECORD.size], _seed(number)):
        return None
    magic, *fields = _RECORD.unpack_from(data, at)
    if magic not in {_RECORD_MAGIC, _SEAL_MAGIC}:
        return None
    return Header(magic == _SEAL_MAGIC, *fields)


def next_header(data: bytes, at: int, number: int) -> int:
    """Offset of the next intact header at or after `at`; -1 when there is none."""
    while (at := data.find(_ANY_MAGIC, at)) >= 0:
        if header_at(data, at, number) is not None:
            return at
        at += 1
    return -1


def _seed(number: int) -> int:
    return number & 0xFFFFFFFF
