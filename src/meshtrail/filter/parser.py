"""The parser: recursive descent over tokens, one token ahead (two for `not in`), with named limits.

    filter    = [ or ]
    or        = and { "or" and }
    and       = not { [ "and" ] not }
    not       = { "not" } primary
    primary   = "(" or ")" | condition | word

`docs/reference/filter-grammar.md` has the whole grammar.
"""

from typing import cast

from meshtrail.filter.errors import FilterError
from meshtrail.filter.fields import Field, fields_of
from meshtrail.filter.lexer import Token, TokenKind, lexed
from meshtrail.filter.limits import DEPTH_MAX, RANGES_MAX, REGEXES_MAX, TERMS_MAX, VALUES_MAX, WORDS_MAX
from meshtrail.filter.reading import plain_text, read_text, read_value, shown
from meshtrail.filter.regex import checked
from meshtrail.filter.sorts import OPERATORS
from meshtrail.filter.tree import (
    EVERYTHING,
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
)  # fmt: skip
from meshtrail.filter.values import AddressRange, NumberRange, Ordered, Pattern, TimeRange, Value
from meshtrail.model.columns import Family

_ORDERINGS = frozenset({"<", "<=", ">", ">="})
_AFTER_FIELD = frozenset({"in", "contains", "starts_with", "exists", "missing"})
_AFTER_NOT = frozenset({"in", "contains", "starts_with"})
_VALUE_KINDS = frozenset({TokenKind.word, TokenKind.quoted})
_FOREIGN = {"&&": "and", "||": "or", "&": "and", "|": "or"}
_TERM = ("a field", "a word", "(", "not")


def parse(text: str, family: Family) -> Node:
    """The tree of a filter on events of the family; `FilterError` for everything that is none."""
    return _Parser(text, family).parse()


