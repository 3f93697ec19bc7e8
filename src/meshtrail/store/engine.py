"""What the rest of the store needs from an event engine, and nothing more."""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

Parameters = Mapping[str, str | int | list[str] | list[int]]
"""Values of the `{name:Type}` places of a statement; they never become part of its text."""


class EngineError(Exception):
    """The engine refused or failed a statement; the message is the engine's first line."""


class EngineUnavailableError(EngineError):
    """The engine cannot be opened or used now; the message says cause and remedy."""


class QueryTooLargeError(EngineError):
    """A read went past its limit of time or memory: narrow it."""


class Engine(Protocol):
    """A running event engine. All methods block; callers use threads."""

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that returns nothing."""

    def insert(self, table: str, batch: pa.Table) -> None:
        """Write the batch's columns; returns when they are durable. Columns that are not in the batch are null."""

    def read(self, sql: str, parameters: Parameters | None = None, form: str = "JSONEachRow") -> bytes:
        """Run a query and return the engine's own bytes in a ClickHouse output format."""

    def semi_join(self, sql: str, keys: pa.Table, parameters: Parameters | None = None) -> pa.Table:
        """Run a query that may read the table `keys` as `{keys}`; the answer in Arrow."""

    def close(self) -> None:
        """Release everything; the engine cannot be used after."""
