"""The raw values behind the words of a row, by which a list can be narrowed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshtrail.web import formats

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowValue:
    """A value as a filter takes it."""

    field: str
    value: str
    port: str = ""
    """Of an address: the port that stands beside it."""


Values = Mapping[str, RowValue]
"""By the part of the row in which they stand."""

NOTHING: Values = {}


def first_known(row: Row, *fields: str) -> RowValue | None:
    """The first of the fields that the row knows."""
    return next((RowValue(name, str(row[name])) for name in fields if row.get(name) not in (None, "")), None)


def end_values(row: Row, end: str) -> dict[str, RowValue | None]:
    """Of one end of a connection: what `rows.end_of` shows."""
    address, port = row.get(f"{end}_address"), row.get(f"{end}_port")
    named = first_known(row, f"{end}_name", f"{end}_dns_label")
    shown_port = "" if port is None or (named and end == "source") else str(port)
    where = None if address is None else RowValue(f"{end}_address", str(address), shown_port)
    return {f"{end}-name": named, f"{end}-address": where} if named else {f"{end}-name": where}


def known_values(pairs: Iterable[tuple[str, RowValue | None]]) -> Values:
    """Those that are known. Values with characters that deceive are not set in a page, not even in attributes."""
    return {part: value for part, value in pairs if value is not None and formats.visible(value.value) == value.value}
