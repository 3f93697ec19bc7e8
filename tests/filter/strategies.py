"""Random trees for property tests: every node, operator and kind of value, over the vocabulary of `rows.py` or any text."""

import datetime as dt
import ipaddress
import uuid

from hypothesis import strategies as st

from meshtrail.filter.fields import Field, fields_of
from meshtrail.filter.limits import OFFSET_US_MAX
from meshtrail.filter.sorts import UINT_BITS, Sort
from meshtrail.filter.tree import Compare, Contains, Exists, Leaf, Match, Matches, Node, Not, StartsWith, Word, all_of, any_of
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
from meshtrail.model.columns import TRAFFIC

FIELDS = fields_of(TRAFFIC).all
SIGNS = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(SIGNS, min_size=1, max_size=20),
    st.sampled_from(["and", "NOT", "state", "a:b", "source.name", "10.0.0.1", "now-2h", "*", "\\", '"', "a b", "1..2", "/x/", "&&"]),
)
PARTS = st.lists(st.text(SIGNS, max_size=8), min_size=2, max_size=4).map(tuple)
PATTERNS = PARTS.map(Pattern)
REGEXES = st.builds(
    Regex,
    st.lists(
        st.sampled_from(["a", "b", "/", r"\/"[1:], r"\d", "[a-z]", "[^/]", "(x|y)", "(?:ab)+", "^", "$", ".", "x{2,3}", r"\\", r"\.", "é"]),
        min_size=1,
        max_size=6,
    ).map("".join),
    st.booleans(),
)


def _times() -> st.SearchStrategy[Time]:
    instants = st.integers(-2_000_000_000_000_000, 10_000_000_000_000_000).map(Instant)
    days = st.dates(dt.date(1901, 1, 1), dt.date(2299, 12, 1)).map(Day)
    offsets = st.one_of(
        st.just(0), st.integers(-OFFSET_US_MAX, OFFSET_US_MAX), st.integers(-99, 99).map(lambda hours: hours * 3_600_000_000)
    )
    return st.one_of(instants, days, st.builds(Relative, st.sampled_from(Base), offsets))


def _ranges() -> st.SearchStrategy[TimeRange]:
    instants = st.integers(0, 2_000_000_000_000_000)
    fixed = st.builds(lambda at, length: TimeRange(Instant(at), Instant(at + length)), instants, st.integers(1, 10**15))
    relative = st.builds(lambda hours: TimeRange(Relative(Base.now, -hours * 3_600_000_000), Relative(Base.now)), st.integers(1, 99))
    return st.one_of(fixed, relative, st.just(TimeRange(Relative(Base.yesterday), Relative(Base.today))))


def _addresses() -> st.SearchStrategy[AddressRange]:
    single = st.one_of(
        st.ip_addresses(v=4).map(lambda address: int(ipaddress.ip_address(f"::ffff:{address}"))), st.ip_addresses(v=6).map(int)
    )
    both = st.tuples(single, single).map(lambda pair: AddressRange(min(pair), max(pair)))
    network = st.builds(lambda at, bits: AddressRange(at >> bits << bits, at | ((1 << bits) - 1)), single, st.integers(0, 128))
    return st.one_of(single.map(lambda at: AddressRange(at, at)), both, network)


def values_of(field: Field) -> st.SearchStrategy[Value]:
    """Values that the field can be compared with."""
    match field.sort:
        case Sort.text | Sort.names:
            return st.one_of(st.one_of(TEXTS, st.just("")).map(Text), PATTERNS)
        case Sort.identifier:
            return st.uuids().map(lambda each: Identifier(str(uuid.UUID(int=each.int))))
        case Sort.address:
            return _addresses()
        case Sort.choice:
            return st.sampled_from(field.choices).map(Choice)
        case Sort.time:
            return st.one_of(_times(), _ranges())
        case _:
            number = st.integers(0, min((1 << UINT_BITS[field.columns[0].kind]) - 1, 10**14))
            pair = st.tuples(number, number).map(lambda ends: NumberRange(min(ends), max(ends)))
            return st.one_of(number.map(Number), pair)


def _conditions(field: Field) -> st.SearchStrategy[Leaf]:
    values = values_of(field)
    kinds: list[st.SearchStrategy[Leaf]] = [
        st.just(Exists(field)),
        st.lists(values, min_size=1, max_size=4, unique=True).map(lambda each: Match(field, tuple(each))),
    ]
    if field.sort in {Sort.text, Sort.names}:
        texts = TEXTS.map(Text)
        kinds += [texts.map(lambda text: Contains(field, text)), texts.map(lambda text: StartsWith(field, text))]
        kinds.append(REGEXES.map(lambda regex: Matches(field, regex)))
    if field.sort in {Sort.number, Sort.size, Sort.duration, Sort.time}:
        points = values.filter(lambda value: not isinstance(value, NumberRange | TimeRange))
        operators = st.sampled_from(["<", "<=", ">", ">="])
        kinds.append(st.builds(Compare, st.just(field), operators, points))
    return st.one_of(kinds)


LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.sampled_from(FIELDS).flatmap(_conditions), st.one_of(TEXTS.map(Text), PATTERNS).map(Word)
)  # fmt: skip


def _joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(several.map(all_of), several.map(any_of), inner.map(Not))


TREES: st.SearchStrategy[Node] = st.recursive(LEAVES, _joined, max_leaves=10)
