"""Random filters whose values occur in given rows, or nearly."""

import datetime as dt
import ipaddress
import random
import uuid
from typing import Any

from meshtrail.common.clock import microseconds
from meshtrail.filter.fields import Field, fields_of
from meshtrail.filter.sorts import UINT_BITS, Sort
from meshtrail.filter.tree import (
    Compare,
    Comparison,
    Condition,
    Contains,
    Exists,
    Match,
    Matches,
    Node,
    Not,
    StartsWith,
    Word,
    all_of,
    any_of,
)
from meshtrail.filter.values import (
    AddressRange,
    Base,
    Choice,
    Day,
    Identifier,
    Instant,
    Number,
    NumberRange,
    Pattern,
    Regex,
    Relative,
    Text,
    Time,
    TimeRange,
    Value,
)
from meshtrail.model.columns import Family

REGEXES = (
    Regex("^[a-z]+-[0-9]$"), Regex("o'b", ignores_case=True), Regex(r"\.(org|com)$"), Regex("^$"), Regex(r"[^\w\s]"), Regex("(?:a|b).*b"),
    Regex(r"\\"), Regex("o{1,2}"), Regex(r"\bhi\b"), Regex("ß"), Regex("[Жa-c]"), Regex("^dev$"),
)  # fmt: skip
ORDERINGS: tuple[Comparison, ...] = ("<", "<=", ">", ">=")
HOUR_US = 3_600_000_000


