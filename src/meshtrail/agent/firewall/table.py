"""Our table in the kernel: put there, compared with what was put there, counted, taken away."""

import copy
import hashlib
import logging
from typing import Any

import msgspec

from meshtrail.agent.firewall import limits, nft, watch
from meshtrail.agent.firewall.nft import NftError, Statement
from meshtrail.agent.firewall.ruleset import COUNTER_DENIED, COUNTER_LOGGED, FAMILY, TABLE, Names, Ruleset, removal

_LOG = logging.getLogger(__name__)
_GONE = "No such file or directory"
_CHANGING = {"handle", "packets", "bytes"}
"""What a listing says that is no part of the rules."""


class Table:
    """The table `inet meshtrail` of this network namespace. For one thread at a time."""

    def __init__(self) -> None:
        self.generation: int | None = None
        """The ruleset's generation in which the table was last seen as it should be."""
        self._loaded: Names | None = None
        self._print = b""
        self._seen = {COUNTER_DENIED: 0, COUNTER_LOGGED: 0}
        self._total = {COUNTER_DENIED: 0, COUNTER_LOGGED: 0}
        self._told = 0

    @property
    def is_loaded(self) -> bool:
        """Whether there should be a table."""
        return self._loaded is not None

    def put(self, ruleset: Ruleset) -> None:
        """Replace the table in one transaction; connections go on, and what was counted stays. `NftError` when the kernel
        refuses, and then nothing has changed."""
        for _ in range(limits.PROGRAM_ATTEMPTS_MAX):
            before = watch.generation()
            self._load(ruleset)
            found = _listed()
            self.generation = watch.generation()
            if self.generation == watch.following(before):
                break
        self._print = _fingerprint(found)

    def _load(self, ruleset: Ruleset) -> None:
        change = ruleset.change_from(self._loaded) if self._loaded is not None else None
        if change is not None:
            try:
                nft.load(change)
            except NftError as error:
                _LOG.warning("a change of the rules did not fit what the kernel has; making the whole table again: %s", error)
            else:
                self._loaded = ruleset.names
                return
        self._count()
        nft.load(ruleset.afresh())
        self._loaded = ruleset.names
        self._seen = dict.fromkeys(self._seen, 0)

    def is_as_put(self) -> bool:
        """Whether the kernel still has what was put there. `NftError` or `OSError` when that cannot be seen."""
        generation = watch.generation()
        try:
            found = _listed()
        except NftError as error:
            if _GONE in str(error):
                return False
            raise
        if _fingerprint(found) != self._print:
            return False
        self.generation = generation
        return True

    def forget(self) -> None:
        """Somebody changed the table: the next one is made as a whole."""
        self._loaded = None

    def remove(self) -> None:
        """Take the table away, whether it is ours or an earlier run's. Tables of others are not touched."""
        self._count()
        nft.load(removal())
        self._loaded = None
        self._seen = dict.fromkeys(self._seen, 0)

    def suppressed(self) -> int:
        """Denials that were not logged, because there were too many, since the last call."""
        self._count()
        total = self._total[COUNTER_DENIED] - self._total[COUNTER_LOGGED]
        new = max(total - self._told, 0)
        self._told += new
        return new

    def logged(self) -> int:
        """All denials that were logged, now."""
        self._count()
        return self._total[COUNTER_LOGGED]

    @property
    def denied(self) -> int:
        """All denials, as of the last look."""
        return self._total[COUNTER_DENIED]

    def _count(self) -> None:
        """Add what the kernel counted since the last look. A counter that is smaller than before began again."""
        if self._loaded is None:
            return
        try:
            found = nft.listed("counters", "table", FAMILY, TABLE)
        except NftError:
            return
        for each in found:
            counter = each.get("counter", {})
            name, packets = counter.get("name"), counter.get("packets")
            if name in self._seen and isinstance(packets, int):
                self._total[name] += packets - self._seen[name] if packets >= self._seen[name] else packets
                self._seen[name] = packets


def _listed() -> list[Statement]:
    return nft.listed("table", FAMILY, TABLE)


def _fingerprint(found: list[Statement]) -> bytes:
    """The same for the same rules."""
    kept = [_without(each) for each in found if "metainfo" not in each]
    return hashlib.sha256(msgspec.json.encode(kept)).digest()


def _without(statement: Statement) -> Statement:
    made: dict[str, Any] = copy.copy(statement)
    for kind, content in made.items():
        if isinstance(content, dict):
            made[kind] = {name: value for name, value in content.items() if name not in _CHANGING}
    return made
