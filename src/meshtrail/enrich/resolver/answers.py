"""What the rules say of a connection, beside what the network did with it. Pure.

A connection that was let in was let in by an accept, one that was denied by a drop; where the rules say otherwise they were not
what decided, and nothing is said. Where rules are tried in order the first one decided; else several are candidates.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from meshtrail.enrich.resolver.book import Book
from meshtrail.model.enums import Verdict


class Found(IntEnum):
    """What was found out."""

    nothing = 0
    rule = 1
    candidates = 2
    default_deny = 3
    default_allow = 4


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found of each question."""

    found: np.ndarray
    """`Found`."""
    rule: np.ndarray
    """Number of the rule that decided, or of the first candidate; -1: none."""
    accept: np.ndarray
    """Whether the rule, or the candidates, let in."""


def answer(book: Book, sources: np.ndarray, destinations: np.ndarray, kinds: np.ndarray, verdicts: np.ndarray) -> Answers:
    """The answers to questions."""
    matches = book.matches(sources, destinations, kinds)
    default, certain = book.defaults[destinations], ~book.doubtful[destinations]
    allowed, denied = verdicts == Verdict.allowed, verdicts == Verdict.denied
    by_drop = matches.drop >= 0
    by_accept = (matches.accept >= 0) & ~(by_drop & certain)
    drop, accept = by_drop & ~allowed, by_accept & ~denied & ~(by_drop & ~allowed)
    rule = np.where(drop, matches.drop, np.where(accept, matches.accept, -1))
    several = np.where(drop, matches.drops, matches.accepts) & ~book.ordered[destinations]
    open_question = (rule < 0) & ~(certain & (by_drop | by_accept))
    deny = open_question & (default & 2 > 0) & ~allowed & ~((default & 1 > 0) & ~denied)
    allow = open_question & (default & 1 > 0) & ~denied & ~((default & 2 > 0) & ~allowed)
    found = np.select(
        [(rule >= 0) & (several | ~certain), rule >= 0, deny, allow],
        [Found.candidates, Found.rule, Found.default_deny, Found.default_allow],
        Found.nothing,
    )
    return Answers(found.astype(np.int8), rule, accept)
