"""The rows of a batch that want an answer, as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.enrich.resolver.book import NOBODY, OUTSIDE, Book
from meshtrail.enrich.resolver.kinds import HARMLESS_TYPES, ICMPV6, NO_PORT
from meshtrail.enrich.resolver.places import EVERYBODY, NOTHING
from meshtrail.model.enums import Attribution, ConnectionType, Direction, State, Verdict

_NEEDED = ("state", "started_at", "reporter_id", "source_address", "destination_address", "protocol")

_MEANT = np.full(len(State) + 1, int(Verdict.unknown))
_MEANT[[State.open, State.closed]], _MEANT[State.denied] = int(Verdict.allowed), int(Verdict.denied)
"""The verdict that a state stands for."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A column of texts or addresses: the distinct values, and each row's number among them, -1 where it is unknown."""

    distinct: list[Any]
    rows: np.ndarray


class Connections:
    """The rows whose rule nobody said."""

    def __init__(self, table: pa.Table, rows: np.ndarray) -> None:
        self._table = table
        self.rows = rows
        """Their places in the table."""

    @staticmethod
    def of(table: pa.Table) -> "Connections":
        """Those of a batch."""
        complete = all(name in table.column_names for name in _NEEDED)
        return Connections(table, np.flatnonzero(_wanted(table)) if complete else np.zeros(0, np.int64))

    @property
    def started_at(self) -> np.ndarray:
        """When each began: then it was decided."""
        return np.asarray(_column(self._table, "started_at").cast(pa.int64()))[self.rows]

    @property
    def verdicts(self) -> np.ndarray:
        """What the network decided (`Verdict`); where that is not said, what the state means. A connection that is open and has no
        answer yet may still get one: that somebody denied it can be said when it has ended without."""
        said = self._number("verdict", int(Verdict.unknown))
        return np.where(said == Verdict.unknown, _MEANT[self._number("state", 0)], said)

    def taken(self, rows: np.ndarray) -> "Connections":
        """Some of them, by their numbers among these."""
        return Connections(self._table, self.rows[rows])

    def questions(self, book: Book) -> "Questions":
        """What they ask of a book."""
        froms, tos = self._codes("source_address"), self._codes("destination_address")
        source, target = book.addresses.of(froms.distinct), book.addresses.of(tos.distinct)
        classes, initiators, is_v4 = source.sources[froms.rows], source.peers[froms.rows], source.is_v4[froms.rows]
        targets = target.peers[tos.rows]
        protocols = self._number("protocol", 0)
        routed = self._number("connection_type", 0) == ConnectionType.routed
        near = ~routed & (targets >= 0)
        arrived = ~routed & ~near & (self._number("connection_type", 0) == ConnectionType.p2p)
        arrived &= self._number("direction", 0) == Direction.ingress
        harmless = (protocols == ICMPV6) & (near | arrived)
        if harmless.any():
            harmless &= np.isin(self._number("icmp_type", -1), HARMLESS_TYPES)
        reporters = self._codes("reporter_id")
        itself = _look(reporters, [book.peers.get(each, -2) for each in reporters.distinct], -2) == initiators
        places = self._places(book, target.places[tos.rows], reporters, routed, itself)
        found = np.where(near, book.classes_of_peers[targets], np.where(arrived, NOBODY, places))
        asked = (classes != OUTSIDE) & ~harmless & ~(near & (targets == initiators))
        kinds = book.kinds.of(protocols, self._number("destination_port", NO_PORT), is_v4)
        classes = np.where(routed & itself, NOBODY, classes)
        return Questions(np.flatnonzero(asked), classes[asked], found[asked], kinds[asked], self.verdicts[asked])

    def _places(self, book: Book, places: np.ndarray, reporters: Codes, routed: np.ndarray, itself: np.ndarray) -> np.ndarray:
        """The place of each destination as the reporter sees it, where the reporter is a routing peer of somebody else's
        connection; a domain where it says so."""
        if book.places.domains and "destination_resource_id" in self._table.column_names:
            named = self._codes("destination_resource_id")
            domains = _look(named, [book.places.domains.get(each, -1) for each in named.distinct], -1)
            places = np.where(domains >= 0, domains, places)
        views = _look(reporters, [book.places.views.get(each, EVERYBODY) for each in reporters.distinct], EVERYBODY)
        peers = _look(reporters, [each in book.peers for each in reporters.distinct], False) == 1
        views = np.where(routed & peers & (views == EVERYBODY), NOTHING, np.where(itself & ~routed, EVERYBODY, views))
        return book.classes_of_places(places, views, routed | (views != EVERYBODY))

    def _codes(self, name: str) -> Codes:
        column = _column(self._table, name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        rows = self._mine(column.indices, -1)
        if len(column.dictionary) <= len(rows):
            return Codes(column.dictionary.to_pylist(), rows)
        used, which = np.unique(rows, return_inverse=True)
        known = used[used >= 0]
        return Codes(column.dictionary.take(pa.array(known)).to_pylist(), which - (len(used) - len(known)))

    def _number(self, name: str, unknown: int) -> np.ndarray:
        if name not in self._table.column_names:
            return np.full(len(self.rows), unknown, dtype=np.int32)
        return self._mine(_column(self._table, name).cast(pa.int32()), unknown)

    def _mine(self, column: pa.Array, unknown: int) -> np.ndarray:
        """The values of these rows."""
        values = np.asarray(column if not column.null_count else pc.fill_null(column, unknown))
        return values if len(self.rows) == len(values) else values[self.rows]


@dataclass(frozen=True, slots=True)
class Questions:
    """What connections ask of a book, for those that its rules govern."""

    rows: np.ndarray
    """Their numbers among the connections."""
    sources: np.ndarray
    destinations: np.ndarray
    kinds: np.ndarray
    verdicts: np.ndarray

    def taken(self, rows: np.ndarray) -> "Questions":
        """Some of them."""
        return Questions(self.rows[rows], self.sources[rows], self.destinations[rows], self.kinds[rows], self.verdicts[rows])


def _wanted(table: pa.Table) -> np.ndarray:
    """Connections of which no rule is said. Lost ones are told by the server from their first reports, which had their answer."""
    states = np.asarray(_column(table, "state"))
    wanted = (states != State.gap) & (states != State.lost)
    for name in ("source_address", "destination_address", "protocol"):
        if table[name].null_count:
            wanted &= np.asarray(_column(table, name).is_valid())
    if "attribution" in table.column_names:
        said = np.asarray(pc.fill_null(_column(table, "attribution").cast(pa.int8()), int(Attribution.none)))
        wanted &= said == Attribution.none
    if "policy_id" in table.column_names:
        wanted &= np.asarray(_column(table, "policy_id").is_null())
    return wanted


def _column(table: pa.Table, name: str) -> pa.Array:
    values = table[name]
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _look(codes: Codes, found: list[int], unknown: int) -> np.ndarray:
    """What was found of each distinct value, for each row."""
    return np.array([*found, unknown], dtype=np.int64)[codes.rows]
