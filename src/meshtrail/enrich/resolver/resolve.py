"""Fills the columns of a batch that say which rule decided. What a sender said of a rule stays."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from meshtrail.enrich.resolver import fill, metrics
from meshtrail.enrich.resolver.answers import Found, answer
from meshtrail.enrich.resolver.book import Book, Labels
from meshtrail.enrich.resolver.books import Books
from meshtrail.enrich.resolver.connections import Connections, Questions
from meshtrail.enrich.resolver.material import Line
from meshtrail.model.enums import Attribution

_ATTRIBUTIONS = np.array(
    [Attribution.none, Attribution.resolved, Attribution.ambiguous, Attribution.default_deny, Attribution.default_allow], dtype=np.int8
)
"""By what was found (`Found`)."""


def resolve(table: pa.Table, books: Books) -> pa.Table:
    """The batch with the rules of its connections."""
    connections = Connections.of(table)
    if not len(connections.rows):
        return table
    started = connections.started_at
    periods = books.between(int(started.min()), int(started.max()))
    said = _Said(table.num_rows)
    for number, part in _by_period(connections, started, periods.starts):
        book = periods.book(number) if number >= 0 else None
        if book is None:
            metrics.SKIPPED.labels("unknown_past" if number < 0 else "busy").inc(len(part.rows))
        else:
            said.add(book, part, part.questions(book))
    return said.written(table)


def _by_period(connections: Connections, started: np.ndarray, starts: np.ndarray) -> Iterator[tuple[int, Connections]]:
    """The connections of each period by the period's number; -1 is before all of them."""
    if len(starts) == 1 and started.min() >= starts[0]:
        yield 0, connections
        return
    of_period = np.searchsorted(starts, started, "right") - 1
    for number in np.unique(of_period):
        yield int(number), connections.taken(np.flatnonzero(of_period == number))


class _Said:
    """What is said of each row of a batch."""

    def __init__(self, rows: int) -> None:
        self._found = np.zeros(rows, dtype=np.int8)
        self._policies = np.full(rows, -1, dtype=np.int32)
        self._rules = np.full(rows, -1, dtype=np.int32)
        self._several = np.full(rows, -1, dtype=np.int32)
        self._lists: list[tuple[str, ...]] = []
        self._lines: tuple[Line, ...] = ()
        self._labels: Labels | None = None

    def add(self, book: Book, connections: Connections, questions: Questions) -> None:
        """What a book says."""
        rows = connections.rows[questions.rows]
        answers = answer(book, questions.sources, questions.destinations, questions.kinds, questions.verdicts)
        self._found[rows] = answers.found
        first = len(self._lines)
        self._lines = self._lines + book.lines if first else book.lines
        self._labels = None if first else book.labels
        sure = answers.found == Found.rule
        self._policies[rows[sure]] = self._rules[rows[sure]] = answers.rule[sure] + first
        for found, count in enumerate(np.bincount(answers.found, minlength=len(Found))):
            metrics.RESOLVED.labels(Found(found).name).inc(int(count))
        metrics.RESOLVED.labels(Found.nothing.name).inc(len(connections.rows) - len(rows))
        some = np.flatnonzero(answers.found == Found.candidates)
        if len(some):
            self._add_candidates(book, first, rows[some], questions.taken(some), answers.accept[some])

    def _add_candidates(self, book: Book, first: int, rows: np.ndarray, questions: Questions, accept: np.ndarray) -> None:
        """Candidates of one policy say which policy it was."""
        asked = pa.array(book.numbered(questions.sources, questions.destinations, questions.kinds) * 2 + accept).dictionary_encode()
        which = np.asarray(asked.indices)
        found = [book.candidates(number >> 1, accept=bool(number & 1)) for number in asked.dictionary.to_pylist()]
        self._several[rows] = which + len(self._lists)
        self._lists += [each.rule_ids for each in found]
        self._policies[rows] = np.array([each.first + first if each.one_policy else -1 for each in found])[which]
        self._found[rows[self._policies[rows] >= 0]] = Found.rule

    def written(self, table: pa.Table) -> pa.Table:
        """The batch with it."""
        if not self._found.any():
            return table
        labels = self._labels or Labels.of(self._lines)
        table = fill.texts(table, "policy_id", self._policies, labels.policy_ids)
        table = fill.texts(table, "policy_name", self._policies, labels.policy_names)
        table = fill.texts(table, "rule_id", self._rules, labels.rule_ids)
        table = fill.numbers(table, "policy_version", self._policies, labels.versions)
        table = fill.values(table, "attribution", pa.array(_ATTRIBUTIONS[self._found]), self._found > 0)
        return fill.lists(table, "rule_candidates", self._several, self._lists) if self._lists else table
