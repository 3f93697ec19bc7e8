"""The embedded engine: chDB, which is ClickHouse in this process.

Several connections share one path; each runs one query at a time and releases the interpreter lock while it does.
Inserts read Arrow in place through the `Python()` table function.
"""

import fcntl
import logging
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import chdb
import pyarrow as pa

from meshtrail.model.columns import FAMILIES
from meshtrail.store.endings import Endings
from meshtrail.store.engine import EngineError, EngineUnavailableError, Parameters, QueryTooLargeError, ReadCancelledError, Share
from meshtrail.store.limits import QUERY_MEMORY_BYTES_MAX, QUERY_TIME_S_MAX, READER_WAIT_S, READERS
from meshtrail.store.schema import looked_up, lookup_name

_TOO_LARGE = ("MEMORY_LIMIT_EXCEEDED", "TIMEOUT_EXCEEDED", "TOO_MANY_ROWS", "TOO_MANY_BYTES")

_CANCELLED = "QUERY_WAS_CANCELLED"

_READ_SETTINGS = (
    " SETTINGS do_not_merge_across_partitions_select_final = 1, output_format_json_quote_64bit_integers = 0, "
    "output_format_json_quote_denormals = 1, date_time_output_format = 'iso', prefer_column_name_to_alias = 1, "
    "max_query_size = 1048576, output_format_json_escape_forward_slashes = 0, "
)

_ORDINARY = f"max_execution_time = {QUERY_TIME_S_MAX}, max_memory_usage = {QUERY_MEMORY_BYTES_MAX}"

_LOOKUPS = ",".join(lookup_name(column) for family in FAMILIES.values() for column in looked_up(family))

_INSERT_SETTINGS = f" SETTINGS optimize_on_insert = 0, exclude_materialize_skip_indexes_on_insert = '{_LOOKUPS}'"
"""Reports of one batch merge later, in the background, as reports of different batches do: measured 2.4 times faster. Merges make
the lookup indexes too: a fresh part is small."""

_LOG = logging.getLogger(__name__)


