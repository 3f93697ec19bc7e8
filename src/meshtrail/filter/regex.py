r"""Which regular expressions are allowed: a described subset of RE2, the engine of the store.

RE2 looks at every character once, whatever the expression (https://github.com/google/re2/wiki/Syntax), so nothing here
can be catastrophic; what it cannot do (references back, looking around) and what would make the compiled expression
large is refused here, at its place, instead of in the middle of a query.

Allowed: characters, `.`, `^`, `$`, `|`, groups `(…)` and `(?:…)`, classes `[a-z_]` and `[^…]`, `\d \w \s \b` and their
opposites, `\t \n \r`, `\x41`, `\x{1F600}`, a backslash before any sign, and `* + ? {n} {n,} {n,m}`, lazy with a `?`.
"""

import re

from meshtrail.filter.errors import FilterError
from meshtrail.filter.limits import REGEX_CHARACTERS_MAX, REGEX_DEPTH_MAX, REGEX_REPEATS_MAX, REGEX_SIZE_MAX
from meshtrail.filter.values import Regex

_CLASS_SIZE = 20
"""Steps of a class that reaches beyond ASCII: the alternatives of its UTF-8 bytes."""

_CLASSES = frozenset("dDwWsS")
_PLACES = frozenset("bB")
_WHITE = {"t": "\t", "n": "\n", "r": "\r"}
_COUNT = re.compile(r"\{([0-9]{1,5})(,([0-9]{0,5}))?\}")
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}")

Measure = tuple[int, int]
"""Steps of the compiled part, and the largest product of counted repetitions inside it."""


def checked(pattern: str, ignores_case: bool, offset: int) -> Regex:
    """The expression, or a `FilterError` at its place; `offset` is where the pattern stands in the filter."""
    if len(pattern) > REGEX_CHARACTERS_MAX:
        raise FilterError(
            f"The regular expression has {len(pattern)} characters; at most {REGEX_CHARACTERS_MAX} are allowed.",
            offset,
            offset + len(pattern),
        )
    _Checker(pattern, offset).check()
    return Regex(pattern, ignores_case)


