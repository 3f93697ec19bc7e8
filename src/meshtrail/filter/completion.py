"""Completion: what may stand at the cursor, and which characters it replaces.

The text left of the cursor is walked with a small machine that only knows what kind of thing comes next; it goes on
where the parser would stop, since a text that is being written is wrong most of the time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from meshtrail.filter.amounts import NAMED
from meshtrail.filter.errors import FilterError
from meshtrail.filter.fields import Field, Fields, fields_of
from meshtrail.filter.lexer import Token, TokenKind, lexed
from meshtrail.filter.limits import COMPLETIONS_MAX
from meshtrail.filter.sorts import OPERATORS, Sort
from meshtrail.model.columns import Family


class Wanted(StrEnum):
    """What comes next."""

    term = "term"
    """A field, a word, `not`, a parenthesis."""
    operator = "operator"
    value = "value"
    item = "item"
    """A value of a list."""
    rest = "rest"
    """A comma or the end of a list."""
    more = "more"
    """`and`, `or`, or another term."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that may stand at the cursor."""

    text: str
    kind: str
    """`field`, `operator`, `value` or `keyword`."""
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """Candidates, best first, for the characters from `start` to `end`."""

    start: int
    end: int
    wanted: Wanted
    candidates: tuple[Candidate, ...] = ()
    field: str = ""
    """The field whose value is wanted, so that the caller can add values that occur."""
    typed: str = ""
    """What stands there already, left of the cursor."""


@dataclass(frozen=True, slots=True)
class _Place:
    wanted: Wanted = Wanted.term
    field: Field | None = None
    depth: int = 0
    """Open parentheses, lists not among them."""
    negated: bool = False
    """`not` stands between field and operator."""


USUAL = (
    "user", "source.name", "destination.name", "destination.port", "verdict", "started_at", "source.address",
    "destination.address", "policy", "application", "protocol", "state", "duration_ms", "rx.bytes", "tx.bytes", "source.port",
    "source.groups", "destination.groups", "initiator", "activity_code", "target", "outcome", "occurred_at", "initiator.ip",
    "target.type", "status", "error", "reporter",
)  # fmt: skip
"""Fields that are offered before others that fit as well."""

_LATER = frozenset({"not", "("})
"""Keywords that are offered behind the usual fields."""

_TIMES = {
    "now-15m": "a quarter of an hour ago", "now-1h": "an hour ago", "now-24h": "a day ago", "now-7d": "a week ago",
    "today": "midnight, or this day after in", "yesterday": "the midnight before, or that day after in", "now": "this moment",
}  # fmt: skip
_KEYWORDS = {"and": "both hold", "or": "one of them holds", "not": "does not hold", "(": "a group", ")": "end of the group"}
_WORD_REST = re.compile(r"[^\s()\",=!<>~]*")
_QUOTES = "\"'"


def complete(text: str, cursor: int, family: Family) -> Completion:
    """What may stand at the cursor (0 to the length of the text). Never an error: without an idea, no candidates."""
    cursor = min(max(cursor, 0), len(text))
    fields = fields_of(family)
    try:
        tokens, begun = _left_of(text[:cursor], fields)
    except FilterError:
        return Completion(cursor, cursor, Wanted.term)
    place = _Place()
    for token, following in zip(tokens, [*tokens, None][1:], strict=True):
        place = _step(place, token, following, fields)
    start = cursor if begun is None else begun
    typed = text[start:cursor].lstrip(_QUOTES)
    end = cursor if begun is None else _end_of(text, begun, cursor)
    candidates = _ranked(_candidates(place, fields), typed, fields)
    name = place.field.name if place.field is not None and place.wanted in {Wanted.value, Wanted.item} else ""
    return Completion(start, end, place.wanted, candidates, name, typed)


def _end_of(text: str, begun: int, cursor: int) -> int:
    """Where the word ends that the cursor touches; behind the closing quote when that stands in the same word."""
    rest = _WORD_REST.match(text, cursor)
    end = rest.end() if rest is not None else cursor
    return end + 1 if text[begun] in _QUOTES and text.startswith(text[begun], end) else end


def _left_of(text: str, fields: Fields) -> tuple[list[Token], int | None]:
    """Finished tokens, and where the one begins that the cursor touches, if it touches one."""
    try:
        tokens = lexed(text, fields)[:-1]
    except FilterError as error:
        if error.start >= len(text) or error.end < len(text):
            raise
        return lexed(text[: error.start], fields)[:-1], error.start
    if tokens and tokens[-1].kind is TokenKind.word and tokens[-1].end == len(text):
        return tokens[:-1], tokens[-1].start
    return tokens, None


