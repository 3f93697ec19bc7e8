"""Makes sense of the segments that a former process left behind.

A segment with a seal was ended in order. Any other is looked through: what stands behind its last intact record was being
written when the process or the machine ended; it is cut off and counted, and the segment is sealed.
"""

import contextlib
import os
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

from meshtrail.agent import limits
from meshtrail.agent.spool import form
from meshtrail.agent.spool.files import Folder, Segment


@dataclass(slots=True)
class Survey:
    """What a look through a segment without a seal found."""

    end: int = 0
    """Where the last intact record ends."""
    rows: int = 0
    """Lines up to there, and those that a header behind it tells of."""
    first_us: int = 0
    last_us: int = 0
    torn: bool = False
    """Whether something stands behind of which nothing is known."""


def survey(data: bytes, number: int) -> Survey:
    """Look through a whole segment."""
    found = Survey(form.FILE_HEADER_BYTES)
    at = form.FILE_HEADER_BYTES
    while 0 <= at < len(data):
        header = form.header_at(data, at, number)
        if header is None:
            found.torn = True
            at = form.next_header(data, at + 1, number)
            continue
        end = at + form.HEADER_BYTES + header.size
        found.rows = max(found.rows, header.row + header.rows)
        if end <= len(data) and crc32(data[at + form.HEADER_BYTES : end]) == header.checksum:
            found.first_us = found.first_us or header.at_us
            found.end, found.last_us, found.torn = end, header.at_us, header.seal and bool(header.raw)
        if header.seal:
            break
        at = end
    return found


def load(folder: Folder, number: int, now_us: int, now_s: float) -> tuple[Segment, bool]:
    """A segment as it was left, and whether its end was torn. OSError when it cannot be read."""
    path = folder.file(number)
    opened = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        known = os.fstat(opened)
        size = min(known.st_size, limits.SPOOL_FILE_BYTES_MAX)
        head = os.pread(opened, form.FILE_HEADER_BYTES, 0)
        header = form.read_file_header(head)
        changed_us = known.st_mtime_ns // 1_000
        segment = Segment(number, path, _stand_in(head, number), changed_us, changed_us, max(size, form.FILE_HEADER_BYTES))
        if header is not None:
            segment.name, segment.first_us = header.name, header.created_us
            segment.readable = header.version == form.VERSION
        torn = segment.readable and _ending(opened, segment, size)
    finally:
        os.close(opened)
    segment.written_s = now_s - max(0, now_us - segment.last_us) / 1_000_000
    return segment, torn


def _ending(opened: int, segment: Segment, size: int) -> bool:
    """Find out what the segment holds; whether its end was torn."""
    last = form.header_at(os.pread(opened, form.SEAL_BYTES, size - form.SEAL_BYTES), 0, segment.number) if size >= form.SEAL_BYTES else None
    if last is not None and last.seal:
        segment.rows, segment.last_us, segment.torn = last.row, last.at_us, bool(last.raw)
        return False
    found = survey(os.pread(opened, size, 0), segment.number)
    segment.rows, segment.torn = found.rows, found.torn
    if found.last_us:
        segment.last_us = found.last_us
    with contextlib.suppress(OSError):  # a full disk: the segment is looked through again the next time
        os.ftruncate(opened, found.end)
        mark = form.seal(segment.number, found.rows, segment.last_us, torn=found.torn)
        if os.pwrite(opened, mark, found.end) == len(mark):
            segment.end = found.end + len(mark)
    return found.end < size


def _stand_in(head: bytes, number: int) -> bytes:
    """A name for a segment whose own cannot be read, the same each time."""
    return blake2b(head, digest_size=8, salt=number.to_bytes(16, "little")[:16]).digest()
