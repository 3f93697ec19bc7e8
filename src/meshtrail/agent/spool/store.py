"""The segments on disk: what is written, read, acknowledged, and dropped. For one thread at a time.

*Place*: up to here all is acknowledged. *Cursor*: up to here all has been read; between the two is the batch on its way, always
within one segment, which is *pinned* so long.
"""

import contextlib
import errno
from collections import deque
from copy import copy

from meshtrail.agent import limits
from meshtrail.agent.spool import form
from meshtrail.agent.spool.bounds import Bounds, Counters
from meshtrail.agent.spool.files import ActiveSegment, Folder, Segment
from meshtrail.agent.spool.losses import Losses
from meshtrail.agent.spool.memory import Chunk
from meshtrail.agent.spool.recover import Known, load
from meshtrail.agent.spool.state import Place, State

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Store:
    """The disk's side of the spool."""

    def __init__(self, folder: Folder, bounds: Bounds, losses: Losses, counters: Counters, now_us: int, now_s: float) -> None:
        self.folder = folder
        self._bounds, self._losses, self._counters = bounds, losses, counters
        self.segments: deque[Segment] = deque()
        self.active: ActiveSegment | None = None
        self._active_since_s = 0.0
        self.pinned: int | None = None
        self.gone: list[int] = []
        """Segments that are acknowledged or lost, and whose files stay until the state that says so is on the disk."""
        self.dropped = (0, 0)
        """First and last of those that are lost, while older ones are still there."""
        self._mark = self.place = self.cursor = self.written = Place(0, 0)
        self._next = 1
        self._resume(now_us, now_s)

    def _resume(self, now_us: int, now_s: float) -> None:
        found = self.folder.state.found
        numbers = self.folder.numbers()
        if found is not None:
            self.place, self.written, self.dropped = found.place, found.written, found.dropped
        for number in numbers:
            if number < self.place.number or self.dropped[0] <= number <= self.dropped[1]:
                self.gone.append(number)
            else:
                self.segments.append(self._loaded(number, now_us, now_s, newest=number == numbers[-1]))
        self._next = max([self.place.number, self.written.number + 1, *(number + 1 for number in numbers)])
        if found is not None:
            self._losses.resume(found.gaps)
            self._miss(found)
        else:
            self._forget(self.folder.state.damaged_us)
            self.place = self.place if self.segments else _start(1, now_us)
        self.written = max([self.written, *(Place(each.number, each.end, each.rows) for each in self.segments)])
        self.collect()

    def _forget(self, damaged_us: int) -> None:
        """Nothing is known of losses that had not been told."""
        times = [damaged_us, *(time for each in self.segments for time in (each.first_us, each.last_us))]
        if any(times):
            self._losses.add("unknown", min(filter(None, times)), max(times), None)

    def _loaded(self, number: int, now_us: int, now_s: float, *, newest: bool) -> Segment:
        """A segment of a former process. Only the newest can have been left without a seal."""
        since_us = self.segments[-1].last_us if self.segments else self.place.at_us
        written = self.written if number == self.written.number else Place(number, 0)
        alive_us = self.folder.state.found.alive_us if self.folder.state.found is not None else 0
        known = Known(written.row, written.offset, since_us, alive_us, newest)
        try:
            segment, torn = load(self.folder, number, now_us, now_s, known)
        except OSError:
            return Segment(number, self.folder.file(number), number.to_bytes(8, "little"), now_us, now_us, torn=True, written_s=now_s)
        self._counters.torn += torn
        # A clock that was wrong at the start must not cost all that waits, nor a laptop's long holiday: first it may be sent.
        segment.written_s = max(segment.written_s, now_s - max(0.0, self._bounds.age_s_max - limits.SPOOL_AGE_REPRIEVE_S))
        return segment

    def _miss(self, found: State) -> None:
        """Look for files that should be there and are not, or are shorter than what has been acknowledged of them."""
        place, written, there = found.place, found.written, list(self.segments)
        last = max([written.number, *(segment.number for segment in there)])
        dropped = max(0, found.dropped[1] - max(place.number, found.dropped[0]) + 1)
        missing = last - place.number + 1 - dropped - len(there)
        short = False
        if there and there[0].number == place.number and there[0].torn and there[0].end <= place.offset:
            short = len(there) > 1 or written[:2] > place[:2]
        if missing > 0 or short:
            self._counters.corrupt += 1
            until_us = max([place.at_us, found.alive_us, *(segment.last_us for segment in there)])
            self._losses.add("unknown", place.at_us, until_us, None)

    @property
    def rows(self) -> int:
        """Lines not acknowledged."""
        done = self.place.row if self.segments and self.segments[0].number == self.place.number else 0
        return max(0, sum(segment.rows for segment in self.segments) - done)

    @property
    def bytes(self) -> int:
        """Size of all segments."""
        return sum(segment.end for segment in self.segments)

    def write(self, chunk: Chunk, now_s: float) -> None:
        """Append a record; OSError when the disk does not take it."""
        active = self.active
        if active is not None and (active.segment.end >= self._bounds.segment_bytes or self._is_old(now_s)):
            self.end_active()
        if self.active is None:
            self._begin(chunk.at_us, now_s)
        assert self.active is not None
        try:
            self.active.append(chunk.payload, chunk.rows, chunk.raw, chunk.at_us)
        except OSError as error:
            if error.errno not in _FULL:
                with contextlib.suppress(OSError):
                    self.end_active()
            raise
        segment = self.active.segment
        segment.written_s = now_s
        self.written = Place(segment.number, segment.end, segment.rows)

    def _begin(self, now_us: int, now_s: float) -> None:
        """Begin a segment, with room for all of it."""
        while self.bytes + self._bounds.segment_bytes > self._bounds.bytes_max or len(self.segments) >= limits.SPOOL_SEGMENTS_MAX:
            if not self._drop_oldest():
                break
        while self.folder.file(self._next).exists():
            self._next += 1
        self.active = ActiveSegment(self.folder.path, self._next, now_us)
        self._next += 1
        self._active_since_s = self.active.segment.written_s = now_s
        self.segments.append(self.active.segment)
        self.collect()

    def end_active(self) -> None:
        """End the segment that is being written; OSError when there is no room for its seal, and it goes on."""
        if self.active is not None:
            try:
                self.active.seal()
            except OSError as error:
                if error.errno in _FULL:
                    raise
            self._leave_active()

    def _leave_active(self) -> None:
        assert self.active is not None
        segment = self.active.segment
        self.written = Place(segment.number, segment.end, segment.rows)
        self.active.close()
        self.active = None
        self.collect()

    def close(self) -> None:
        """End what is being written."""
        with contextlib.suppress(OSError):  # the newest one may be without a seal
            self.end_active()
        if self.active is not None:
            self._leave_active()

    def _is_old(self, now_s: float) -> bool:
        return now_s - self._active_since_s > limits.SPOOL_SEGMENT_S_MAX

    def tend(self, now_s: float) -> None:
        """Let go of what is too old."""
        if self.active is not None and self._is_old(now_s):
            with contextlib.suppress(OSError):  # it ends when there is room
                self.end_active()
        while (oldest := self._oldest()) is not None and now_s - oldest.written_s > self._bounds.age_s_max:
            if not self._drop_oldest():
                break

    def _oldest(self) -> Segment | None:
        """The oldest segment that may go."""
        writing = self.active.segment if self.active is not None else None
        return next((each for each in self.segments if each is not writing and each.number != self.pinned), None)

    def _drop_oldest(self) -> bool:
        segment = self._oldest()
        if segment is None:
            return False
        begun = self.place if self.place.number == segment.number else segment.start
        lost = max(0, segment.rows - begun.row)
        unknown = segment.torn or not segment.readable
        if lost or unknown:
            self._losses.add("spool_full", begun.at_us or segment.first_us, segment.last_us, None if unknown else lost)
        self._counters.dropped += lost
        self.segments.remove(segment)
        self.gone.append(segment.number)
        self.dropped = (self.dropped[0] if self.dropped[1] > self.place.number else segment.number, segment.number)
        self.collect()
        return True

    def next_unread(self) -> tuple[Segment, Place] | None:
        """A segment with something to read, as it is now, and where to begin; it is pinned."""
        cursor = self.cursor
        for segment in self.segments:
            if segment.number > cursor.number or (segment.number == cursor.number and segment.end > cursor.offset):
                self.pinned = segment.number
                return copy(segment), cursor if segment.number == cursor.number else segment.start
        return None

    def confirm(self, place: Place) -> None:
        """All before is acknowledged, or has nothing to be sent."""
        self.place = place
        self.pinned = None
        self.collect()

    def collect(self) -> None:
        """Let go of the segments that are done with, and move place and cursor to what there is."""
        while self.segments and self._is_done(self.segments[0]):
            number = self.segments.popleft().number
            self.gone.append(number)
            self.place = max(self.place, _start(number + 1, self.place.at_us))
        if self.segments and self.place.number < self.segments[0].number:
            self.place = self.segments[0].start
        self.cursor = max(self.cursor, self.place)

    def _is_done(self, segment: Segment) -> bool:
        if self.active is not None and segment is self.active.segment:
            return False
        if self.place.number != segment.number:
            return self.place.number > segment.number
        return self.place.offset >= segment.end or (self.place.row >= segment.rows and segment.readable and not segment.torn)

    def unsynced(self) -> list[tuple[Segment, int]]:
        """Segments to sync, up to where: when something written before the last call is still not acknowledged."""
        mark, self._mark = self._mark, Place(self.segments[-1].number, self.segments[-1].end) if self.segments else self.place
        if self.place[:2] >= mark[:2]:
            return []
        return [(segment, segment.end) for segment in self.segments if segment.synced < segment.end]

    def trim(self) -> None:
        """Delete what is gone without waiting for the state to be synced, when it keeps the disk full: who syncs it may be stuck."""
        if self.gone and self.bytes + len(self.gone) * self._bounds.segment_bytes > self._bounds.bytes_max:
            self.remove(self.gone)

    def remove(self, numbers: list[int]) -> None:
        """Delete files. One that cannot be deleted is found at the next start."""
        for number in numbers:
            with contextlib.suppress(OSError):
                self.folder.remove(number)
        deleted = set(numbers)
        self.gone = [number for number in self.gone if number not in deleted]


def _start(number: int, at_us: int) -> Place:
    """Where a segment with this number will begin."""
    return Place(number, form.FILE_HEADER_BYTES, 0, at_us)