class _Checker:
    """One walk along the pattern."""

    def __init__(self, pattern: str, offset: int) -> None:
        self._pattern = pattern
        self._offset = offset
        self._at = 0

    def check(self) -> None:
        if not self._pattern:
            raise self._error("The regular expression is empty.", 0, 0)
        size, _ = self._alternatives(0)
        if self._at < len(self._pattern):
            raise self._error("This ) closes nothing.", self._at, self._at + 1, "Write \\) for the sign itself.")
        if size > REGEX_SIZE_MAX:
            raise self._error("The regular expression is too large when its repetitions are written out.", 0, len(self._pattern))

    def _error(self, message: str, start: int, end: int, remedy: str = "") -> FilterError:
        return FilterError(message, self._offset + start, self._offset + end, remedy=remedy)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _alternatives(self, depth: int) -> Measure:
        size, repeats = 0, 1
        while True:
            more, inner = self._sequence(depth)
            size, repeats = size + more + 1, max(repeats, inner)
            if self._peek() != "|":
                return size, repeats
            self._at += 1

    def _sequence(self, depth: int) -> Measure:
        size, repeats = 0, 1
        while (sign := self._peek()) and sign not in "|)":
            start = self._at
            more, inner, repeatable = self._atom(sign, depth)
            more, inner = self._repeated(start, more, inner, repeatable)
            size, repeats = min(size + more, REGEX_SIZE_MAX + 1), max(repeats, inner)
        return size, repeats

    def _atom(self, sign: str, depth: int) -> tuple[int, int, bool]:
        start = self._at
        self._at += 1
        if sign == "(":
            return (*self._group(start, depth), True)
        if sign == "[":
            return self._class(start), 1, True
        if sign == "\\":
            letter = self._escape(start)
            return (_CLASS_SIZE if letter in _CLASSES else 4), 1, letter not in _PLACES
        if sign in "*+?{":
            raise self._error(f"{sign} repeats nothing.", start, self._at, f"Write \\{sign} for the sign itself.")
        if not sign.isprintable():
            raise self._error("A character that does not print.", start, self._at, f"Write \\x{{{ord(sign):x}}}.")
        return (_CLASS_SIZE if sign == "." else 4), 1, sign not in "^$"

    def _group(self, start: int, depth: int) -> Measure:
        if depth >= REGEX_DEPTH_MAX:
            raise self._error(f"More than {REGEX_DEPTH_MAX} groups inside one another.", start, self._at)
        if self._peek() == "?":
            self._group_kind(start)
        measure = self._alternatives(depth + 1)
        if self._peek() != ")":
            raise self._error("The group has no end.", start, len(self._pattern))
        self._at += 1
        return measure

    def _group_kind(self, start: int) -> None:
        if self._pattern.startswith("?:", self._at):
            self._at += 2
            return
        begin = self._pattern[self._at : self._at + 3]
        if begin.startswith(("?=", "?!", "?<=", "?<!")):
            raise self._error("Looking ahead or behind is not possible.", start, self._at + 2, "Join two conditions by and.")
        if begin.startswith(("?i", "?s", "?m", "?-")):
            raise self._error("Flags stand behind the expression.", start, self._at + 2, "Write /…/i to ignore case.")
        raise self._error("Only (…) and (?:…) are groups.", start, min(self._at + 2, len(self._pattern)))

    def _escape(self, start: int) -> str:
        """Step over what stands behind the backslash; the letter of a class or a place, or the character that is meant."""
        sign = self._peek()
        if not sign:
            raise self._error("Nothing stands behind the backslash.", start, self._at)
        if found := _CODE.match(self._pattern, self._at):
            self._at = found.end()
            number = int(found[1] or found[2], 16)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                raise self._error("There is no such character.", start, self._at)
            return "\\" + chr(number)
        self._at += 1
        if sign in _CLASSES or sign in _PLACES:
            return sign
        if sign in _WHITE:
            return "\\" + _WHITE[sign]
        if sign.isascii() and not sign.isalnum() and sign.isprintable() and sign != " ":
            return "\\" + sign
        if sign.isdigit():
            raise self._error("References back are not possible.", start, self._at)
        remedy = {"A": "Write ^ for the beginning.", "z": "Write $ for the end.", "Z": "Write $ for the end."}.get(sign, "")
        raise self._error(f"There is no escape \\{sign}.", start, self._at, remedy)

    def _class(self, start: int) -> int:
        if self._peek() == "^":
            self._at += 1
        first, size = True, _CLASS_SIZE
        while (sign := self._peek()) != "]":
            if not sign:
                raise self._error("The class has no end.", start, len(self._pattern))
            self._class_item(first)
            first, size = False, size + 4
        if first:
            raise self._error("The class is empty.", start, self._at + 1, "Write \\] for the sign itself.")
        self._at += 1
        return size

    def _class_item(self, first: bool) -> None:
        start = self._at
        low = self._class_sign(first)
        following = self._pattern[self._at + 1 : self._at + 2]
        if self._peek() != "-" or following in {"]", ""}:
            return
        self._at += 1
        high = self._class_sign(False)
        if len(low) > 1 or len(high) > 1 or low > high:
            raise self._error("This is no range of characters.", start, self._at)

    def _class_sign(self, first: bool) -> str:
        """One character of a class; two characters for a class within it."""
        start, sign = self._at, self._peek()
        self._at += 1
        if sign == "\\":
            meant = self._escape(start)
            if meant in _PLACES:
                raise self._error(f"\\{meant} is no character.", start, self._at)
            return meant[1:] if meant.startswith("\\") else meant * 2
        if sign == "[":
            raise self._error("A [ inside a class needs a backslash.", start, self._at, "Write \\[.")
        if sign == "-" and not first and self._peek() != "]":
            raise self._error("A - inside a class stands at its begin or end, or needs a backslash.", start, self._at, "Write \\-.")
        if not sign.isprintable():
            raise self._error("A character that does not print.", start, self._at)
        return sign

    def _repeated(self, start: int, size: int, repeats: int, repeatable: bool) -> Measure:
        sign = self._peek()
        if sign not in {"*", "+", "?", "{"}:
            return size, repeats
        place = self._at
        least, most = self._count(sign)
        if not repeatable:
            raise self._error("A place cannot be repeated.", start, self._at)
        if self._peek() == "?":
            self._at += 1
        if self._peek() in {"*", "+", "?", "{"}:
            raise self._error("A repetition cannot be repeated.", place, self._at + 1, "Put a group around it.")
        times = max(1, least, most)
        if times * repeats > REGEX_REPEATS_MAX:
            raise self._error(f"More than {REGEX_REPEATS_MAX} repetitions, those inside one another multiplied.", place, self._at)
        return min(size * times + 2, REGEX_SIZE_MAX + 1), repeats * times

    def _count(self, sign: str) -> tuple[int, int]:
        """The smallest and the largest number of a repetition; no largest counts as the smallest."""
        if sign != "{":
            self._at += 1
            return 1, 1
        found = _COUNT.match(self._pattern, self._at)
        if found is None:
            raise self._error("This is no repetition.", self._at, self._at + 1, "Write {2}, {2,} or {2,5}; \\{ for the sign itself.")
        self._at = found.end()
        least = int(found[1])
        most = least if not found[2] or not found[3] else int(found[3])
        if most < least:
            raise self._error("The larger number of a repetition comes second.", found.start(), found.end())
        return least, most
