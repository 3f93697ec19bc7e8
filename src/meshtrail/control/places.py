"""Where the control store is: a file, or the address of a database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from meshtrail.common.errors import InvalidError
from meshtrail.control.backend import Backend
from meshtrail.control.sqlite import SqliteBackend

Place = Path | str
"""A SQLite file (`Path`), or an address such as `postgresql://user@host/database`."""

_POSTGRES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_REMEDY = "Write postgresql://user@host:5432/database, or leave it out for a file in the data folder."


def backend_of(place: Place, options: Mapping[str, Any]) -> Backend:
    """The database at this place, not yet opened; `InvalidError` when the address is none of ours. The address is not repeated:
    it may hold a password."""
    if isinstance(place, Path):
        return SqliteBackend(place, options)
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):
        raise InvalidError("The address of the control store cannot be read.", _REMEDY) from None
    if url.drivername not in _POSTGRES:
        raise InvalidError(f"The control store cannot be a database of the kind {url.drivername[:30]!r}.", _REMEDY)
    from meshtrail.control.postgres import PostgresBackend  # noqa: PLC0415 (its driver is only for those who use it)

    return PostgresBackend(url, options)
