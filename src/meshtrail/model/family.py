"""What a family and a column are: the words in which `traffic.py` and `audit.py` are written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property


class Kind(StrEnum):
    """The logical type of a column; each deriver maps it to its own types."""

    text = "text"
    """Free text of high variety."""
    name = "name"
    """Text of low variety (names, ids): stored as a dictionary."""
    names = "names"
    """List of low-variety text."""
    uuid = "uuid"
    address = "address"
    """IPv4 or IPv6 address; stored as IPv6, IPv4 mapped (RFC 4291, 2.5.5.2)."""
    port = "port"
    u8 = "u8"
    u32 = "u32"
    u64 = "u64"
    time = "time"
    """UTC with microseconds."""
    json = "json"
    """A JSON object as compact text; the API shows the object."""
    choice = "choice"
    """A closed vocabulary (`Column.choices`)."""


class Merge(StrEnum):
    """What happens when a later report of the same event brings a value again. Null never replaces a fact."""

    key = "key"
    """Part of the event's identity: the same in every report."""
    first = "first"
    """The first known value stays: a snapshot of its moment."""
    largest = "largest"
    """The larger value wins: states that only advance, counters that only grow, times that only move on."""
    smallest = "smallest"
    """The smaller value wins: what belongs to the first arrival."""


class Partition(StrEnum):
    """How much time one piece of the table on disk covers."""

    day = "day"
    month = "month"


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a family, under one name everywhere."""

    name: str
    kind: Kind
    doc: str
    merge: Merge = Merge.first
    nullable: bool = True
    wire: bool = True
    """Whether a sender may set it; the others are given by the server."""
    choices: type[IntEnum] | None = None
    unit: str = ""
    expression: str = ""
    """ClickHouse expression of a computed column; computed columns are not stored."""
    indexed: bool = False
    """Kept in a skip index because lists are filtered by it."""

    @property
    def computed(self) -> bool:
        """Whether the column is derived when read."""
        return bool(self.expression)


@dataclass(frozen=True, eq=False)
class Family:
    """An event family: its name and its groups of columns. There is one object of each."""

    name: str
    groups: dict[str, tuple[Column, ...]] = field(repr=False)
    time: str
    """The column of the event's moment: lists are ordered by it, windows are windows of it."""
    key: tuple[str, str]
    """With organisation and time what identifies an event: its reporter, and the reporter's own number for it."""
    partition: Partition
    searched: tuple[str, ...]
    """Columns that a search text is looked for in."""

    @cached_property
    def sort_key(self) -> tuple[str, ...]:
        """What identifies an event, in the order on disk."""
        return ("org_id", self.time, *self.key)

    def __iter__(self) -> Iterator[Column]:
        for group in self.groups.values():
            yield from group

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns by name, in order."""
        return {column.name: column for column in self}

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns that are on disk."""
        return tuple(column for column in self if not column.computed)

    @cached_property
    def wire(self) -> tuple[Column, ...]:
        """The columns a sender may set."""
        return tuple(column for column in self.stored if column.wire)


def computed_id(time: str, reporter: str, own: str) -> str:
    """ClickHouse expression of a UUIDv7 (RFC 9562, 5.7) from what identifies an event: milliseconds of its time, version,
    variant, and 74 bits of hash instead of chance. Every report of one event has the same id, it takes no space, and it leads
    back to the sort key."""
    high = f"bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli({time})), 16), bitOr(0x7000, bitAnd(cityHash64({own}), 0xFFF)))"
    low = f"bitOr(bitAnd(sipHash64({reporter}, {own}), 0x3FFFFFFFFFFFFFFF), 0x8000000000000000)"
    return f"reinterpret(bitOr(toUInt128({high}), bitShiftLeft(toUInt128({low}), 64)), 'UUID')"


def org_column() -> Column:
    """The tenant, which leads every sort key."""
    return Column("org_id", Kind.name, "Organisation the event belongs to; every query carries it.", Merge.key, nullable=False, wire=False)


def choice(name: str, choices: type[IntEnum], doc: str, merge: Merge = Merge.first) -> Column:
    """A column of a closed vocabulary."""
    return Column(name, Kind.choice, doc, merge=merge, choices=choices)
