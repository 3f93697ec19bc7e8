"""The resolver's books in memory: one for each revision of an organisation that is asked for, the newest first made.

The book of the present is always made. Those of the past are made as long as that takes a small part of the time: a sender with
events of a thousand revisions must not keep the others waiting.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from meshtrail.control.history import Revision
from meshtrail.control.inventory import Snapshot
from meshtrail.control.material import material_of
from meshtrail.control.snapshots import Snapshots
from meshtrail.enrich.resolver.book import Book
from meshtrail.enrich.resolver.books import NO_BOOKS, Books, Periods
from meshtrail.enrich.resolver.limits import BOOKS_MAX, PAST_BOOKS_BURST_S, PAST_BOOKS_SHARE_MAX, REVISIONS_PER_BATCH_MAX


class Rulebooks:
    """Books over the control store. Thread-safe."""

    def __init__(self, snapshots: Snapshots, clock: Callable[[], float] = time.monotonic) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Book] = OrderedDict()
        self._left_s = PAST_BOOKS_BURST_S
        self._counted_at = clock()

    def of(self, snapshot: Snapshot) -> Books:
        """The books of an organisation whose present is this snapshot."""
        return NO_BOOKS if snapshot.revision is None else _OfOne(self, snapshot, snapshot.revision)

    def present(self, snapshot: Snapshot, revision: Revision) -> Book:
        """The book of the present."""
        with self._lock:
            return self._kept_book(snapshot.org_id, revision.number) or self._make(snapshot, revision.number)

    def past(self, org_id: str, revision: Revision) -> Book | None:
        """The book of a revision; None: there is no time to make it."""
        with self._lock:
            found = self._kept_book(org_id, revision.number)
            if found is not None:
                return found
            begun = self._clock()
            self._left_s = min(PAST_BOOKS_BURST_S, self._left_s + (begun - self._counted_at) * PAST_BOOKS_SHARE_MAX)
            self._counted_at = begun
            if self._left_s <= 0:
                return None
            book = self._make(self._snapshots.at(org_id, revision.number), revision.number)
            self._left_s -= self._clock() - begun
            return book

    def between(self, org_id: str, first: int, last: int) -> list[Revision]:
        """The revisions from one moment to another."""
        return self._snapshots.revisions(org_id, first, last, REVISIONS_PER_BATCH_MAX)

    def _kept_book(self, org_id: str, revision: int) -> Book | None:
        found = self._kept.get((org_id, revision))
        if found is not None:
            self._kept.move_to_end((org_id, revision))
        return found

    def _make(self, snapshot: Snapshot, revision: int) -> Book:
        book = self._kept[snapshot.org_id, revision] = Book(material_of(snapshot))
        while len(self._kept) > BOOKS_MAX:
            self._kept.popitem(last=False)
        return book


class _OfOne:
    """The books of one organisation."""

    def __init__(self, books: Rulebooks, snapshot: Snapshot, revision: Revision) -> None:
        self._books, self._snapshot, self._revision = books, snapshot, revision

    def between(self, first: int, last: int) -> Periods:
        """See `Books.between`."""
        if first >= self._revision.at:
            return _Stretch(self._books, self._snapshot, [self._revision], self._revision)
        found = [each for each in self._books.between(self._snapshot.org_id, first, last) if each.number <= self._revision.number]
        return _Stretch(self._books, self._snapshot, found, self._revision)


class _Stretch:
    """Some of them, one after another."""

    def __init__(self, books: Rulebooks, snapshot: Snapshot, revisions: list[Revision], present: Revision) -> None:
        self._books, self._snapshot, self._revisions, self._present = books, snapshot, revisions, present
        self.starts = np.array([revision.at for revision in revisions], dtype=np.int64)

    def book(self, number: int) -> Book | None:
        """See `Periods.book`."""
        wanted = self._revisions[number]
        if wanted == self._present:
            return self._books.present(self._snapshot, wanted)
        return self._books.past(self._snapshot.org_id, wanted)
