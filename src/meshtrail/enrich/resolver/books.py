"""From a moment to the book that was in force."""

from typing import Protocol

import numpy as np

from meshtrail.enrich.resolver.book import Book


class Periods(Protocol):
    """A stretch of time in which one or several books were in force, one after another."""

    starts: np.ndarray
    """When each came into force (microseconds), in order. Before the first one nothing is known."""

    def book(self, number: int) -> Book | None:
        """The book that came into force at that start; None: not now, it would take too long."""


class Books(Protocol):
    """The books of one organisation. Thread-safe."""

    def between(self, first: int, last: int) -> Periods:
        """The books from one moment to another (microseconds)."""
        ...


class _NoPeriods:
    starts = np.zeros(0, dtype=np.int64)

    def book(self, number: int) -> None:
        """There is none."""


class NoBooks:
    """Of organisations without rules of their own, and for tests that need none."""

    def between(self, first: int, last: int) -> Periods:
        """Nothing is known."""
        return _NoPeriods()


NO_BOOKS = NoBooks()
