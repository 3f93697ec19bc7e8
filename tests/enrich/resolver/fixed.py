"""Books that are in force from given moments on."""

import numpy as np

from meshtrail.enrich.resolver.book import Book
from meshtrail.enrich.resolver.books import Periods


class Fixed:
    """Books by the moments from which on they are in force; one alone has always been."""

    def __init__(self, *books: Book | None, starts: tuple[int, ...] = (0,)) -> None:
        self._books = books
        self.starts = np.array(starts, dtype=np.int64)

    def between(self, first: int, last: int) -> Periods:
        """All of them, whatever is asked."""
        return self

    def book(self, number: int) -> Book | None:
        """One of them."""
        return self._books[number]
