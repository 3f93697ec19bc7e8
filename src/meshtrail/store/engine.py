"""What the rest of the store needs from an event engine, and nothing more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from meshtrail.common.errors import UnavailableError

Parameters = Mapping[str, str | int | list[str] | list[int]]
"""Values of the `{name:Type}` places of a statement; they never become part of its text."""


class EngineError(Exception):
    """The engine refused or failed a statement; the message is the engine's first line."""


class EngineUnavailableError(EngineError, UnavailableError):
    """The engine cannot be opened or used now; the message says cause and remedy. It leaves the room as what it is: 503."""


class QueryTooLargeError(EngineError):
    """A read went past its limit of time or memory: narrow it."""


class ReadCancelledError(EngineError):
    """A read was ended by `Engine.cancel`: nobody waits for its answer any more."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one read may take of the engine."""

    name: str
    """Unique; `Engine.cancel` knows the read by it."""
    seconds: int
    memory_bytes: int
    groups: int
    """Groups that it may form."""


class Engine(Protocol):
    """A running event engine. All methods block; callers use threads."""

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that returns nothing."""

    def insert(self, table: str, batch: pa.Table) -> None:
        """Write the batch's columns; returns when they are durable. Columns that are not in the batch are null."""

    def read(
        self, sql: str, parameters: Parameters | None = None, form: str = "JSONEachRow", share: Share | None = None
    ) -> bytes:  # fmt: skip
        """Run a query and return the engine's own bytes in a ClickHouse output format. With a share it has its own limits and can
        be cancelled."""

    def cancel(self, name: str) -> None:
        """End the read of this share, if it runs; its caller gets `ReadCancelledError`."""

    def semi_join(self, sql: str, keys: pa.Table, parameters: Parameters | None = None) -> pa.Table:
        """Run a query that may read the table `keys` as `{keys}`; the answer in Arrow."""

    def close(self) -> None:
        """Release everything; the engine cannot be used after."""
