"""A book: the rules of one moment, compiled to answer many connections at once.

A connection is a question of three numbers: the class of its source, the class of its destination, and its kind. Peers with the
same rules are one class. Answers are remembered by question in a table that a hash leads into: a newer one takes an older one's place.
"""

import ipaddress
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from meshtrail.enrich.resolver import bits
from meshtrail.enrich.resolver.addresses import Addresses
from meshtrail.enrich.resolver.fill import Words
from meshtrail.enrich.resolver.kinds import Kinds
from meshtrail.enrich.resolver.limits import ANSWERS_REMEMBERED, CANDIDATES_MAX, QUESTIONS_AT_ONCE
from meshtrail.enrich.resolver.material import Ends, Line, Material
from meshtrail.enrich.resolver.places import NOT_FORWARDED, NOWHERE, Places, mapped

NOBODY = 0
"""The class of addresses of the overlay that no peer has, and of other addresses of a peer itself: no rule names them."""

OUTSIDE = -1
"""The class of sources that are not in the overlay: rules do not govern them."""

_HASH = np.uint64(0x9E37_79B9_7F4A_7C15)
_HALF = (1 << 32) - 1
_SLOT_BITS = ANSWERS_REMEMBERED.bit_length() - 1


@dataclass(frozen=True, slots=True)
class Matches:
    """The rules of each question: the first drop and the first accept (-1: none), and whether there are more of them."""

    drop: np.ndarray
    drops: np.ndarray
    accept: np.ndarray
    accepts: np.ndarray


