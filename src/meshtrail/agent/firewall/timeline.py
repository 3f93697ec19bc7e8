"""What a name meant at a time. Pure."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall import limits

Name = TypeVar("Name", bound=Hashable)
Meaning = tuple[int, Decision]
"""From when on, microseconds since the epoch; and what."""


class Timeline(Generic[Name]):
    """The meanings of names, each from one moment until the next of the same name. One thread writes; others may read, and
    find what was there before or after."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._meanings: dict[Name, tuple[Meaning, ...]] = {}
        self._order: dict[tuple[Name, int], None] = {}
        """Oldest first."""
        self.forgotten = 0
        """Meanings that had to make room."""

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[tuple[Name, int, Decision]]:
        """All meanings, oldest first."""
        for name, since_us in self._order:
            yield name, since_us, next(decision for since, decision in self._meanings[name] if since == since_us)

    def now(self, name: Name) -> Decision | None:
        """The newest meaning."""
        meanings = self._meanings.get(name)
        return meanings[-1][1] if meanings else None

    def add(self, name: Name, since_us: int, decision: Decision) -> None:
        """A name means something else from now on. A clock that went back moves nothing before the last change."""
        before = self._meanings.get(name, ())
        since_us = max(since_us, before[-1][0] + 1) if before else since_us
        self._meanings[name] = (*before, (since_us, decision))
        self._order[name, since_us] = None
        if len(self._order) > self._most:
            self._forget()

    def at(self, name: Name, at_us: int, now_us: int | None = None) -> Decision | None:
        """What a name meant; None: nothing yet, or it is not known any more. A clock that reads less than at the last change went
        back since: then times before and after cannot be told apart, and the newest meaning is the likeliest."""
        meanings = self._meanings.get(name)
        if meanings is None:
            return None
        newest_us, newest = meanings[-1]
        if now_us is not None and now_us + limits.MEANING_SLACK_US < newest_us:
            return newest
        for since_us, decision in reversed(meanings):
            if since_us <= at_us:
                return decision
        first_us, first = meanings[0]
        return first if at_us >= first_us - limits.MEANING_SLACK_US else None

    def _forget(self) -> None:
        """The oldest meaning that another one has followed; when there is none, the oldest."""
        found = next((key for key in self._order if self._meanings[key[0]][-1][0] != key[1]), next(iter(self._order)))
        del self._order[found]
        name, since_us = found
        rest = tuple(each for each in self._meanings[name] if each[0] != since_us)
        if rest:
            self._meanings[name] = rest
        else:
            del self._meanings[name]
        self.forgotten += 1