class EmbeddedEngine:
    """chDB on one folder. Only one process may hold the folder; a second one gets `EngineUnavailableError`."""

    def __init__(self, path: Path, readers: int = READERS) -> None:
        self._path = path
        self._reader_count = readers
        self._lock: TextIO | None = None
        self._writer: Any = None
        self._writers: queue.Queue[Any] = queue.Queue()
        self._readers: queue.Queue[Any] = queue.Queue()
        self._cancellers: queue.Queue[Any] = queue.Queue()
        """A connection for nothing else: what is to be cancelled may hold all the others."""
        self._endings = Endings()

    def open(self) -> None:
        """Take the folder and open the connections."""
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _take(self._path / "lock")
        self._writers.put(self._connect())
        for _ in range(self._reader_count):
            self._readers.put(self._connect())
        self._cancellers.put(self._connect())

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """See `Engine.execute`."""
        with _borrowed(self._writers) as lent:
            _query(lent.connection, sql, "TSV", parameters)

    def insert(self, table: str, batch: pa.Table) -> None:
        """See `Engine.insert`."""
        names = ", ".join(f"`{name}`" for name in batch.column_names)
        statement = f"INSERT INTO {table} ({names}) SELECT {names} FROM Python(batch){_INSERT_SETTINGS}"
        with _borrowed(self._writers) as lent:
            _query(lent.connection, statement, "TSV", None, batch=batch)

    def read(
        self, sql: str, parameters: Parameters | None = None, form: str = "JSONEachRow", share: Share | None = None
    ) -> bytes:  # fmt: skip
        """See `Engine.read`."""
        with _borrowed(self._readers) as lent:
            if share is None:
                return _query(lent.connection, sql + _READ_SETTINGS + _ORDINARY, form, parameters)
            return self._read_in_share(lent, sql + _READ_SETTINGS + _limits(share), parameters, form, share.name)

    def _read_in_share(self, lent: "_Lent", sql: str, parameters: Parameters | None, form: str, name: str) -> bytes:
        try:
            with self._endings.running(name) as running:
                answer = _query(lent.connection, sql, form, parameters)
        except EngineError:
            if not running.told_to_end:
                raise
        if not running.told_to_end:
            return answer
        lent.connection.close()
        lent.connection = self._connect()
        raise ReadCancelledError("The read was told to end.")

    def cancel(self, name: str) -> None:
        """See `Engine.cancel`. The read ends at its next block of rows; this does not wait for it."""
        self._endings.end(name, lambda: self._kill(name))

    def _kill(self, name: str) -> None:
        with _borrowed(self._cancellers) as lent:
            _query(lent.connection, "KILL QUERY WHERE Settings['log_comment'] = {name:String} ASYNC", "TSV", {"name": name})

    def semi_join(self, sql: str, keys: pa.Table, parameters: Parameters | None = None) -> pa.Table:
        """See `Engine.semi_join`."""
        statement = sql.replace("{keys}", "Python(batch)") + _READ_SETTINGS + _ORDINARY
        with _borrowed(self._readers) as lent:
            answer = _query(lent.connection, statement, "ArrowStream", parameters, batch=keys)
        return pa.ipc.open_stream(answer).read_all() if answer else pa.table({})

    def _connect(self) -> Any:
        connect: Any = chdb.connect
        return connect(str(self._path / "clickhouse"))

    def close(self) -> None:
        """See `Engine.close`; waits for running queries."""
        for pool, count in ((self._writers, 1), (self._readers, self._reader_count), (self._cancellers, 1)):
            for _ in range(count):
                try:
                    pool.get(timeout=READER_WAIT_S).close()
                except queue.Empty:
                    _LOG.warning("a query still runs; its connection is left open")
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _limits(share: Share) -> str:
    """The share as settings. The name is no parameter there, so it is checked."""
    if not share.name.isalnum():
        raise ValueError("a share's name is letters and digits")
    return (
        f"max_execution_time = {share.seconds}, max_memory_usage = {share.memory_bytes}, max_rows_to_group_by = {share.groups}, "
        f"log_comment = '{share.name}'"
    )


def _take(path: Path) -> TextIO:
    handle = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise EngineUnavailableError(
            f"The store in {path.parent} is in use by process {owner}: stop that process, or choose another --data folder."
        ) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


@dataclass(slots=True)
class _Lent:
    """A connection that one caller has for itself. Whoever spoils it puts another in its place."""

    connection: Any


@contextmanager
def _borrowed(pool: "queue.Queue[Any]") -> Iterator[_Lent]:
    try:
        lent = _Lent(pool.get(timeout=READER_WAIT_S))
    except queue.Empty as error:
        raise EngineUnavailableError("All connections of the store are busy.", "Try again in a moment.") from error
    try:
        yield lent
    finally:
        pool.put(lent.connection)


def _query(connection: Any, sql: str, form: str, parameters: Parameters | None, batch: pa.Table | None = None) -> bytes:
    """Run one statement. `batch` is found by name by the engine's `Python(batch)`, which looks at this frame."""
    try:
        result = connection.query(sql, form, params=_encoded(parameters) if parameters else None)
    except Exception as error:
        raise _translated(error) from error
    answer: bytes = result.bytes()
    del batch
    return answer


def _encoded(parameters: Parameters) -> dict[str, str | int]:
    """Parameters in the text form the engine parses: TSV escapes for a string, a quoted literal for a list."""
    return {name: _text(value) for name, value in parameters.items()}


def _text(value: str | int | list[str] | list[int]) -> str | int:
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    if isinstance(value, list):
        return "[" + ",".join(_element(element) for element in value) + "]"
    return value


def _element(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _translated(error: Exception) -> EngineError:
    message = str(error).split("\n", 1)[0]
    if any(name in message for name in _TOO_LARGE):
        return QueryTooLargeError(message)
    if _CANCELLED in message:
        return ReadCancelledError(message)
    return EngineError(message)
