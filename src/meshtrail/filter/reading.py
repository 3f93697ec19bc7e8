"""From a token to a value of a field, by the field's sort."""

import difflib
import re
import uuid

from meshtrail.filter.addresses import read_addresses
from meshtrail.filter.amounts import NAMED, amount
from meshtrail.filter.errors import FilterError
from meshtrail.filter.fields import Field
from meshtrail.filter.lexer import Token
from meshtrail.filter.limits import VALUE_CHARACTERS_MAX, WILDCARDS_MAX
from meshtrail.filter.sorts import UINT_BITS, Sort
from meshtrail.filter.times import read_time
from meshtrail.filter.values import (
    Choice,
    Day,
    Identifier,
    Instant,
    Number,
    NumberRange,
    Pattern,
    Relative,
    Text,
    TimeRange,
    Value,
)  # fmt: skip

_SHOWN_CHARACTERS_MAX = 40
"""How much of a value an error repeats."""

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


def read_value(field: Field, token: Token) -> Value:
    """The value that the token is for the field; `FilterError` at the token otherwise."""
    if field.sort in {Sort.text, Sort.names}:
        return read_text(token)
    if len(token.parts) > 1:
        raise FilterError(
            f"{field.name} takes no wildcards.", token.start, token.end,
            remedy="Write a network such as 10.0.0.0/8." if field.sort is Sort.address else "",
        )  # fmt: skip
    try:
        return _typed(field, token)
    except ValueError as error:
        raise FilterError(f"{field.name}: {shown(token)} {error}.", token.start, token.end) from None


def shown(token: Token) -> str:
    """The token's text for an error."""
    text = token.text if len(token.text) <= _SHOWN_CHARACTERS_MAX else token.text[:_SHOWN_CHARACTERS_MAX] + "…"
    return f'"{text}"'


def read_text(token: Token) -> Text | Pattern:
    """Text, or a pattern when the token has wildcards."""
    if token.end - token.start > VALUE_CHARACTERS_MAX:
        raise FilterError(f"The value is longer than {VALUE_CHARACTERS_MAX} characters.", token.start, token.end)
    if len(token.parts) == 1:
        return Text(token.parts[0])
    if len(token.parts) - 1 > WILDCARDS_MAX:
        raise FilterError(f"The value has more than {WILDCARDS_MAX} wildcards.", token.start, token.end)
    return Pattern(token.parts)


def plain_text(token: Token) -> Text:
    """Text in which a star is a star, as `contains` takes it."""
    if token.end - token.start > VALUE_CHARACTERS_MAX:
        raise FilterError(f"The text is longer than {VALUE_CHARACTERS_MAX} characters.", token.start, token.end)
    if not token.text:
        raise FilterError("An empty text is in everything.", token.start, token.end, remedy="Write exists for every known value.")
    return Text(token.text)


def _typed(field: Field, token: Token) -> Value:
    match field.sort:
        case Sort.address:
            return read_addresses(token.text)
        case Sort.time:
            return _time(token)
        case Sort.choice:
            return _choice(field, token)
        case Sort.identifier:
            if not _UUID.fullmatch(token.text):
                raise ValueError("is no UUID")
            return Identifier(str(uuid.UUID(token.text)))
        case _:
            return _number(field, token)


def _time(token: Token) -> Value:
    low, dots, high = token.text.partition("..")
    if not dots:
        return read_time(low)
    since, until = read_time(low), read_time(high)
    ordered = (
        (isinstance(since, Instant) and isinstance(until, Instant) and since.microseconds >= until.microseconds)
        or (isinstance(since, Day) and isinstance(until, Day) and since.date >= until.date)
        or (isinstance(since, Relative) and isinstance(until, Relative) and since.base == until.base and since.offset >= until.offset)
    )
    if ordered:
        raise ValueError("is empty: the end is not included and has to lie behind the begin")
    return TimeRange(since, until)


def _choice(field: Field, token: Token) -> Choice:
    by_name = {choice.lower(): choice for choice in field.choices}
    name = token.text.lower()
    if name not in by_name:
        near = tuple(difflib.get_close_matches(name[:_SHOWN_CHARACTERS_MAX], field.choices, 1, 0.6))
        message = f"{field.name} cannot be {shown(token)}."
        raise FilterError(message, token.start, token.end, expected=field.choices, suggestions=near)
    return Choice(by_name[name])


def _number(field: Field, token: Token) -> Number | NumberRange:
    low, dots, high = token.text.partition("..")
    if not dots:
        return Number(_single(field, low))
    found = NumberRange(_single(field, low), _single(field, high))
    if found.low > found.high:
        raise ValueError("begins behind its end")
    return found


def _single(field: Field, text: str) -> int:
    column = field.columns[0]
    names = NAMED.get(column.name, {})
    named = names.get(text.lower()) if text.isascii() else None
    if named is None and text.isalpha() and (near := difflib.get_close_matches(text.lower()[:_SHOWN_CHARACTERS_MAX], names, 1, 0.6)):
        raise ValueError(f"is no number and no name; {near[0]} is one")
    value = named if named is not None else amount(text, field.sort)
    most = (1 << UINT_BITS[column.kind]) - 1
    if value > most:
        raise ValueError(f"is above {most}, the largest {field.name}")
    return value