@dataclass(frozen=True, slots=True)
class Labels:
    """What is told of each rule."""

    policy_ids: Words
    policy_names: Words
    rule_ids: Words
    versions: np.ndarray

    @staticmethod
    def of(lines: Sequence[Line]) -> "Labels":
        """The labels of rules."""
        versions = np.array([*(line.policy_version for line in lines), 0], dtype=np.uint32)
        policies, names = Words.of([line.policy_id for line in lines]), Words.of([line.policy_name for line in lines])
        return Labels(policies, names, Words.of([line.rule_id for line in lines]), versions)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rules that may have decided."""

    rule_ids: tuple[str, ...]
    """The first of them."""
    first: int
    """The number of the first one."""
    one_policy: bool
    """Whether they are all of one policy."""


class Book:
    """See the module. Not changed after it is made, but for what it remembers. Thread-safe."""

    def __init__(self, material: Material) -> None:
        self.lines: tuple[Line, ...] = tuple(rule.line for rule in material.rules)
        self.labels = Labels.of(self.lines)
        """What is told of the rules."""
        self.numbers = material.addresses
        """Peers by their addresses in the overlay."""
        self.peers = {identifier: number for number, identifier in enumerate(material.peers)}
        self._ranges = [mapped(network) for network in material.ranges]
        self.kinds = Kinds(material.rules)
        self.places = Places(material)
        self._make_classes(material)
        self._drops = _row([not line.accept for line in self.lines])
        drops = sum(not line.accept for line in self.lines)
        self._drop_words, self._accepts_at = max(1, -(-drops // bits.WORD)), min(drops // bits.WORD, len(self._drops) - 1)
        both = _row([rule.bidirectional for rule in material.rules])
        self._both = both if both.any() else None
        self.addresses = Addresses(self._look_at, (-1, OUTSIDE, NOWHERE))
        """What is known of addresses."""
        self._candidates: dict[int, Candidates] = {}
        self._lock = threading.Lock()
        self._slots = np.full(ANSWERS_REMEMBERED, -1, dtype=np.int64)
        self._found = np.zeros(ANSWERS_REMEMBERED, dtype=np.int64)

    def _make_classes(self, material: Material) -> None:
        peers = len(material.peers)
        froms = bits.pack((_union(material.members, rule.sources, peers) for rule in material.rules), peers)
        tos = bits.pack((_union(material.members, rule.destinations, peers) for rule in material.rules), peers)
        words = froms.shape[1]
        rows, classes = bits.distinct(np.concatenate([froms, tos], axis=1)) if peers else (np.zeros((0, 2 * words), "<u8"), froms[:, 0])
        nobody, nowhere = np.zeros((1, words), "<u8"), np.zeros((len(self.places.rows), words), "<u8")
        self.classes_of_peers = np.append(classes.astype(np.int64) + 1, NOBODY)
        """The class of each peer, by number; the last one is that of nobody (-1)."""
        self._first_place = 1 + len(rows)
        self._froms = np.concatenate([nobody, rows[:, :words], nowhere])
        self._tos = np.concatenate([nobody, rows[:, words:], self.places.rows])
        default = 1 if material.accepts else 2
        if not material.rules and not material.ordered:
            default = 0
        near = np.full(self._first_place, default)
        far = self.places.defaults if default else np.zeros_like(self.places.defaults)
        self.defaults = np.concatenate([near, far])
        """Of each class: whether what no rule names is let in (1), is not (2), either (3), or nothing is known (0)."""
        self.ordered = np.concatenate([np.full(self._first_place, material.ordered), self.places.ordered])
        self.doubtful = np.concatenate([np.zeros(self._first_place, bool), self.places.doubtful])

    def class_of_source(self, address: bytes) -> int:
        """The class of an address that opens connections."""
        number = self.numbers.get(address)
        if number is not None:
            return int(self.classes_of_peers[number])
        return NOBODY if self.in_overlay(address) else OUTSIDE

    def in_overlay(self, address: bytes) -> bool:
        """Whether an address is of the overlay."""
        whole = int.from_bytes(address, "big")
        return any(whole >> 128 - length == first for length, first in self._ranges)

    def _look_at(self, address: bytes) -> tuple[int, int, int]:
        return self.numbers.get(address, -1), self.class_of_source(address), self.places.of(address)

    def classes_of_places(self, places: np.ndarray, views: np.ndarray, forwarded: np.ndarray) -> np.ndarray:
        """The classes of places as seen by views. `forwarded`: somebody is known to have led there."""
        seen = np.where((places == NOWHERE) & ~forwarded, NOT_FORWARDED, places)
        return self._first_place + views.astype(np.int64) * self.places.count + seen

    def matches(self, sources: np.ndarray, destinations: np.ndarray, kinds: np.ndarray) -> Matches:
        """The rules of questions. Sources are in the overlay."""
        with self._lock:
            return self._matches(self.numbered(sources, destinations, kinds))

    def numbered(self, sources: np.ndarray, destinations: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """A number for each question."""
        return (sources.astype(np.int64) * len(self._tos) + destinations) * len(self.kinds.rows) + kinds

    def _parts(self, questions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The ends and the kind of numbered questions."""
        pairs, kinds = np.divmod(questions, len(self.kinds.rows))
        return *np.divmod(pairs, len(self._tos)), kinds

    def _matches(self, questions: np.ndarray) -> Matches:
        slots = ((questions.view(np.uint64) * _HASH) >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)
        found = self._found[slots]
        missing = np.flatnonzero(self._slots[slots] != questions)
        if len(missing):
            asked = pa.array(questions[missing]).dictionary_encode()
            distinct, which = np.asarray(asked.dictionary), np.asarray(asked.indices)
            answers = self._look_up(distinct)
            found[missing] = answers[which]
            places = np.zeros(len(distinct), dtype=np.int64)
            places[which] = slots[missing]
            free, one_each = np.unique(places, return_index=True)
            self._slots[free], self._found[free] = distinct[one_each], answers[one_each]
        drop, accept = found & _HALF, found >> 32
        return Matches((drop >> 1) - 1, (drop & 1) > 0, (accept >> 1) - 1, (accept & 1) > 0)

    def matching(self, source: int, destination: int, kind: int) -> list[int]:
        """The numbers of all rules of one question, the first of them."""
        if source == OUTSIDE:
            return []
        row = self._rules(np.array([source]), np.array([destination]), np.array([kind]))[0]
        return bits.numbers(row, CANDIDATES_MAX)

    def candidates(self, question: int, *, accept: bool) -> "Candidates":
        """The rules of a question that let in, or that do not."""
        key = question * 2 + accept
        found = self._candidates.get(key)
        if found is None:
            if len(self._candidates) >= ANSWERS_REMEMBERED:
                self._candidates.clear()
            row = self._rules(*self._parts(np.array([question])))[0]
            numbers = bits.numbers(row & ~self._drops if accept else row & self._drops, CANDIDATES_MAX)
            lines = [self.lines[number] for number in numbers]
            one_policy = len({line.policy_id for line in lines}) == 1
            found = self._candidates[key] = Candidates(tuple(line.rule_id for line in lines), numbers[0], one_policy)
        return found

    def _look_up(self, questions: np.ndarray) -> np.ndarray:
        """For each question its first drop and its first accept, as they are remembered, in the lower and the upper half: the rule's
        number and one, twice, and one more where there are more of them."""
        parts = []
        for begin in range(0, len(questions), QUESTIONS_AT_ONCE):
            rows = self._rules(*self._parts(questions[begin : begin + QUESTIONS_AT_ONCE]))
            drop, drops = bits.first(rows[:, : self._drop_words] & self._drops[: self._drop_words])
            accept, accepts = bits.first(rows[:, self._accepts_at :] & ~self._drops[self._accepts_at :])
            accept[accept >= 0] += self._accepts_at * bits.WORD
            parts.append((accept + 1) << 33 | accepts.astype(np.int64) << 32 | (drop + 1) << 1 | drops)
        return np.concatenate(parts)

    def _rules(self, sources: np.ndarray, destinations: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        rows = self._froms[sources] & self._tos[destinations]
        if self._both is not None:
            rows |= self._tos[sources] & self._froms[destinations] & self._both
        return rows & self.kinds.rows[kinds]


def _row(flags: Sequence[bool]) -> np.ndarray:
    """One row of bits from a flag of each rule."""
    return bits.pack((np.array([flag]) for flag in flags), 1)[0]


def _union(members: np.ndarray, ends: Ends, peers: int) -> np.ndarray:
    flags: np.ndarray = np.zeros(peers, dtype=bool)
    if ends.groups:
        flags |= members[list(ends.groups)].any(axis=0)
    if ends.peer >= 0:
        flags[ends.peer] = True
    return flags


def packed(text: str) -> bytes:
    """An address in the form in which books know it; `ValueError` for what is none."""
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else b"\x00" * 10 + b"\xff\xff" + address.packed
