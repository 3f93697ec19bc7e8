"""The spool's folder: segments as files, and the lock that keeps a second agent out.

Everything here raises OSError; what to do about it is the spool's business. Files are readable for their owner only: they
tell who reached what.
"""

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path

from meshtrail.agent.spool import form
from meshtrail.agent.spool.state import Place, StateFile

_NAME = re.compile(r"(\d{16})\.segment")
_WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class SpoolLockedError(OSError):
    """Another agent uses the folder."""


@dataclass(slots=True, eq=False)
class Segment:
    """One file. `end` is where its records and its seal end: what stands behind was never completed."""

    number: int
    path: Path
    name: bytes
    first_us: int
    last_us: int
    """Time of the last line; when the end is missing, of the file's last change, which is not before it."""
    end: int = form.FILE_HEADER_BYTES
    rows: int = 0
    """Lines put into it, also those that are damaged."""
    torn: bool = False
    """Whether an unknown number of lines is missing at its end."""
    readable: bool = True
    """False: another version wrote it."""
    synced: int = 0
    """Bytes that are on the disk for certain."""
    written_s: float = 0.0
    """When it was written last, on the monotonic clock; a clock that is set does not make it older."""

    @property
    def start(self) -> Place:
        """Its first record."""
        return Place(self.number, form.FILE_HEADER_BYTES, 0, self.first_us)


class ActiveSegment:
    """The segment that is being written."""

    def __init__(self, folder: Path, number: int, now_us: int) -> None:
        self.segment = Segment(number, folder / f"{number:016d}.segment", os.urandom(8), now_us, now_us)
        self._file = os.open(self.segment.path, _WRITE, 0o600)
        try:
            self._write(form.file_header(self.segment.name, now_us), 0)
        except OSError:
            self.close()
            self.segment.path.unlink(missing_ok=True)
            raise

    def append(self, payload: bytes, rows: int, raw: int, at_us: int) -> None:
        """Write a record. After an error the segment is as it was before."""
        segment = self.segment
        data = form.record(segment.number, segment.rows, rows, raw, at_us, payload)
        self._write(data, segment.end)
        segment.end += len(data)
        segment.rows += rows
        segment.last_us = at_us

    def seal(self) -> None:
        """Write the end."""
        segment = self.segment
        self._write(form.seal(segment.number, segment.rows, segment.last_us), segment.end)
        segment.end += form.SEAL_BYTES

    def _write(self, data: bytes, at: int) -> None:
        """One write; the rest only when the kernel took a part. At a place and not at the end, so that a failed one is written
        over by the next."""
        try:
            done = os.pwrite(self._file, data, at)
            while done < len(data):
                done += os.pwrite(self._file, data[done:], at + done)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, at)
            raise

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._file)


class Folder:
    """The folder while it is ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take_lock()
            self.state = StateFile(path / "state")
        except BaseException:
            os.close(self._lock)
            raise

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = (
                f"The folder {self.path} is used by another agent.\nStop that one, or give this one a folder of its own (--state-dir)."
            )
            raise SpoolLockedError(message) from None

    def numbers(self) -> list[int]:
        """The numbers of all segments, oldest first."""
        names = (_NAME.fullmatch(name) for name in os.listdir(self.path))
        return sorted(int(name[1]) for name in names if name is not None)

    def file(self, number: int) -> Path:
        """Path of a segment."""
        return self.path / f"{number:016d}.segment"

    def remove(self, number: int) -> None:
        """Delete a segment's file."""
        self.file(number).unlink(missing_ok=True)

    def sync(self, path: Path | None = None) -> None:
        """Bring a file's data to the disk; without one, the folder's list of files. A file that is gone needs nothing."""
        try:
            opened = os.open(path or self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            (os.fdatasync if path else os.fsync)(opened)
        finally:
            os.close(opened)

    def close(self) -> None:
        """Give the folder back."""
        self.state.close()
        os.close(self._lock)
