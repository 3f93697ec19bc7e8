"""Values in the tree: what stands at the right of an operator.

Relative times stay as they were written, so that a link to "the last two hours" stays one; `moment.resolved` makes
instants of them when the filter is used.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Text:
    """Text as it is, case included."""

    text: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text with wildcards: the pieces between the stars, at least two, empty at an end that is open."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression of the subset that `regex.checked` allows."""

    pattern: str
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A word of a closed vocabulary."""

    name: str


@dataclass(frozen=True, slots=True)
class Identifier:
    """A UUID in its usual form: lower case, with dashes."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in the unit of its field: bytes, milliseconds, or just a count."""

    value: int


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses from `low` to `high`, both included, as 128-bit numbers; IPv4 is mapped into IPv6 (RFC 4291, 2.5.5.2)."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment, in microseconds since the epoch."""

    microseconds: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar, in the time zone of whoever asks. Its moment is its first."""

    date: dt.date


class Base(StrEnum):
    """What a relative time is counted from."""

    now = "now"
    today = "today"
    yesterday = "yesterday"


@dataclass(frozen=True, slots=True)
class Relative:
    """A time counted from now, or from a midnight of the time zone of whoever asks."""

    base: Base
    offset: int = 0
    """Microseconds, negative before."""


Time = Instant | Day | Relative


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open: `since <= time < until`."""

    since: Time
    until: Time


Value = Text | Pattern | Choice | Identifier | Number | NumberRange | AddressRange | Time | TimeRange
Ordered = Number | Time
"""Values that `<` and its kin take."""
