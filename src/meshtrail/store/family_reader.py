"""Reads of any family: pages, one row, counts, facets, changes. What comes back are the engine's own bytes.

Reports of one event may not have merged on disk yet, so every read merges them (`FINAL`).
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from meshtrail.model.columns import FAMILIES, TRAFFIC, Family
from meshtrail.store.aggregate import Aggregate, Aggregated, aggregated
from meshtrail.store.counts import over_time, values
from meshtrail.store.ends import few_rows
from meshtrail.store.engine import Engine, Parameters, Share
from meshtrail.store.hours import Hours
from meshtrail.store.limits import CHANGES_ROWS_MAX, COUNT_CACHE_ENTRIES, FACET_VALUES_MAX
from meshtrail.store.pages import Cursor, Pages, Place
from meshtrail.store.projection import Projection, native
from meshtrail.store.query import Query, compiled
from meshtrail.store.recent_values import recent_values
from meshtrail.store.search import Search


class FamilyReader:
    """Reads of one family. Methods block; every one of them needs an organisation."""

    def __init__(self, engine: Engine, family: Family) -> None:
        self._engine = engine
        self.family = family
        self.native: Projection = native(family)
        """The rows of the native API."""
        self.hours: Hours | None = None
        """Hours counted beforehand, where there are some."""
        self._key = (family.time, *family.key)
        self._pages = Pages(engine, family)
        self._search = Search(engine, family) if family is TRAFFIC else None
        self._counts: OrderedDict[tuple[object, ...], int] = OrderedDict()
        self._counts_lock = threading.Lock()

    def page(
        self, query: Query, projection: str, limit: int, *, offset: int = 0, cursor: Cursor | None = None,
        newest_first: bool = True,
    ) -> bytes:  # fmt: skip
        """A JSON array of at most `limit` rows in order of time, as the engine writes it."""
        shown = Projection(projection)
        return array(self.lines(query, shown, limit, offset=offset, cursor=cursor, newest_first=newest_first))

    def lines(
        self, query: Query, shown: Projection, limit: int, *, offset: int = 0, cursor: Cursor | None = None,
        newest_first: bool = True,
    ) -> bytes:  # fmt: skip
        """At most `limit` rows in order of time, one a line, as the projection says."""
        chosen = self._found(query)
        if chosen.found == ():
            return b""
        return self._pages.lines(chosen, shown, Place(limit, offset, cursor, newest_first))

    def _array(self, sql: str, parameters: Parameters, share: Share | None = None) -> bytes:
        return array(self._engine.read(sql, parameters, share=share))

    def _found(self, query: Query) -> Query:
        """With values in place of what is searched for, where there is a vocabulary."""
        return query if self._search is None else self._search.resolved(query)

    def count(self, query: Query, position: int) -> int:
        """Number of rows; `position` is the store's last one, as long as it stands the count need not be repeated."""
        key = (query, position)
        with self._counts_lock:
            if key in self._counts:
                self._counts.move_to_end(key)
                return self._counts[key]
        part = compiled(self._found(query))
        total = int(self._engine.read(f"SELECT count() FROM {self.family.name} FINAL WHERE {part.where}", part.parameters, "TSV"))
        with self._counts_lock:
            self._counts[key] = total
            while len(self._counts) > COUNT_CACHE_ENTRIES:
                self._counts.popitem(last=False)
        return total

    def row(self, org_id: str, time_ms: int, identifier: str) -> bytes | None:
        """The row with this id as a JSON object, or None. The id holds its time in milliseconds."""
        part = compiled(Query(org_id, since=time_ms * 1_000, until=(time_ms + 1) * 1_000, family=self.family))
        part.add("id = {{}:UUID}", identifier)
        sql = f"SELECT {self.native.sql} FROM {self.family.name} FINAL WHERE {part.where} LIMIT 1"
        return self._engine.read(sql, part.parameters, self.native.form).strip() or None

    def counts_over_time(
        self, query: Query, interval_ms: int, names: Sequence[str], series: Mapping[str, str], share: Share | None = None
    ) -> list[dict[str, int]]:
        """For each interval that has rows: `bucket`, the interval's number since 1970, and a count for each of the series
        (`counts.over_time`) over the columns of these names."""
        columns = [self.family.columns[name] for name in names]
        return over_time(self._engine, self._found(query), interval_ms, columns, series, share, self.hours)

    def facet(self, query: Query, name: str, limit: int = FACET_VALUES_MAX, share: Share | None = None) -> list[tuple[str | None, int]]:
        """The most frequent values of a column as text, None where it is unknown, and how many rows have each. KeyError for a column
        that the family does not have."""
        return values(self._engine, self._found(query), self.family.columns[name], limit, share, self.hours)

    def few(self, query: Query) -> bool:
        """Whether the rows of the query are few enough to be looked at one by one."""
        return few_rows(self._engine, query)

    def aggregate(self, query: Query, asked: Aggregate, share: Share | None = None) -> Aggregated:
        """Rows grouped and measured."""
        return aggregated(self._engine, self._found(query), asked, share, self.hours)

    def cancel(self, name: str) -> None:
        """End the read that has the share of this name."""
        self._engine.cancel(name)

    def recent_values(self, org_id: str, names: Sequence[str], part: str, limit: int) -> list[str]:
        """Texts of the columns in the newest rows that hold the part, in any case."""
        return recent_values(self._engine, self.family, org_id, names, part, limit)

    def span(self, org_id: str) -> tuple[int, int] | None:
        """Smallest and largest time of the organisation's rows in microseconds, or None without rows."""
        ends = [
            self._engine.read(
                f"SELECT toUnixTimestamp64Micro({self.family.time}) FROM {self.family.name} WHERE org_id = {{org:String}} "
                f"ORDER BY {self.family.time} {order} LIMIT 1",
                {"org": org_id},
                "TSV",
            )
            for order in ("ASC", "DESC")
        ]
        return (int(ends[0]), int(ends[1])) if all(ends) else None

    def changes(self, query: Query, after: int, limit: int = CHANGES_ROWS_MAX) -> tuple[list[bytes], int, int]:
        """Rows changed after a position, oldest change first: row objects, the position reached, and how many more
        rows had changed than the limit and are left out."""
        key, table = ", ".join(self._key), self.family.name
        part = compiled(replace(query))
        part.add("seq > {{}:UInt64}", after)
        answer = self._engine.read(f"SELECT count(), max(seq) FROM {table} WHERE {part.where}", part.parameters, "TSV").split()
        count, last = int(answer[0]), int(answer[1])
        if not count:
            return [], after, 0
        keys = f"SELECT {key} FROM {table} WHERE {part.where} ORDER BY seq DESC LIMIT {limit}"
        lines = self._engine.read(
            f"SELECT {self.native.sql} FROM {table} FINAL WHERE {part.clauses[0]} AND ({key}) IN ({keys}) ORDER BY {table}.seq",
            part.parameters,
            self.native.form,
        ).splitlines()
        return lines, last, max(0, count - limit)

    def stored_rows(self, org_id: str) -> int:
        """Stored reports of the organisation, before merging: a cheap measure of how much there is."""
        sql = f"SELECT count() FROM {self.family.name} WHERE org_id = {{org:String}}"
        return int(self._engine.read(sql, {"org": org_id}, "TSV"))

    def last_position(self) -> int:
        """Largest position of the family in the store; 0 when it is empty."""
        return int(self._engine.read(f"SELECT max(seq) FROM {self.family.name}", None, "TSV"))


def array(lines: bytes) -> bytes:
    """A JSON array of rows that come one a line; in the array they still stand one a line."""
    return b"[" + lines.rstrip(b"\n").replace(b"\n", b",\n") + b"]"


def rows_in(array: bytes) -> int:
    """How many rows a JSON array of the reader holds: they stand one a line."""
    return 0 if array == b"[]" else array.count(b"\n{") + 1


def last_position(engine: Engine) -> int:
    """Largest position in the store, of all families; 0 when it is empty."""
    positions = " UNION ALL ".join(f"SELECT max(seq) AS seq FROM {name}" for name in FAMILIES)
    return int(engine.read(f"SELECT max(seq) FROM ({positions})", None, "TSV"))
