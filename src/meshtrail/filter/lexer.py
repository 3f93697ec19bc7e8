"""From text to tokens, each with its place. One pass, no way back, so the work grows with the length alone."""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from meshtrail.filter.errors import FilterError
from meshtrail.filter.escapes import unescaped
from meshtrail.filter.limits import SUGGESTED_CHARACTERS_MAX, TEXT_CHARACTERS_MAX

KEYWORDS = ("and", "or", "not", "in", "contains", "starts_with", "exists", "missing")
"""Words with a meaning, in any case; to search for one, quote it."""


class TokenKind(StrEnum):
    """What a token is, in words for people."""

    word = "word"
    quoted = "quoted text"
    regex = "regular expression"
    operator = "operator"
    opening = "("
    closing = ")"
    comma = ","
    end = "end of the filter"


@dataclass(frozen=True, slots=True)
class Token:
    """One token and the characters it was read from."""

    kind: TokenKind
    start: int
    end: int
    parts: tuple[str, ...] = ("",)
    """The text between wildcards, escapes undone; one part without wildcards. The normal form of an operator."""
    keyword: str = ""
    """The keyword in lower case; empty for everything else."""
    flags: str = ""
    """Letters after a regular expression."""

    @property
    def text(self) -> str:
        """The text with its stars."""
        return "*".join(self.parts)


_OPERATORS = {"==": "=", "=~": "~", "<>": "!="}
"""What others write, and what it is here."""

_OPERATOR = re.compile(r"=~|==|=|!=|!~|<>|<=|>=|<|>|~")
_SINGLE = {"(": TokenKind.opening, ")": TokenKind.closing, ",": TokenKind.comma}
_PLAIN = {
    "": re.compile(r"[^\s()\",=!<>~\\*:]+"),
    '"': re.compile(r'[^"\\*]+'),
    "'": re.compile(r"[^'\\*]+"),
}  # fmt: skip
"""Runs of characters without a meaning of their own, by the quote they stand in."""

_WORD_ENDS = frozenset('()",=!<>~')
_UNWRITTEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/([A-Za-z]*)", re.DOTALL)
_MATCHING = frozenset({"~", "!~"})


def lexed(text: str, fields: Container[str]) -> list[Token]:
    """The tokens, the last of which is the end. `fields` are the names before which a colon is an operator."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise FilterError(
            f"The filter has {len(text)} characters; at most {TEXT_CHARACTERS_MAX} are allowed.", TEXT_CHARACTERS_MAX, len(text)
        )
    if found := _UNWRITTEN.search(text):
        raise FilterError(
            f"The filter holds the control character {unicodedata.name(found[0], f'U+{ord(found[0]):04X}')}.", found.start(), found.end(),
            remedy=f"Write \\u{{{ord(found[0]):x}}} inside quotes if it is meant.",
        )  # fmt: skip
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        last = tokens[-1] if tokens else None
        tokens.append(_token(text, at, fields, last))
        at = tokens[-1].end
    tokens.append(Token(TokenKind.end, len(text), len(text)))
    return tokens


def _token(text: str, at: int, fields: Container[str], last: Token | None) -> Token:
    sign = text[at]
    if sign in _SINGLE:
        return Token(_SINGLE[sign], at, at + 1, (sign,))
    if sign == "/" and last is not None and last.kind is TokenKind.operator and last.text in _MATCHING:
        return _regex(text, at)
    if found := _OPERATOR.match(text, at):
        return Token(TokenKind.operator, at, found.end(), (_OPERATORS.get(found[0], found[0]),))
    if sign == ":" and last is not None and last.kind is TokenKind.word and last.end == at and last.text in fields:
        return Token(TokenKind.operator, at, at + 1, ("=",))
    if sign == "!":
        raise FilterError("! is no operator by itself.", at, at + 1, suggestions=("not", "!=", "!~"))
    if sign in "\"'":
        return _quoted(text, at)
    return _word(text, at, () if last is not None and last.kind is TokenKind.operator else fields)


def _regex(text: str, at: int) -> Token:
    found = _REGEX.match(text, at)
    if found is None:
        raise FilterError("The regular expression has no end.", at, len(text), expected=("/",))
    pattern = re.sub(r"\\(.)", lambda pair: "/" if pair[1] == "/" else pair[0], found[1], flags=re.DOTALL)
    return Token(TokenKind.regex, at, found.end(), (pattern,), flags=found[2])


def _quoted(text: str, at: int) -> Token:
    parts, stop = _parts(text, at + 1, text[at], ())
    if stop >= len(text):
        raise FilterError("The quoted text has no end.", at, len(text), expected=(text[at],))
    return Token(TokenKind.quoted, at, stop + 1, parts)


def _word(text: str, at: int, fields: Container[str]) -> Token:
    parts, stop = _parts(text, at, "", fields)
    lower = text[at:stop].lower() if stop - at <= len("starts_with") else ""
    return Token(TokenKind.word, at, stop, parts, lower if lower in KEYWORDS else "")


def _parts(text: str, at: int, quote: str, fields: Container[str]) -> tuple[tuple[str, ...], int]:
    """The text between the stars, and the place where it ends: at the quote, or at what cannot be inside a word."""
    begin, parts, pieces = at, [], [""]
    while at < len(text):
        if found := _PLAIN[quote].match(text, at):
            pieces.append(found[0])
            at = found.end()
            continue
        sign = text[at]
        if sign == quote or (not quote and (sign.isspace() or sign in _WORD_ENDS)):
            break
        if sign == ":" and not quote and 0 < at - begin <= SUGGESTED_CHARACTERS_MAX and text[begin:at] in fields:
            break
        if sign == "\\":
            sign, at = unescaped(text, at)
            pieces.append(sign)
            continue
        at += 1
        if sign == "*":
            parts.append("".join(pieces))
            pieces = []
        else:
            pieces.append(sign)
    return (*parts, "".join(pieces)), at
