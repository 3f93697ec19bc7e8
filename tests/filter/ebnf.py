"""A small reader of the grammar in the documentation (ISO 14977, as far as it is used there), and random texts of it."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r'\s*("[^"]*"|\?[^?]*\?|[A-Za-z]+|[=|,;()\[\]{}])')
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Part:
    """A node: literal, special, name, sequence, choice, optional or repeated."""

    kind: str
    text: str = ""
    parts: tuple["Part", ...] = ()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        assert _TOKEN.sub("", text).strip() == ""
        self._at = 0

    def rules(self) -> dict[str, Part]:
        found = {}
        while self._at < len(self._tokens):
            name = self._next()
            assert self._next() == "="
            found[name] = self._choice()
            assert self._next() == ";", name
        return found

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

    def _choice(self) -> Part:
        parts = [self._sequence()]
        while self._tokens[self._at] == "|":
            self._next()
            parts.append(self._sequence())
        return Part("choice", parts=tuple(parts))

    def _sequence(self) -> Part:
        parts = [self._one()]
        while self._tokens[self._at] == ",":
            self._next()
            parts.append(self._one())
        return Part("sequence", parts=tuple(parts))

    def _one(self) -> Part:
        token = self._next()
        if token in _CLOSING:
            inner = self._choice()
            assert self._next() == _CLOSING[token]
            return Part({"(": "choice", "[": "optional", "{": "repeated"}[token], parts=(inner,))
        if token.startswith('"'):
            return Part("literal", token[1:-1])
        return Part("special", token[1:-1].strip()) if token.startswith("?") else Part("name", token)


def rules_of(text: str) -> dict[str, Part]:
    """The rules of a grammar by name."""
    return _Reader(text).rules()


def names_in(part: Part, kind: str) -> set[str]:
    """Texts of all parts of a kind."""
    return {part.text if part.kind == kind else "", *(name for inner in part.parts for name in names_in(inner, kind))} - {""}


class Writer:
    """Random texts of a grammar. A special sequence is filled in by a function."""

    def __init__(self, rules: Mapping[str, Part], special: Callable[[str], str], chance: random.Random) -> None:
        self._rules = rules
        self._special = special
        self._chance = chance

    def text(self, start: str, depth: int = 0) -> list[str]:
        """Parts of a text that the rule gives."""
        return self._of(self._rules[start], depth)

    def _of(self, part: Part, depth: int) -> list[str]:  # noqa: PLR0911 - one line a kind
        match part.kind:
            case "literal":
                return [part.text]
            case "special":
                return [self._special(part.text)]
            case "name":
                return self.text(part.text, depth + 1)
            case "choice":
                few = part.parts if depth < 12 else part.parts[:2]
                return self._of(self._chance.choice(few), depth)
            case "sequence":
                return [text for inner in part.parts for text in self._of(inner, depth)]
            case "optional":
                return self._of(part.parts[0], depth) if self._chance.random() < 0.7 else []
            case _:
                times = self._chance.choice((0, 0, 1, 2)) if depth < 12 else 0
                return [text for _ in range(times) for text in self._of(part.parts[0], depth)]
