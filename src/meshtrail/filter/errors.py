"""The one error of the room."""

from meshtrail.common.errors import InvalidError


class FilterError(InvalidError):
    """A filter that cannot be understood: what is wrong, at which characters, what was expected, what was meant perhaps.

    `start` and `end` count characters of the text that was parsed; they are equal at its end.
    """

    code = "invalid_filter"

    def __init__(
        self, message: str, start: int, end: int, *, expected: tuple[str, ...] = (), suggestions: tuple[str, ...] = (), remedy: str = ""
    ) -> None:
        meant = f"Did you mean {' or '.join(suggestions)}?" if suggestions else ""
        wanted = f"Expected: {(' or ' if len(expected) == 2 else ', ').join(expected)}." if expected else ""
        details: list[dict[str, object]] = [
            {"start": start, "end": end, "expected": list(expected), "suggestions": list(suggestions)}
        ]  # fmt: skip
        super().__init__(message, meant or remedy or wanted, details)
        self.start = start
        self.end = end
        self.expected = expected
        self.suggestions = suggestions

    def pointed(self, text: str) -> str:
        """The line of the text with a mark under the characters in question, for terminals."""
        begin = text.rfind("\n", 0, self.start) + 1
        stop = text.find("\n", self.start)
        line = text[begin : stop if stop >= 0 else len(text)]
        width = max(1, min(self.end, begin + len(line)) - self.start)
        return f"{line}\n{' ' * (self.start - begin)}{'^' * width}"