class _Parser:
    """One walk along the tokens."""

    def __init__(self, text: str, family: Family) -> None:
        self._fields = fields_of(family)
        self._tokens = lexed(text, self._fields)
        self._at = 0
        self._counts: dict[str, int] = {}

    def parse(self) -> Node:
        if len(self._tokens) == 1:
            return EVERYTHING
        node = self._or(0)
        if self._here.kind is not TokenKind.end:
            message = "This ) closes nothing." if self._here.kind is TokenKind.closing else f"{self._seen()} cannot stand here."
            remedy = "A list stands in parentheses: in (22, 3389)." if self._here.kind is TokenKind.comma else ""
            raise self._error(message, self._here, expected=("and", "or"), remedy=remedy)
        return node

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _ahead(self, count: int) -> Token:
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._here
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _seen(self) -> str:
        token = self._here
        return "The end of the filter" if token.kind is TokenKind.end else shown(token)

    def _error(
        self, message: str, token: Token, *, expected: tuple[str, ...] = (), suggestions: tuple[str, ...] = (), remedy: str = ""
    ) -> FilterError:
        return FilterError(message, token.start, token.end, expected=expected, suggestions=suggestions, remedy=remedy)

    def _count(self, what: str, most: int, token: Token) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        if self._counts[what] > most:
            raise self._error(f"The filter has more than {most} {what}.", token)

    def _or(self, depth: int) -> Node:
        items = [self._and(depth)]
        while self._here.keyword == "or":
            self._next()
            items.append(self._and(depth))
        return any_of(items)

    def _and(self, depth: int) -> Node:
        items = [self._not(depth)]
        while True:
            if self._here.keyword == "and":
                self._next()
            elif self._here.kind in {TokenKind.end, TokenKind.closing, TokenKind.comma, TokenKind.operator} or self._here.keyword == "or":
                return all_of(items)
            items.append(self._not(depth))

    def _not(self, depth: int) -> Node:
        if self._here.keyword != "not":
            return self._primary(depth)
        self._deeper(depth)
        self._next()
        return Not(self._not(depth + 1))

    def _deeper(self, depth: int) -> None:
        if depth >= DEPTH_MAX:
            raise self._error(f"More than {DEPTH_MAX} levels of parentheses and not.", self._here)

    def _primary(self, depth: int) -> Node:
        token = self._here
        if token.kind is TokenKind.opening:
            return self._group(depth)
        if token.kind not in _VALUE_KINDS or token.keyword:
            raise self._error(f"{self._seen()} cannot stand here: a condition is missing.", token, expected=_TERM)
        self._next()
        self._count("conditions", TERMS_MAX, token)
        return self._condition(token) if self._operator_follows() else self._word(token)

    def _group(self, depth: int) -> Node:
        self._deeper(depth)
        opening = self._next()
        node = self._or(depth + 1)
        if self._here.kind is not TokenKind.closing:
            if self._here.kind is TokenKind.end:
                raise self._error("This ( is never closed.", opening, expected=(")",))
            raise self._error(f"{self._seen()} cannot stand here.", self._here, expected=(")", "and", "or"))
        self._next()
        return node

    def _operator_follows(self) -> bool:
        here = self._here
        return here.kind is TokenKind.operator or here.keyword in _AFTER_FIELD or (
            here.keyword == "not" and self._ahead(1).keyword in _AFTER_NOT
        )  # fmt: skip

    def _word(self, token: Token) -> Word:
        if token.kind is TokenKind.word:
            if (meant := _FOREIGN.get(token.text)) is not None:
                raise self._error(f"{shown(token)} is no operator.", token, suggestions=(meant,))
            if (field := self._fields.find(token.text)) is not None:
                raise self._error(
                    f"An operator is missing behind the field {field.name}.", self._here, expected=OPERATORS[field.sort],
                    suggestions=("missing",) if self._here.keyword == "not" and self._ahead(1).keyword == "exists" else (),
                    remedy=f'To search for the word, write "{token.text}".',
                )  # fmt: skip
        self._count("free words", WORDS_MAX, token)
        if not token.text:
            raise self._error("An empty text is in everything.", token)
        return Word(read_text(token))

    def _condition(self, token: Token) -> Node:
        field = self._field(token)
        operator = self._next()
        name = operator.keyword or operator.text
        if name == "not":
            operator = self._next()
            name = f"not {operator.keyword}"
        if name not in OPERATORS[field.sort]:
            raise self._error(f"{field.name} has no operator {name}.", operator, expected=OPERATORS[field.sort])
        negated = name.startswith("not ") or name in {"!=", "!~", "missing"}
        leaf = self._leaf(field, name.removeprefix("not ").replace("!", ""))
        return Not(leaf) if negated else leaf

    def _field(self, token: Token) -> Field:
        field = self._fields.find(token.text) if len(token.parts) == 1 else None
        if field is not None and token.kind is TokenKind.quoted:
            raise self._error("A field stands without quotes.", token, suggestions=(field.name,))
        if field is None:
            raise self._error(
                f"There is no field {shown(token)}.", token, suggestions=self._fields.near(token.text),
                remedy="Words that are no condition stand in quotes when one of them is a keyword." if self._here.keyword else "",
            )  # fmt: skip
        return field

    def _leaf(self, field: Field, operator: str) -> Condition:
        if operator in {"exists", "missing"}:
            return Exists(field)
        if operator == "~":
            return self._matches(field)
        if operator in {"contains", "starts_with"}:
            text = plain_text(self._value_token())
            return Contains(field, text) if operator == "contains" else StartsWith(field, text)
        if operator in _ORDERINGS:
            return self._compare(field, cast("Comparison", operator))
        if self._here.kind is TokenKind.opening:
            return Match(field, self._list(field))
        return Match(field, (self._value(field),))

    def _matches(self, field: Field) -> Matches:
        token = self._next()
        if token.kind is not TokenKind.regex:
            meant = (f"/{token.text}/",) if token.kind in _VALUE_KINDS and token.text else ()
            raise self._error("A regular expression stands between slashes.", token, expected=("/…/",), suggestions=meant)
        self._count("regular expressions", REGEXES_MAX, token)
        if token.flags not in {"", "i"}:
            raise self._error(f"There is no flag {token.flags[:10]!r} of regular expressions.", token, expected=("/…/", "/…/i"))
        return Matches(field, checked(token.text, token.flags == "i", token.start + 1))

    def _compare(self, field: Field, operator: Comparison) -> Compare:
        token = self._here
        value = self._value(field)
        if not isinstance(value, Ordered):
            raise self._error(f"{operator} takes one value, not a range.", token)
        return Compare(field, operator, value)

    def _list(self, field: Field) -> tuple[Value, ...]:
        opening = self._next()
        values = [self._value(field)]
        while self._here.kind is TokenKind.comma:
            self._next()
            values.append(self._value(field))
            if len(values) > VALUES_MAX:
                raise FilterError(f"The list has more than {VALUES_MAX} values.", opening.start, self._here.start)
        if self._here.kind is not TokenKind.closing:
            if self._here.kind is TokenKind.end:
                raise self._error("The list is never closed.", opening, expected=(",", ")"))
            raise self._error(f"{self._seen()} cannot stand here.", self._here, expected=(",", ")"))
        self._next()
        return tuple(dict.fromkeys(values))

    def _value_token(self) -> Token:
        token = self._here
        if token.kind not in _VALUE_KINDS or token.keyword:
            remedy = f'Write "{token.text}" if it is the value.' if token.keyword else ""
            raise self._error(f"{self._seen()} cannot stand here: a value is missing.", token, expected=("a value",), remedy=remedy)
        return self._next()

    def _value(self, field: Field) -> Value:
        token = self._value_token()
        value = read_value(field, token)
        if isinstance(value, Pattern | TimeRange | NumberRange) or (isinstance(value, AddressRange) and value.low != value.high):
            self._count("ranges and wildcards", RANGES_MAX, token)
        return value
