"""Which thing of the store an entry of the document is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from meshtrail.control.document.entries import GroupEntry, KeyEntry, NetworkEntry, PolicyEntry, ResourceEntry, RouterEntry, known_by
from meshtrail.control.document.places import unusable

E = TypeVar("E", GroupEntry, NetworkEntry, ResourceEntry, RouterEntry, PolicyEntry, KeyEntry)


class Match(NamedTuple):
    """An entry, where it stands, and the id of the thing that it is; None: there is none yet."""

    place: str
    id: str | None


def matched(entries: Sequence[E], known: Mapping[str, E], section: str) -> list[Match]:
    """By id where the store has it, else by name. `UnusableError` when it cannot be told which thing is meant, or two entries
    mean the same."""
    claimed = {entry.id for entry in entries if entry.id in known}
    by_name: dict[str, list[str]] = {}
    for key, thing in known.items():
        if key not in claimed:
            by_name.setdefault(known_by(thing), []).append(key)
    found: list[Match] = []
    places: dict[str, str] = {}
    for position, entry in enumerate(entries):
        place = f"{section}[{position}]"
        identifier: str | None = entry.id if entry.id in known else _named(entry, by_name, place)
        which = identifier or f"name {known_by(entry)}"
        if which in places:
            raise unusable(place, f"{known_by(entry)[:60]!r} is in {places[which]} already.", "Give things of one kind names that differ.")
        places[which] = place
        found.append(Match(place, identifier))
    return found


def _named(entry: E, by_name: Mapping[str, list[str]], place: str) -> str | None:
    ids = by_name.get(known_by(entry), [])
    if len(ids) > 1:
        remedy = f"Add the id: {' or '.join(ids[:3])}."
        raise unusable(place, f"there are {len(ids)} of the name {known_by(entry)[:60]!r}.", remedy)
    return ids[0] if ids else None
