"""Sorts of fields: how a field's values are written, and which operators it has."""

from enum import StrEnum

from meshtrail.model.columns import Column, Kind

UINT_BITS = {Kind.port: 16, Kind.u8: 8, Kind.u32: 32, Kind.u64: 64}
"""Widths of the number columns."""


class Sort(StrEnum):
    """How values of a field are written."""

    text = "text"
    names = "list of names"
    identifier = "UUID"
    address = "address"
    number = "number"
    size = "size"
    duration = "duration"
    time = "time"
    choice = "choice"


_EQUAL = ("=", "!=", "in", "not in")
_ORDER = ("<", "<=", ">", ">=")
_TEXT = ("~", "!~", "contains", "not contains", "starts_with", "not starts_with")
_KNOWN = ("exists", "missing")

OPERATORS: dict[Sort, tuple[str, ...]] = {
    Sort.text: (*_EQUAL, *_TEXT, *_KNOWN),
    Sort.names: (*_EQUAL, *_TEXT, *_KNOWN),
    Sort.identifier: (*_EQUAL, *_KNOWN),
    Sort.address: (*_EQUAL, *_KNOWN),
    Sort.number: (*_EQUAL, *_ORDER, *_KNOWN),
    Sort.size: (*_EQUAL, *_ORDER, *_KNOWN),
    Sort.duration: (*_EQUAL, *_ORDER, *_KNOWN),
    Sort.time: (*_EQUAL, *_ORDER, *_KNOWN),
    Sort.choice: (*_EQUAL, *_KNOWN),
}
"""Operators by sort, in the order in which completion offers them."""

_SORTS = {
    Kind.text: Sort.text, Kind.name: Sort.text, Kind.names: Sort.names, Kind.uuid: Sort.identifier,
    Kind.address: Sort.address, Kind.time: Sort.time, Kind.choice: Sort.choice, Kind.json: Sort.text,
}  # fmt: skip
_MEASURES = {"bytes": Sort.size, "milliseconds": Sort.duration}


def sort_of(column: Column) -> Sort:
    """The sort of a column: by its kind, and of numbers by their unit."""
    return _SORTS.get(column.kind) or _MEASURES.get(column.unit, Sort.number)
