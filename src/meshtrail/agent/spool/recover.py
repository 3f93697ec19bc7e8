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
            found.end, found.last_us, found.torn = end, header.at_us, header.seal and bool(header.raw)
        if header.seal:
            break
        at = end
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a segment from elsewhere."""

    rows_min: int = 0
    """It had so many lines at least."""
    end_min: int = 0
    """It was so long at least: a shorter one has lost its end, and with it the word whether more was missing before."""
    since_us: int = 0
    """Nothing in it is older; 0 when that is not known."""
    alive_us: int = 0
    """The agent was alive then: what is missing may be as new as this."""
    newest: bool = True
    """Only the newest may be without a seal."""


def load(folder: Folder, number: int, now_us: int, now_s: float, known: Known) -> tuple[Segment, bool]:
    """A segment as it was left, and whether its end is missing. OSError when it cannot be read."""
    path = folder.file(number)
    opened = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        status = os.fstat(opened)
        size = min(status.st_size, limits.SPOOL_FILE_BYTES_MAX)
        head = os.pread(opened, form.FILE_HEADER_BYTES, 0)
        header = form.read_file_header(head)
        changed_us = status.st_mtime_ns // 1_000
        first_us = known.since_us or changed_us
        segment = Segment(number, path, _stand_in(head, number), first_us, changed_us, max(size, form.FILE_HEADER_BYTES))
        if header is not None:
            segment.name, segment.first_us = header.name, header.created_us
            segment.readable = header.version == form.VERSION
        torn = segment.readable and not _is_sealed(opened, segment) and _seal(opened, segment, known)
    finally:
        os.close(opened)
    segment.written_s = now_s - max(0, now_us - segment.last_us) / 1_000_000
    return segment, torn


def _is_sealed(opened: int, segment: Segment) -> bool:
    """Take what the seal says, if there is one."""
    at = segment.end - form.SEAL_BYTES
    last = form.header_at(os.pread(opened, form.SEAL_BYTES, at), 0, segment.number) if at >= form.FILE_HEADER_BYTES else None
    if last is None or not last.seal:
        return False
    segment.rows, segment.last_us, segment.torn = last.row, last.at_us, bool(last.raw)
    return True


def _seal(opened: int, segment: Segment, known: Known) -> bool:
    """Look through a segment, cut off what was never completed, and seal it; whether something is missing."""
    found = survey(os.pread(opened, segment.end, 0), segment.number)
    cut = found.end < segment.end and segment.end > form.FILE_HEADER_BYTES
    segment.rows = max(found.rows, known.rows_min)
    segment.torn = found.torn or found.rows < known.rows_min or segment.end < known.end_min or not known.newest
    if not cut and not segment.torn:
        segment.last_us = found.last_us or segment.first_us
    else:
        segment.last_us = max(segment.last_us, known.alive_us)
    with contextlib.suppress(OSError):  # a full disk: the segment is looked through again the next time
        os.ftruncate(opened, found.end)
        mark = form.seal(segment.number, segment.rows, segment.last_us, torn=segment.torn)
        if os.pwrite(opened, mark, found.end) == len(mark):
            segment.end = found.end + len(mark)
    return cut or segment.torn


def _stand_in(head: bytes, number: int) -> bytes:
    """A name for a segment whose own cannot be read, the same each time."""
    return blake2b(head, digest_size=8, salt=number.to_bytes(16, "little")[:16]).digest()
