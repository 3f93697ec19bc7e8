"""The fields of the language, derived from a family's table of columns.

Every column but `org_id` is a field. Its dotted name is made by one rule (`_dotted`): a first word that several columns
share is set apart by a dot, so `source_country_code` is `source.country_code` and `started_at` stays. The name of the
column is accepted too, as is any other way to put the dots: a name is looked up with dots turned into underscores.

Beside the columns there are *combined* fields that hold when any of their columns does: the two ends
(`either.address`, for short `address`) and things known by id, name and perhaps e-mail (`user`, `policy`).
"""

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from meshtrail.filter.limits import SUGGESTED_CHARACTERS_MAX, SUGGESTIONS_MAX
from meshtrail.filter.sorts import Sort, sort_of
from meshtrail.model.columns import Column, Family, Kind

_HIDDEN = frozenset({"org_id"})
"""The store sets it in every query; nobody chooses it."""

_ENDS = ("source", "destination")
_EITHER = "either"
_PERSON = "user"
"""The person is the initiating side's, so `source.user.email` is another spelling of `user.email`."""


_FOREIGN = {
    "src": "source", "dst": "destination", "dest": "destination", "ip": "address", "addr": "address", "mail": "email",
    "proto": "protocol", "country": "country_code", "action": "verdict", "username": "user_name", "actor": "initiator",
}  # fmt: skip
"""Parts of names that other products use: an error suggests the field that is meant."""

_ALIKE = 0.75
"""How alike two names are, from 0 to 1, when one is taken for a slip of the other."""


@dataclass(frozen=True, slots=True)
class Field:
    """A name of the language and the columns it stands for; equal when family and name are."""

    family: str
    name: str
    """The dotted name, which is printed."""
    columns: tuple[Column, ...] = field(compare=False, repr=False)
    """One, or several of one sort of which any may fulfil a condition."""
    doc: str = field(compare=False, repr=False, default="")
    spellings: tuple[str, ...] = field(compare=False, repr=False, default=())
    """Other names, with underscores."""

    @property
    def sort(self) -> Sort:
        """How its values are written."""
        return sort_of(self.columns[0])

    @property
    def choices(self) -> tuple[str, ...]:
        """The closed vocabulary; empty for other sorts."""
        known = self.columns[0].choices
        return tuple(known.__members__) if known is not None else ()


class Fields:
    """All fields of a family."""

    def __init__(self, family: Family) -> None:
        self.family = family
        columns = [column for column in family if column.name not in _HIDDEN]
        singles = list(_singles(family.name, columns))
        combined = [*_either(family.name, columns), *_entities(family.name, columns)]
        taken = {each.columns[0].name for each in singles}
        self.all = (*singles, *(each for each in combined if _key(each.name) not in taken))
        self._by_key: dict[str, Field] = {}
        for each in self.all:
            self._by_key.setdefault(_key(each.name), each)
        for each in self.all:
            for spelling in each.spellings:
                self._by_key.setdefault(spelling, each)

    def find(self, name: str) -> Field | None:
        """The field of this name in any spelling and case, or None."""
        return self._by_key.get(_key(name))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._by_key

    def near(self, name: str) -> tuple[str, ...]:
        """Dotted names that look like this one, best first."""
        if len(name) > SUGGESTED_CHARACTERS_MAX:
            return ()
        own = _key(name)
        key = "_".join(_FOREIGN.get(part, part) for part in own.split("_")) if own != "time" else self.family.time
        if key in self._by_key:
            return (self._by_key[key].name,)
        parts = [known for known in self._by_key if own and known.endswith(f"_{own}")]
        alike = difflib.get_close_matches(key, self._by_key, SUGGESTIONS_MAX, _ALIKE)
        return tuple(dict.fromkeys(self._by_key[known].name for known in (*alike, *parts)))[:SUGGESTIONS_MAX]


@lru_cache(maxsize=16)
def fields_of(family: Family) -> Fields:
    """The fields of a family, made once."""
    return Fields(family)


def _key(name: str) -> str:
    """The one mapping between the spellings: dots and underscores are the same, case does not matter."""
    return name.lower().replace(".", "_")


def _dotted(name: str, among: list[str]) -> str:
    """The name with a dot after a first word that several names share; the rest likewise."""
    head, _, rest = name.partition("_")
    kin = [other.partition("_")[2] for other in among if other.startswith(head + "_")]
    return f"{head}.{_dotted(rest, kin)}" if rest and len(kin) > 1 else name


def _singles(family: str, columns: list[Column]) -> Iterator[Field]:
    names = [column.name for column in columns]
    for column in columns:
        yield Field(family, _dotted(column.name, names), (column,), column.doc, tuple(_spellings(column, names)))


def _spellings(column: Column, names: list[str]) -> Iterator[str]:
    if column.unit == "milliseconds" and column.name.endswith("_ms"):
        yield column.name.removesuffix("_ms")
    if column.name.startswith(_PERSON + "_") and f"{_PERSON}_id" in names:
        yield f"{_ENDS[0]}_{column.name}"


def _either(family: str, columns: list[Column]) -> Iterator[Field]:
    """Fields of both ends."""
    named = {column.name: column for column in columns}
    pairs = [
        (column.name.removeprefix("source_"), column, named[other])
        for column in columns
        if column.name.startswith("source_") and (other := column.name.replace("source_", "destination_", 1)) in named
    ]
    suffixes = [suffix for suffix, _, _ in pairs]
    for suffix, first, second in pairs:
        dotted = _dotted(suffix, suffixes)
        doc = f"Either end: `source.{dotted}` or `destination.{dotted}`."
        yield Field(family, f"{_EITHER}.{dotted}", (first, second), doc, (suffix,))


def _entities(family: str, columns: list[Column]) -> Iterator[Field]:
    """Things known by an id and a name; the two ends are not among them, since `source` names something else."""
    named = {column.name: column for column in columns if column.kind is Kind.name}
    heads = [name.removesuffix("_id") for name in named if name.endswith("_id")]
    names = [column.name for column in columns]
    for head, count in Counter(heads).items():
        parts = tuple(named[f"{head}_{suffix}"] for suffix in ("id", "name", "email") if f"{head}_{suffix}" in named)
        if count == 1 and len(parts) > 1 and head not in _ENDS:
            doc = f"Any of {', '.join(f'`{_dotted(part.name, names)}`' for part in parts)}."
            spellings = (f"{_ENDS[0]}_{head}",) if head == _PERSON else ()
            dotted = _dotted(parts[0].name, names).rpartition(".")[0] or head
            yield Field(family, dotted, parts, doc, spellings)
