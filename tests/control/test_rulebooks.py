"""Books of rules are made once for each revision, those of the past with measure."""

import numpy as np
import pytest

from meshtrail.control import rulebooks
from meshtrail.control.directories import Directories
from meshtrail.control.rulebooks import Rulebooks
from meshtrail.control.service import Control
from meshtrail.enrich.resolver.books import NO_BOOKS
from meshtrail.enrich.resolver.limits import PAST_BOOKS_BURST_S, PAST_BOOKS_SHARE_MAX
from tests.control.organisation import Clock, Organisation, rule


class Watch:
    """Seconds that the test lets pass; every look at it takes some."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self._step = 0.0, step

    def __call__(self) -> float:
        """Now."""
        self.now += self._step
        return self.now


@pytest.fixture
def moments(organisation: Organisation, clock: Clock) -> list[int]:
    """Six moments at which a policy was made."""
    staff = organisation.group("Staff")
    found = []
    for number in range(6):
        clock.now += 1_000_000
        organisation.policy(rule(staff, staff, ports=(number + 1,)), name=f"policy {number}")
        found.append(clock.now)
    return found


def test_present_and_past(organisation: Organisation, moments: list[int]) -> None:
    """A stretch of time has the book of its beginning and one for each change; the present needs no look into the past."""
    books = Rulebooks(organisation.control.snapshots, Watch()).of(organisation.snapshot)
    now = books.between(moments[-1], moments[-1] + 10**9)
    assert now.starts.tolist() == [moments[-1]]
    book = now.book(0)
    assert book is not None
    assert len(book.lines) == 6
    stretch = books.between(moments[2] + 5, moments[4])
    assert stretch.starts.tolist() == moments[2:5]
    assert [len(found.lines) for number in range(3) if (found := stretch.book(number)) is not None] == [3, 4, 5]
    assert stretch.book(0) is stretch.book(0)


def test_a_new_present_is_the_next_ones_past(organisation: Organisation, moments: list[int], clock: Clock) -> None:
    """The book of a revision is made once, as present or as past."""
    kept = Rulebooks(organisation.control.snapshots, Watch())
    before = kept.of(organisation.snapshot).between(moments[-1], moments[-1]).book(0)
    clock.now += 1_000_000
    organisation.group("More")
    later = kept.of(organisation.snapshot).between(moments[-1], clock.now)
    assert later.book(0) is before
    assert later.book(1) is not before


def test_an_organisation_without_changes_has_none(control: Control, clock: Clock) -> None:
    """Nothing is known of it."""
    snapshot = control.snapshot(control.add_organisation("new"))
    books = Rulebooks(control.snapshots).of(snapshot)
    assert snapshot.revision is None
    assert books is NO_BOOKS
    assert np.array_equal(books.between(0, clock.now).starts, np.zeros(0))


def test_the_past_has_its_measure(organisation: Organisation, moments: list[int]) -> None:
    """When books of the past took their part of the time, no more are made until time has passed; known ones and the present are."""
    watch = Watch(PAST_BOOKS_BURST_S / 2)
    kept = Rulebooks(organisation.control.snapshots, watch)
    stretch = kept.of(organisation.snapshot).between(moments[0], moments[-1])
    made = [stretch.book(number) is not None for number in range(5)]
    assert made[0]
    assert made.count(True) < 5
    assert stretch.book(0) is not None
    assert stretch.book(5) is not None
    watch.now += PAST_BOOKS_BURST_S / PAST_BOOKS_SHARE_MAX
    assert stretch.book(made.index(False)) is not None


def test_books_are_bounded(organisation: Organisation, moments: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was not used for the longest time goes."""
    monkeypatch.setattr(rulebooks, "BOOKS_MAX", 2)
    kept = Rulebooks(organisation.control.snapshots, Watch())
    stretch = kept.of(organisation.snapshot).between(moments[0], moments[-1])
    first, second = stretch.book(0), stretch.book(1)
    assert stretch.book(0) is first
    assert stretch.book(2) is not None
    assert stretch.book(0) is first
    assert stretch.book(1) is not second


def test_directories_lead_to_books(organisation: Organisation, moments: list[int]) -> None:
    """A batch's directory has the books of its organisation."""
    directory = Directories(organisation.control).get(organisation.id)
    assert directory.books.between(moments[-1], moments[-1]).book(0) is not None
