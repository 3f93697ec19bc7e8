"""What a kind of database has to do for the control store: begin transactions, and let processes tell each other of changes."""

from contextlib import AbstractContextManager
from enum import Enum
from typing import Protocol

from sqlalchemy import Connection


class Turn(Enum):
    """What may not come between a write and its end."""

    alone = "alone"
    """Any other write."""
    organisation = "organisation"
    """Another write of the organisation; the writer takes the organisation's row first."""
    note = "note"
    """Another note, or a write that is alone. A power failure may undo a note."""


class Listener(Protocol):
    """Who wants to know what other processes change."""

    def heard(self, org_id: str, revision: int) -> None:
        """The organisation has this revision now."""

    def announce_foreign(self) -> None:
        """Something may have changed: look."""


class Backend(Protocol):
    """One database. Thread-safe."""

    shown: str
    """Where it is, for people: without password."""

    def open(self) -> None:
        """Get ready; connections are made when they are needed."""

    def close(self) -> None:
        """Close all connections."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment and writes nothing."""

    def writing(self, turn: Turn) -> AbstractContextManager[Connection]:
        """A transaction that waits for its turn; durable at its end, unless it is a note."""

    def migrating(self) -> AbstractContextManager[Connection]:
        """A transaction that is alone and changes tables."""

    def tell(self, transaction: Connection, org_id: str, revision: int) -> None:
        """Let other processes hear of the change when it is durable."""

    async def watch(self, listener: Listener) -> None:
        """Pass on what other processes change, until cancelled."""