def _step(place: _Place, token: Token, following: Token | None, fields: Fields) -> _Place:
    match place.wanted:
        case Wanted.operator:
            return _after_operator(place, token)
        case Wanted.value:
            listed = token.kind is TokenKind.opening
            return replace(place, wanted=Wanted.item) if listed else _more(place)
        case Wanted.item:
            return replace(place, wanted=Wanted.rest)
        case Wanted.rest:
            return _more(place) if token.kind is TokenKind.closing else replace(place, wanted=Wanted.item)
        case _:
            return _after_term(place, token, following, fields)


def _more(place: _Place) -> _Place:
    return _Place(Wanted.more, depth=place.depth)


def _after_operator(place: _Place, token: Token) -> _Place:
    if token.keyword == "not":
        return replace(place, negated=True)
    if token.keyword in {"exists", "missing"}:
        return _more(place)
    return replace(place, wanted=Wanted.value, negated=False)


def _after_term(place: _Place, token: Token, following: Token | None, fields: Fields) -> _Place:
    if token.kind is TokenKind.opening:
        return _Place(depth=place.depth + 1)
    if token.kind is TokenKind.closing:
        return _Place(Wanted.more, depth=max(0, place.depth - 1))
    if token.keyword in {"and", "or", "not"}:
        return _Place(depth=place.depth)
    if token.kind is TokenKind.operator:
        return replace(place, wanted=Wanted.value, field=None)
    field = fields.find(token.text) if token.kind is TokenKind.word else None
    known = field is not None or (following is not None and following.kind is TokenKind.operator)
    return _Place(Wanted.operator, field, place.depth) if known else _more(place)


def _candidates(place: _Place, fields: Fields) -> Iterable[Candidate]:
    match place.wanted:
        case Wanted.term:
            yield from (Candidate(each.name, "field", each.doc) for each in fields.all)
            yield from _keywords("not", "(")
        case Wanted.operator:
            yield from _operators(place)
        case Wanted.value | Wanted.item:
            yield from _values(place)
        case Wanted.rest:
            yield from (Candidate(sign, "keyword") for sign in (",", ")"))
        case Wanted.more:
            yield from _keywords("and", "or", *((")",) if place.depth else ()))
            yield from (Candidate(each.name, "field", each.doc) for each in fields.all)
            yield from _keywords("not", "(")


def _keywords(*names: str) -> Iterable[Candidate]:
    return (Candidate(name, "keyword", _KEYWORDS[name]) for name in names)


def _operators(place: _Place) -> Iterable[Candidate]:
    if place.field is None:
        return
    for name in OPERATORS[place.field.sort]:
        if not place.negated:
            yield Candidate(name, "operator")
        elif name.startswith("not "):
            yield Candidate(name.removeprefix("not "), "operator")


def _values(place: _Place) -> Iterable[Candidate]:
    if place.field is None:
        return
    yield from (Candidate(name, "value") for name in place.field.choices)
    numbers = NAMED.get(place.field.columns[0].name, {})
    yield from (Candidate(name, "value", str(number)) for name, number in numbers.items())
    if place.field.sort is Sort.time:
        yield from (Candidate(text, "value", doc) for text, doc in _TIMES.items())


def _ranked(candidates: Iterable[Candidate], typed: str, fields: Fields) -> tuple[Candidate, ...]:
    """Those that fit what is typed: the field itself, by their beginning, by the beginning of a part, anywhere; usual fields first."""
    wanted = typed.lower()
    meant = fields.find(wanted)
    ranked = []
    for number, each in enumerate(candidates):
        rank = -1 if meant is not None and each.text == meant.name else _rank(each.text, wanted)
        if rank is not None:
            later = each.kind == "field" or each.text in _LATER
            usual = USUAL.index(each.text) if each.text in USUAL else len(USUAL) * later
            ranked.append((rank, usual, number, each))
    return tuple(entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:3])[:COMPLETIONS_MAX])


def _rank(text: str, typed: str) -> int | None:
    if text.startswith((typed, typed.replace("_", "."))):
        return 0
    if any(part.startswith(typed) for part in re.split(r"[._]", text)):
        return 1
    return 2 if typed in text else None
