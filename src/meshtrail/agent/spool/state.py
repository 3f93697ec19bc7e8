"""What the spool remembers besides the reports, in a small file that is never half written.

The file has two slots. The state is written over one of them in place, which needs no room on the disk and no renaming; the
other one keeps the state of before. A slot holds its sequence number and a checksum: the valid one with the larger number
counts. The slot that was synced last is not written before the other is synced, so that a power cut leaves one of them.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

import msgspec

_MAGIC = b"MTSTATE1"
_HEADER = Struct("<8sQII")
SLOT_BYTES = 32 * 1024
"""Room for a state with as many gaps and dropped segments as the limits allow."""


class Place(NamedTuple):
    """Where something begins or ends: segment, offset, number of the line in the segment, time of the record before."""

    number: int
    offset: int
    row: int = 0
    at_us: int = 0


class Gap(msgspec.Struct):
    """Reports that are lost."""

    cause: str
    since_us: int
    until_us: int
    lost: int | None
    id: str
    """Stays the same through restarts, so that the server recognises the gap when it comes again."""


GapLine = Callable[[Gap], bytes]
"""Writes a gap as a line to send."""


class State(msgspec.Struct):
    """The content of the file."""

    place: Place
    """All before is acknowledged or lost."""
    written: Place
    """Up to here the newest segment had been written: if it is shorter now, something is missing."""
    alive_us: int
    """The agent's last sign of life."""
    gaps: list[Gap] = []
    """Lost reports that the server has not been told of."""
    dropped: tuple[int, int] = (0, 0)
    """First and last of the segments behind the place that are lost, and whose files have gone or are about to."""


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(State)


class StateFile:
    """The file. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._sequence = 0
        self._synced_slot = self._written_slot = 0
        self.found: State | None = None
        """The state at the time of opening."""
        self.damaged_us = 0
        """Last change of a file in which no state was readable; 0 when there was one, or no file."""
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        known = os.fstat(self._file)
        slots = [_slot(os.pread(self._file, SLOT_BYTES, number * SLOT_BYTES)) for number in (0, 1)]
        found = max(((slot[0], number) for number, slot in enumerate(slots) if slot is not None), default=None)
        if found is not None:
            self._sequence, self._written_slot = found
            self._synced_slot = self._written_slot
            newest = slots[self._written_slot]
            assert newest is not None
            self.found = newest[1]
        elif known.st_size:
            self.damaged_us = known.st_mtime_ns // 1_000
        if known.st_size < 2 * SLOT_BYTES:
            os.posix_fallocate(self._file, 0, 2 * SLOT_BYTES)

    def save(self, state: State) -> None:
        """Write the state; it survives the process, and with `sync` also the machine."""
        content = _encode(state)
        if len(content) > SLOT_BYTES - _HEADER.size:
            raise OSError(f"a state of {len(content)} bytes does not fit its slot")
        with self._lock:
            sequence, slot = self._sequence + 1, 1 - self._synced_slot
            head = _HEADER.pack(_MAGIC, sequence, len(content), crc32(content, sequence & 0xFFFFFFFF))
            os.pwrite(self._file, head + content, slot * SLOT_BYTES)
            self._sequence, self._written_slot = sequence, slot

    def sync(self) -> None:
        """Bring the state to the disk. A state saved meanwhile is left to the next sync."""
        with self._lock:
            sequence = self._sequence
        os.fdatasync(self._file)
        with self._lock:
            if self._sequence == sequence:
                self._synced_slot = self._written_slot

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._file)


def _slot(data: bytes) -> tuple[int, State] | None:
    """Sequence number and state of a slot; None when it is empty or damaged."""
    if len(data) < _HEADER.size:
        return None
    magic, sequence, size, checksum = _HEADER.unpack_from(data)
    content = data[_HEADER.size : _HEADER.size + size]
    if magic != _MAGIC or len(content) != size or crc32(content, sequence & 0xFFFFFFFF) != checksum:
        return None
    try:
        return sequence, _decoder.decode(content)
    except msgspec.MsgspecError:
        return None
