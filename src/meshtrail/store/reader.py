"""Reads: pages, one row, counts, histograms, changes. What comes back are the engine's own bytes.

Reports of one connection may not have merged on disk yet, so every read merges them (`FINAL`). Merging the whole table
to show fifty rows would be slow; a page therefore first asks, without merging, how far down it has to look (*reach*),
and merges only that range. Where too few rows match for that, it finds the keys of the page first.
"""

import base64
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from meshtrail.common.errors import InvalidError
from meshtrail.model.columns import TRAFFIC, Column, Kind
from meshtrail.store.engine import Engine, Parameters
from meshtrail.store.query import Compiled, Query, address_text, compiled

KEY = "started_at, reporter_id, flow_id"
"""What identifies a row inside an organisation, in sort order."""

REACH_PERCENT = (120, 300)
"""Stored reports for each hundred rows of a page, tried one after the other: mostly merged already, or opening, progress
and closing of each connection still apart."""

COUNT_CACHE_ENTRIES = 64
"""Counts remembered, so that a client that walks through pages does not count again for each."""

CHANGES_ROWS_MAX = 500
"""Rows of one read of the live tail."""

_SHOWN: dict[Kind, Callable[[str], str]] = {Kind.address: address_text}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows of a list."""

    started_at: int
    """Microseconds."""
    reporter_id: str
    flow_id: str

    def encode(self) -> str:
        """The opaque text of the API."""
        return base64.urlsafe_b64encode(msgspec.json.encode([self.started_at, self.reporter_id, self.flow_id])).decode()

    @staticmethod
    def decode(text: str) -> "Cursor":
        """`InvalidError` when the text is not one of ours."""
        try:
            return Cursor(*msgspec.json.decode(base64.urlsafe_b64decode(text.encode()), type=tuple[int, str, str]))
        except (ValueError, msgspec.MsgspecError):
            raise InvalidError("The cursor is not one of this server's.", "Use next_cursor of an answer as it is.") from None


def shown(column: Column) -> str:
    """SQL of a column as the native API shows it."""
    if column.kind is Kind.address:
        return f"{address_text(column.name)} AS {column.name}"
    if column.name == "seq":
        return "toString(seq) AS seq"
    return column.name


NATIVE_COLUMNS = ", ".join(shown(column) for column in TRAFFIC if column.name != "org_id")
"""The projection of the native API; 64-bit positions are text because JavaScript's numbers end at 2^53."""