class RandomFilters:
    """Trees over the fields of a family and the values of its rows."""

    def __init__(self, family: Family, rows: list[dict[str, Any]], now: int, seed: int) -> None:
        self._family = family
        self._fields = fields_of(family).all
        self._rows = rows
        self._now = now
        self._chance = random.Random(seed)

    def tree(self, depth: int = 0) -> Node:
        """A tree of at most four levels."""
        shape = self._chance.random()
        if depth >= 3 or shape < 0.4:
            return self._leaf()
        if shape < 0.55:
            return Not(self.tree(depth + 1))
        items = [self.tree(depth + 1) for _ in range(self._chance.randint(2, 3))]
        return all_of(items) if shape < 0.78 else any_of(items)

    def _leaf(self) -> Node:
        if self._chance.random() < 0.12:
            return Word(self._words())
        return self._condition(self._chance.choice(self._fields))

    def _words(self) -> Text | Pattern:
        text = self._near_text(self._chance.choice(self._family.searched))
        if self._chance.random() < 0.2:
            return self._chance.choice((Text("10.0.0.0/16"), Text("2001:db8::/32"), Text("10.0."), Text("fe80"), Text("db"), Text(":")))
        return self._pattern(text) if self._chance.random() < 0.3 else Text(text or "x")

    def _condition(self, field: Field) -> Condition:
        chance = self._chance
        kinds = ["match"] * 4 + ["exists"]
        if field.sort in {Sort.text, Sort.names}:
            kinds += ["contains", "starts_with", "matches"]
        if field.sort in {Sort.number, Sort.size, Sort.duration, Sort.time}:
            kinds += ["compare"] * 3
        match chance.choice(kinds):
            case "match":
                return Match(field, tuple(dict.fromkeys(self._value(field) for _ in range(chance.choice((1, 1, 2, 4))))))
            case "compare":
                return Compare(field, chance.choice(ORDERINGS), self._point(field))
            case "contains":
                return Contains(field, Text(self._piece(field)))
            case "starts_with":
                return StartsWith(field, Text(self._piece(field)))
            case "matches":
                return Matches(field, chance.choice(REGEXES))
            case _:
                return Exists(field)

    def _piece(self, field: Field) -> str:
        text = self._near_text(field.columns[0].name)
        begin = self._chance.choice((0, 0, 1))
        piece = text[begin : begin + self._chance.randint(1, 5)]
        return self._chance.choice((piece, piece.upper(), piece.lower())) or "a"

    def _known(self, column: str) -> Any:
        """A value of the column in some row, or None."""
        value = self._chance.choice(self._rows)[column]
        if isinstance(value, list):
            return self._chance.choice(value) if value else None
        return value

    def _near_text(self, column: str) -> str:
        """A text of the column; now and then in another case, or with a sign that means something to SQL in place of a letter."""
        value = self._known(column)
        text = "nothing" if value is None else str(value)
        shape = self._chance.random()
        if shape < 0.15:
            return text.swapcase()
        at = self._chance.randrange(len(text) or 1)
        return text[:at] + self._chance.choice("_%\\*") + text[at + 1 :] if shape < 0.3 else text

    def _pattern(self, text: str) -> Pattern:
        cut = self._chance.randint(0, len(text))
        return self._chance.choice(
            (Pattern((text[:cut], "")), Pattern(("", text[cut:])), Pattern((text[:cut], text[cut:])), Pattern(("", "")))
        )

    def _value(self, field: Field) -> Value:
        column, chance = field.columns[0], self._chance
        match field.sort:
            case Sort.text | Sort.names:
                text = self._near_text(chance.choice(field.columns).name)
                return self._pattern(text) if chance.random() < 0.3 else Text(text)
            case Sort.choice:
                return Choice(chance.choice(field.choices))
            case Sort.identifier:
                return Identifier(chance.choice((self._known(column.name), str(uuid.UUID(int=chance.getrandbits(128))))))
            case Sort.address:
                return self._addresses(chance.choice(field.columns).name)
            case Sort.time:
                return self._times(field)
            case _:
                low, high = sorted((self._number(field), self._number(field)))
                return NumberRange(low, high) if chance.random() < 0.3 else Number(low)

    def _addresses(self, column: str) -> AddressRange:
        known = self._known(column) or "10.0.0.3"
        address = ipaddress.ip_address(known)
        at = int(address) + (0xFFFF << 32 if address.version == 4 else 0)
        if self._chance.random() < 0.4:
            return AddressRange(at, at)
        bits = self._chance.choice((1, 8, 16, 32, 64, 128))
        if self._chance.random() < 0.5:
            return AddressRange(at >> bits << bits, at | ((1 << bits) - 1))
        return AddressRange(at, min(at + self._chance.randrange(1 << bits), (1 << 128) - 1))

    def _number(self, field: Field) -> int:
        column = self._chance.choice(field.columns)
        known = self._known(column.name)
        most = (1 << UINT_BITS[column.kind]) - 1
        value = int(known) if known is not None else self._chance.randrange(200)
        return min(max(value + self._chance.choice((-1, 0, 0, 0, 1)), 0), most)

    def _point(self, field: Field) -> Number | Time:
        return self._time(field) if field.sort is Sort.time else Number(self._number(field))

    def _time(self, field: Field) -> Time:
        chance = self._chance
        known = self._known(field.columns[0].name)
        if known is not None and chance.random() < 0.4:
            return Instant(microseconds(known) + chance.choice((-1, 0, 1)))
        if chance.random() < 0.2:
            moment = dt.datetime.fromtimestamp(self._now // 1_000_000, dt.UTC) + dt.timedelta(days=chance.choice((-1, 0, 1)))
            return Day(moment.date())
        return Relative(chance.choice(tuple(Base)), chance.choice((0, 0, 24, -24, 1, -1, -5, 7)) * HOUR_US)

    def _times(self, field: Field) -> Value:
        known = sorted({microseconds(value) for _ in range(3) if (value := self._known(field.columns[0].name)) is not None})
        if len(known) > 1 and self._chance.random() < 0.4:
            return TimeRange(Instant(known[0]), Instant(known[-1]))
        since, until = self._time(field), self._time(field)
        if self._chance.random() < 0.5 or type(since) is type(until):
            return since
        return TimeRange(since, until)
