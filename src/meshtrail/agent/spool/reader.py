"""Reads a piece of a segment: as many records as a request takes, past whatever is damaged.

Lines are numbered through a segment, and the number of all is known, so that what is missing between two intact records is
counted even when a header is lost. Damage becomes a gap in the place where the lines were. The gap's name follows from that
place: read again after a restart, it is the same gap.
"""

import errno
import os
import uuid
from dataclasses import dataclass, field
from zlib import crc32

import zstandard

from meshtrail.agent import limits
from meshtrail.agent.spool import form
from meshtrail.agent.spool.files import Segment
from meshtrail.agent.spool.state import Gap, GapLine, Place

_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}
"""Faults that are not the file's."""


@dataclass(slots=True)
class Piece:
    """What was read: texts of lines joined by newlines."""

    end: Place
    texts: list[bytes] = field(default_factory=list)
    payload: bytes = b""
    """The zstd frame of the last text: it can be sent as it is when it is the only one."""
    rows: int = 0
    raw: int = 0
    damages: int = 0
    lost: int = 0
    """Lines that are known to be missing."""
    fault: OSError | None = None
    """Why the file could not be read."""


class Reader:
    """For one thread."""

    def __init__(self, gap_line: GapLine) -> None:
        self._gap_line = gap_line
        self._decompress = zstandard.ZstdDecompressor().decompress

    def read(self, segment: Segment, start: Place, rows_max: int) -> Piece:
        """Read on from a place. A fault of the disk ends the segment, as its end does; OSError for one that passes."""
        piece = Piece(start)
        if segment.readable:
            try:
                data = _content(segment, start.offset)
            except OSError as error:
                if error.errno in _PASSING:
                    raise
                piece.fault = error
            else:
                if self._records(segment, piece, data, rows_max):
                    return piece
        self._finish(segment, piece)
        return piece

    def _records(self, segment: Segment, piece: Piece, data: bytes, rows_max: int) -> bool:
        """Take records. True when the piece is full, False at the end of the segment."""
        at = passed = 0
        base = piece.end.offset
        while at < len(data):
            header = form.header_at(data, at, segment.number)
            if header is None:
                following = form.next_header(data, at + 1, segment.number)
                at = following if following >= 0 else len(data)
                passed += 1
                continue
            if header.seal:
                break
            payload = data[at + form.HEADER_BYTES : at + form.HEADER_BYTES + header.size]
            if piece.texts and (piece.rows + header.rows > rows_max or piece.raw + header.raw > limits.BATCH_BYTES_MAX):
                return True
            at += form.HEADER_BYTES + header.size
            text = self._unpacked(header, payload) if header.row >= piece.end.row else None
            if text is None:
                passed += 1
                continue
            if header.row > piece.end.row:
                self._tell(segment, piece, header.at_us, header.row - piece.end.row)
            piece.damages += passed
            passed = 0
            _take(piece, text, header.rows)
            piece.payload = payload
            piece.end = Place(segment.number, base + at, header.row + header.rows, header.at_us)
        piece.damages += passed
        return False

    def _finish(self, segment: Segment, piece: Piece) -> None:
        """The end of the segment: what has not been seen by now is missing."""
        missing = max(0, segment.rows - piece.end.row)
        uncertain = segment.torn or not segment.readable
        if missing or uncertain:
            piece.damages = max(1, piece.damages)
            self._tell(segment, piece, segment.last_us, None if uncertain else missing)
        piece.end = Place(segment.number, segment.end, max(segment.rows, piece.end.row), segment.last_us)

    def _unpacked(self, header: form.Header, payload: bytes) -> bytes | None:
        """The lines of a record; None when they are damaged."""
        if len(payload) != header.size or crc32(payload) != header.checksum or header.raw > limits.BATCH_BYTES_MAX:
            return None
        try:
            if zstandard.frame_content_size(payload) != header.raw:
                return None
            text: bytes = self._decompress(payload)
        except zstandard.ZstdError:
            return None
        return text if text.count(b"\n") + 1 == header.rows else None

    def _tell(self, segment: Segment, piece: Piece, until_us: int, lost: int | None) -> None:
        name = str(uuid.uuid5(uuid.UUID(bytes=segment.name * 2), str(piece.end.row)))
        since_us = piece.end.at_us or segment.first_us
        piece.lost += lost or 0
        _take(piece, self._gap_line(Gap("unknown", min(since_us, until_us), max(since_us, until_us), lost, name)), 1)


def _take(piece: Piece, text: bytes, rows: int) -> None:
    piece.texts.append(text)
    piece.rows += rows
    piece.raw += len(text) + 1


def _content(segment: Segment, start: int) -> bytes:
    """The rest of a segment. It is read at once: segments are small, and what they hold was written lately or is read on."""
    opened = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(opened, max(0, segment.end - start), start)
    finally:
        os.close(opened)
