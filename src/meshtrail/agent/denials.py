"""Denied packets in, rows to report out: repeated denials of one tuple are one row with a count. Pure.

A denied connection is tried again and again, and each attempt is a packet with nothing new to say. The first is reported at
once; then the row is reported again with its cumulative count, now and then, while denials go on. A row ends after a
silence, or when it has become old. Time comes with the calls: the packets' in microseconds since the epoch, ours in
monotonic seconds, which no change of the clock disturbs.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.netlink.nflog import Logged
from meshtrail.agent.netlink.packet import parse

_VERSION_AND_VARIANT_MASK = 0xF << 76 | 3 << 62
_VERSION_AND_VARIANT = 8 << 76 | 2 << 62


class Denial(NamedTuple):
    """What is one row: a tuple, denied in one place by one rule. Addresses are packed, absent values None."""

    protocol: int
    source: bytes
    destination: bytes
    source_port: int | None
    destination_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    hook: int
    """Netfilter's: 1 to this machine, 2 through it, 3 from it."""
    prefix: bytes
    """The text of the log statement, which names the rule."""
    is_reply: bool
    """Whether the denied packets were answers; source and destination are the connection's all the same."""

    @property
    def reply_source(self) -> bytes:
        """Who would have answered. Nothing is known of a translation, because there is no connection."""
        return self.destination


@dataclass(slots=True)
class Fold:
    """One row. Times with `_us` are microseconds since the epoch, those with `_s` monotonic seconds."""

    denial: Denial
    flow_id: str
    first_us: int
    last_us: int
    began_s: float
    seen_s: float
    uid: int | None = None
    """User of the socket, when the packet was this machine's."""
    count: int = 1
    told: int = 0
    """The count that was reported last."""
    told_us: int = 0
    told_s: float = 0.0


@dataclass(slots=True)
class DenialCounters:
    """What was folded."""

    rows: int = 0
    folded: int = 0
    """Denials that added to the count of a row."""
    updates: int = 0
    """Reports of rows that had been reported before."""
    overflow: int = 0
    """Rows that ended early because there were too many."""
    unreadable: int = 0
    """Logged packets without readable IP addresses."""


class Denials:
    """The rows that may still grow."""

    def __init__(
        self, instance: bytes, *, update_s: float = limits.DENIAL_UPDATE_S, silence_s: float = limits.DENIAL_SILENCE_S,
        life_s: float = limits.DENIAL_LIFE_S, rows_max: int = limits.DENIALS_MAX,
    ) -> None:  # fmt: skip
        self._instance = instance
        self._update_s, self._silence_s, self._life_s, self._rows_max = update_s, silence_s, life_s, rows_max
        self._folds: dict[Denial, Fold] = {}
        """The one denied last stands last."""
        self._grown: dict[Denial, Fold] = {}
        """Those whose count is larger than reported; the one that began to grow first stands first."""
        self._tick_s = 0.0
        self.counters = DenialCounters()

    def __len__(self) -> int:
        return len(self._folds)

    def add(self, packets: list[Logged], now_us: int, now_s: float) -> list[Fold]:
        """Take denied packets; the rows to report now: new ones, and old ones that had to end with something left to say."""
        due: list[Fold] = []
        for packet in packets:
            denial = _denial(packet)
            if denial is None:
                self.counters.unreadable += 1
                continue
            at_us = now_us if packet.at_us is None else packet.at_us
            fold = self._folds.pop(denial, None)
            if fold is not None and self._is_over(fold, now_s):
                self._end(fold, due)
                fold = None
            if fold is None:
                fold = self._begin(denial, packet.uid, at_us, now_s, due)
                due.append(fold)
            else:
                self._grow(fold, at_us, now_s)
            self._folds[denial] = fold
        return self._tell(due, now_s)

    def _is_over(self, fold: Fold, now_s: float) -> bool:
        return now_s - fold.seen_s >= self._silence_s or now_s - fold.began_s >= self._life_s

    def _begin(self, denial: Denial, uid: int | None, at_us: int, now_s: float, due: list[Fold]) -> Fold:
        if len(self._folds) >= self._rows_max:
            self.counters.overflow += 1
            self._end(self._folds.pop(next(iter(self._folds))), due)
        self.counters.rows += 1
        return Fold(denial, self._name(denial, at_us), at_us, at_us, now_s, now_s, uid)

    def _grow(self, fold: Fold, at_us: int, now_s: float) -> None:
        fold.count += 1
        fold.last_us = max(fold.last_us, at_us)
        fold.seen_s = now_s
        self._grown.setdefault(fold.denial, fold)
        self.counters.folded += 1

    def _end(self, fold: Fold, due: list[Fold]) -> None:
        """The row is no longer held; what it has left to say is said."""
        if self._grown.pop(fold.denial, None) is not None:
            due.append(fold)

    def _tell(self, due: list[Fold], now_s: float) -> list[Fold]:
        """Note that these rows are reported, each once. The time of a row's last denial moves on with each report, whatever the
        clock does, because the server tells the reports apart by it."""
        news = [fold for fold in {id(fold): fold for fold in due}.values() if fold.told != fold.count]
        for fold in news:
            if self._grown.get(fold.denial) is fold:
                del self._grown[fold.denial]
            self.counters.updates += bool(fold.told)
            fold.last_us = max(fold.last_us, fold.told_us + 1)
            fold.told, fold.told_us, fold.told_s = fold.count, fold.last_us, now_s
        return news

    def tick(self, now_s: float) -> list[Fold]:
        """The rows that have grown and are due, once in a while; rows without news for long are forgotten."""
        if now_s < self._tick_s:
            return []
        self._tick_s = now_s + limits.DENIAL_TICK_S
        due: list[Fold] = []
        while self._folds and now_s - next(iter(self._folds.values())).seen_s >= self._silence_s:
            self._end(self._folds.pop(next(iter(self._folds))), due)
        due += [fold for fold in self._grown.values() if now_s - fold.told_s >= self._update_s]
        return self._tell(due, now_s)

    def rest(self, now_s: float) -> list[Fold]:
        """All that has grown and was not reported, for the end of the agent."""
        return self._tell(list(self._grown.values()), now_s)

    def _name(self, denial: Denial, first_us: int) -> str:
        """A flow id (UUIDv8): the same for the same first denial."""
        digest = hashlib.blake2b(repr((self._instance, denial, first_us)).encode(), digest_size=16).digest()
        text = f"{int.from_bytes(digest, 'big') & ~_VERSION_AND_VARIANT_MASK | _VERSION_AND_VARIANT:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _denial(packet: Logged) -> Denial | None:
    """What the packet counts for. An answer counts for the connection that it belongs to."""
    headers = parse(packet.payload)
    if headers is None:
        return None
    protocol, source, destination, source_port, destination_port, icmp_type, icmp_code = headers
    if packet.is_reply:
        source, destination, source_port, destination_port = destination, source, destination_port, source_port
    return Denial(
        protocol, source, destination, source_port, destination_port, icmp_type, icmp_code, packet.hook, packet.prefix, packet.is_reply
    )
