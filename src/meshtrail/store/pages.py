"""Pages of a list: rows in order of time, merged.

Merging a whole table to show fifty rows would be slow. A page therefore first asks, without merging, how far down it has to look
(*reach*), and merges only that range. The reach itself is looked for in a stretch of time that grows: the newest minute mostly has
it, and the engine then looks at one part of the table and not at the index of all. Where too few rows match for a reach, the page
finds its keys first.
"""

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from meshtrail.common.errors import InvalidError
from meshtrail.model.columns import Family, Kind
from meshtrail.store.engine import Engine
from meshtrail.store.hours_source import with_bounds
from meshtrail.store.limits import DETAIL_ROWS_MAX, REACH_PERCENT, REACH_STRETCHES_S
from meshtrail.store.projection import Projection
from meshtrail.store.query import Compiled, Query, compiled

_Time = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows of a list: the sort key of the row before it."""

    time: int
    """Microseconds."""
    reporter: str
    own: str
    """What the reporter calls the event."""

    def encode(self) -> str:
        """The opaque text of the API."""
        return base64.urlsafe_b64encode(msgspec.json.encode([self.time, self.reporter, self.own])).decode()

    @staticmethod
    def decode(text: str) -> "Cursor":
        """`InvalidError` when the text is not one of ours."""
        try:
            return Cursor(*msgspec.json.decode(base64.urlsafe_b64decode(text.encode()), type=tuple[_Time, str, str]))
        except (ValueError, msgspec.MsgspecError):
            raise InvalidError("The cursor is not one of this server's.", "Use next_cursor of an answer as it is.") from None


@dataclass(frozen=True, slots=True)
class Place:
    """Which rows of the list."""

    limit: int
    offset: int = 0
    cursor: Cursor | None = None
    newest_first: bool = True


class Pages:
    """Pages of one family. Methods block."""

    def __init__(self, engine: Engine, family: Family) -> None:
        self._engine = engine
        self._family = family
        self._key = (family.time, *family.key)

    def lines(self, query: Query, shown: Projection, place: Place) -> bytes:
        """At most `place.limit` rows in order of time, one a line, as the projection says."""
        part = compiled(query)
        if place.cursor is not None:
            self._continue(part, place.cursor, place.newest_first)
        order = "DESC" if place.newest_first else "ASC"
        ordered = ", ".join(f"{name} {order}" for name in self._key)
        stretches = self._stretches(query, place)
        stretch = next(stretches)
        for percent in REACH_PERCENT:
            reports = (place.limit + place.offset) * percent // 100
            reach = self._reach(part, stretch, order, reports)
            while reach is None and stretch is not None:
                stretch = next(stretches)
                reach = self._reach(part, stretch, order, reports)
            if reach is None:
                break
            bounded = self._within(part, reach, place.newest_first)
            rows = self._engine.read(
                f"SELECT {shown.sql} FROM {self._family.name} FINAL WHERE {bounded.where} ORDER BY {ordered} "
                f"LIMIT {place.limit} OFFSET {place.offset}",
                bounded.parameters,
                shown.form,
            )
            if rows.count(b"\n") >= place.limit:
                return rows
        return self._sparse(part, shown, ordered, place)

    def _stretches(self, query: Query, place: Place) -> Iterator[int | None]:
        """Times (microseconds) down to which a reach is looked for, one after the other; None for all of the table."""
        bounded, newest = with_bounds(query), place.newest_first
        stored, extreme = self._extent(newest)
        begin, end = (bounded.until, bounded.since) if newest else (bounded.since, bounded.until)
        edges = [edge for edge in (extreme, begin, place.cursor.time if place.cursor else None) if edge is not None]
        edge, sign = (min(edges), -1) if newest else (max(edges), 1)
        for seconds in REACH_STRETCHES_S if stored > DETAIL_ROWS_MAX else ():
            down_to = edge + sign * seconds * 1_000_000
            if end is not None and (down_to - end) * sign >= 0:
                break
            yield down_to
        while True:
            yield None

    def _extent(self, newest: bool) -> tuple[int, int]:
        """How many reports there are, and the time of the newest or oldest, of all organisations: the engine has both in memory. To an
        organisation that was quiet lately it only costs some short reads."""
        extreme = f"toUnixTimestamp64Micro({'max' if newest else 'min'}({self._family.time}))"
        count, time = self._engine.read(f"SELECT count(), {extreme} FROM {self._family.name}", None, "TSV").split()
        return int(count), int(time)

    def _reach(self, part: Compiled, down_to: int | None, order: str, reports: int) -> int | None:
        """Time of the report below which the page cannot lie, or None when fewer reports match as far as `down_to`."""
        time = self._family.time
        bounded = part if down_to is None else self._within(part, down_to, order == "DESC")
        answer = self._engine.read(
            f"SELECT toUnixTimestamp64Micro({time}) FROM {self._family.name} WHERE {bounded.where} ORDER BY {time} {order} "
            f"LIMIT 1 OFFSET {reports}",
            bounded.parameters,
            "TSV",
        )
        return int(answer) if answer else None

    def _sparse(self, part: Compiled, shown: Projection, ordered: str, place: Place) -> bytes:
        key, table = ", ".join(self._key), self._family.name
        keys = f"SELECT {key} FROM {table} FINAL WHERE {part.where} ORDER BY {ordered} LIMIT {place.limit} OFFSET {place.offset}"
        return self._engine.read(
            f"SELECT {shown.sql} FROM {table} FINAL WHERE {part.clauses[0]} AND ({key}) IN ({keys}) ORDER BY {ordered}",
            part.parameters,
            shown.form,
        )

    def _continue(self, part: Compiled, cursor: Cursor, newest_first: bool) -> None:
        comparison = "<" if newest_first else ">"
        time, reporter, own = self._key
        own_type = "UUID" if self._family.columns[own].kind is Kind.uuid else "String"
        if own_type == "UUID" and not _is_uuid(cursor.own):
            raise InvalidError("The cursor is of another list.", "Use next_cursor of an answer as it is.")
        part.parameters |= {"c0": cursor.time, "c1": cursor.reporter, "c2": cursor.own}
        place = f"(fromUnixTimestamp64Micro({{c0:Int64}}, 'UTC'), {{c1:String}}, {{c2:{own_type}}})"
        loose = f"{time} {comparison}= fromUnixTimestamp64Micro({{c0:Int64}}, 'UTC')"
        part.clauses += [loose, f"({time}, {reporter}, {own}) {comparison} {place}"]

    def _within(self, part: Compiled, reach: int, newest_first: bool) -> Compiled:
        bounded = Compiled(list(part.clauses), dict(part.parameters))
        bounded.parameters["reach"] = reach
        comparison = ">=" if newest_first else "<="
        bounded.clauses.append(f"{self._family.time} {comparison} fromUnixTimestamp64Micro({{reach:Int64}}, 'UTC')")
        return bounded


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