class Reader:
    """Reads of the traffic family. Methods block; every one of them needs an organisation."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counts: OrderedDict[tuple[object, ...], int] = OrderedDict()
        self._counts_lock = threading.Lock()

    def page(
        self, query: Query, projection: str, limit: int, *, offset: int = 0, cursor: Cursor | None = None,
        newest_first: bool = True,
    ) -> bytes:  # fmt: skip
        """A JSON array of at most `limit` rows in order of start, as the engine writes it."""
        part = compiled(query)
        if cursor is not None:
            _continue(part, cursor, newest_first)
        order = "DESC" if newest_first else "ASC"
        ordered = ", ".join(f"{name} {order}" for name in KEY.split(", "))
        for percent in REACH_PERCENT:
            reach = self._reach(part, order, (limit + offset) * percent // 100)
            if reach is None:
                break
            bounded = _within(part, reach, newest_first)
            rows = self._array(
                f"SELECT {projection} FROM traffic FINAL WHERE {bounded.where} ORDER BY {ordered} LIMIT {limit} OFFSET {offset}",
                bounded.parameters,
            )
            if rows_in(rows) >= limit:
                return rows
        return self._sparse_page(part, projection, ordered, limit, offset)

    def _array(self, sql: str, parameters: Parameters) -> bytes:
        lines = self._engine.read(sql, parameters, "JSONEachRow")
        return b"[" + lines.rstrip(b"\n").replace(b"\n", b",\n") + b"]"

    def _reach(self, part: Compiled, order: str, reports: int) -> int | None:
        """Start time of the report below which the page cannot lie, or None when fewer reports match."""
        answer = self._engine.read(
            f"SELECT toUnixTimestamp64Micro(started_at) FROM traffic WHERE {part.where} ORDER BY started_at {order} "
            f"LIMIT 1 OFFSET {reports}",
            part.parameters,
            "TSV",
        )
        return int(answer) if answer else None

    def _sparse_page(self, part: Compiled, projection: str, ordered: str, limit: int, offset: int) -> bytes:
        keys = f"SELECT {KEY} FROM traffic FINAL WHERE {part.where} ORDER BY {ordered} LIMIT {limit} OFFSET {offset}"
        return self._array(
            f"SELECT {projection} FROM traffic FINAL WHERE {part.clauses[0]} AND ({KEY}) IN ({keys}) ORDER BY {ordered}", part.parameters
        )

    def count(self, query: Query, position: int) -> int:
        """Number of rows; `position` is the store's last one, as long as it stands the count need not be repeated."""
        key = (query, position)
        with self._counts_lock:
            if key in self._counts:
                self._counts.move_to_end(key)
                return self._counts[key]
        part = compiled(query)
        total = int(self._engine.read(f"SELECT count() FROM traffic FINAL WHERE {part.where}", part.parameters, "TSV"))
        with self._counts_lock:
            self._counts[key] = total
            while len(self._counts) > COUNT_CACHE_ENTRIES:
                self._counts.popitem(last=False)
        return total

    def row(self, org_id: str, started_ms: int, identifier: str) -> bytes | None:
        """The row with this id as a JSON object, or None. The id holds its start in milliseconds."""
        part = compiled(Query(org_id, since=started_ms * 1_000, until=(started_ms + 1) * 1_000))
        part.add("id = {{}:UUID}", identifier)
        answer = self._engine.read(f"SELECT {NATIVE_COLUMNS} FROM traffic FINAL WHERE {part.where} LIMIT 1", part.parameters)
        return answer.strip() or None

    def histogram(self, query: Query, interval_ms: int) -> bytes:
        """Counts by verdict for each interval that has rows: JSON array of bucket, allowed, denied, unknown. A gap is no
        connection and is not counted."""
        part = compiled(query)
        return self._array(
            f"SELECT intDiv(toUnixTimestamp64Milli(started_at), {interval_ms}) AS bucket, "
            "countIf(verdict = 'allowed') AS allowed, countIf(verdict = 'denied') AS denied, "
            "countIf(state != 'gap') - allowed - denied AS unknown "
            f"FROM traffic FINAL WHERE {part.where} GROUP BY bucket ORDER BY bucket",
            part.parameters,
        )

    def span(self, org_id: str) -> tuple[int, int] | None:
        """Smallest and largest start of the organisation's rows in microseconds, or None without rows."""
        answer = self._engine.read(
            "SELECT toUnixTimestamp64Micro(min(started_at)), toUnixTimestamp64Micro(max(started_at)), count() "
            "FROM traffic WHERE org_id = {org:String}",
            {"org": org_id},
            "TSV",
        ).split()
        return (int(answer[0]), int(answer[1])) if int(answer[2]) else None

    def changes(self, query: Query, after: int) -> tuple[list[bytes], int, int]:
        """Rows changed after a position, oldest change first: row objects, the position reached, and how many more
        rows had changed than `CHANGES_ROWS_MAX` and are left out."""
        part = compiled(replace(query))
        part.add("seq > {{}:UInt64}", after)
        answer = self._engine.read(f"SELECT count(), max(seq) FROM traffic WHERE {part.where}", part.parameters, "TSV").split()
        count, last = int(answer[0]), int(answer[1])
        if not count:
            return [], after, 0
        keys = f"SELECT {KEY} FROM traffic WHERE {part.where} ORDER BY seq DESC LIMIT {CHANGES_ROWS_MAX}"
        lines = self._engine.read(
            f"SELECT {NATIVE_COLUMNS} FROM traffic FINAL WHERE {part.clauses[0]} AND ({KEY}) IN ({keys}) ORDER BY traffic.seq",
            part.parameters,
        ).splitlines()
        return lines, last, max(0, count - CHANGES_ROWS_MAX)

    def open_flows(self, org_id: str, reporter_id: str, after: str, limit: int) -> bytes:
        """Connections of a reporter that are still open, by flow id: what an agent asks for when it starts again."""
        return self._array(
            f"SELECT flow_id, started_at, {address_text('source_address')} AS source_address, source_port, "
            f"{address_text('destination_address')} AS destination_address, destination_port, protocol FROM traffic FINAL "
            "WHERE org_id = {org:String} AND reporter_id = {reporter:String} AND state = 'open' "
            "AND toString(flow_id) > {after:String} "
            f"ORDER BY toString(flow_id) LIMIT {limit}",
            {"org": org_id, "reporter": reporter_id, "after": after},
        )

    def stored_rows(self, org_id: str) -> int:
        """Stored reports of the organisation, before merging: a cheap measure of how much there is."""
        return int(self._engine.read("SELECT count() FROM traffic WHERE org_id = {org:String}", {"org": org_id}, "TSV"))

    def last_position(self) -> int:
        """Largest position in the store; 0 when it is empty."""
        return int(self._engine.read("SELECT max(seq) FROM traffic", None, "TSV"))


def rows_in(array: bytes) -> int:
    """How many rows a JSON array of the reader holds: they stand one a line."""
    return 0 if array == b"[]" else array.count(b"\n{") + 1


def _continue(part: Compiled, cursor: Cursor, newest_first: bool) -> None:
    comparison = "<" if newest_first else ">"
    part.parameters |= {"c0": cursor.started_at, "c1": cursor.reporter_id, "c2": cursor.flow_id}
    place = "(fromUnixTimestamp64Micro({c0:Int64}, 'UTC'), {c1:String}, {c2:UUID})"
    loose = f"started_at {comparison}= fromUnixTimestamp64Micro({{c0:Int64}}, 'UTC')"
    part.clauses += [loose, f"(started_at, reporter_id, flow_id) {comparison} {place}"]


def _within(part: Compiled, reach: int, newest_first: bool) -> Compiled:
    bounded = Compiled(list(part.clauses), dict(part.parameters))
    bounded.parameters["reach"] = reach
    bounded.clauses.append(f"started_at {'>=' if newest_first else '<='} fromUnixTimestamp64Micro({{reach:Int64}}, 'UTC')")
    return bounded
