"""What an audit event changed, line by line: the `before` and `after` of one event as a readable difference."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshtrail.web import formats

LINES_MAX = 400
"""Lines of one difference: more is read in the raw JSON."""

TEXT_CHARACTERS_MAX = 2_000
"""Length of one value: what is longer ends in an ellipsis."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs."""

    field: str
    """Where it stands, such as `rules › web › ports`."""
    kind: str
    """`set`, `removed` or `changed`; for a list with members that came and went, `changed` too."""
    before: tuple[str, ...]
    """What was and is no more; of a list, the members that went."""
    after: tuple[str, ...]
    """What is now and was not; of a list, the members that came."""


def changes(before: object, after: object, names: Mapping[str, str] | None = None) -> tuple[Change, ...]:
    """The difference of two objects of an event; either may be unknown. `names` are what ids in them are called."""
    found: list[Change] = []
    for change in _Difference(names or {}).lines((), _object(before), _object(after)):
        found.append(change)
        if len(found) == LINES_MAX:
            break
    return tuple(found)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


class _Difference:
    """The walk through two objects."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def lines(self, path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
        """The fields that differ, the inner ones too."""
        for name in {**before, **after}:
            old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
            here = (*path, self._names.get(name) or formats.words(str(name)))
            if isinstance(old, Mapping) or isinstance(new, Mapping):
                inner = old if isinstance(old, Mapping) else {}, new if isinstance(new, Mapping) else {}
                if inner[0] or inner[1]:
                    yield from self.lines(here, *inner)
                    continue
            yield self._change(here, old, new)

    def _change(self, path: tuple[str, ...], old: Any, new: Any) -> Change:
        field = " › ".join(formats.visible(part) for part in path)
        kind = "set" if old is _ABSENT else "removed" if new is _ABSENT else "changed"
        if _is_list(old) and _is_list(new):
            went = [each for each in old if each not in new]
            came = [each for each in new if each not in old]
            if went or came:
                return Change(field, kind, tuple(map(self._text, went)), tuple(map(self._text, came)))
        return Change(field, kind, self._texts(old), self._texts(new))

    def _texts(self, value: Any) -> tuple[str, ...]:
        if value is _ABSENT:
            return ()
        if _is_list(value):
            return tuple(map(self._text, value)) or ("none",)
        return (self._text(value),)

    def _text(self, value: Any) -> str:
        """A value as people read it."""
        if value is None or isinstance(value, bool) or value == "":
            return {True: "yes", False: "no", None: "none", "": "empty"}[value]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        text = self._names.get(text) or text
        return formats.visible(text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 1] + "…")


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
