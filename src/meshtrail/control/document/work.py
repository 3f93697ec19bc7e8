"""What all sections of an application share: who acts, the names, the steps so far."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from meshtrail.control.actor import Actor
from meshtrail.control.audit import difference
from meshtrail.control.document.entries import (
    GroupEntry,
    KeyEntry,
    NetworkEntry,
    PolicyEntry,
    ResourceEntry,
    RouterEntry,
    SettingsEntry,
    Thing,
    known_by,
)
from meshtrail.control.document.export import Exporter
from meshtrail.control.document.matching import Match
from meshtrail.control.document.merge import Merger
from meshtrail.control.document.names import Everything
from meshtrail.control.document.places import at
from meshtrail.control.document.steps import Doing, Step
from meshtrail.control.enrolment_keys import EnrolmentKeys
from meshtrail.control.groups import Groups
from meshtrail.control.inventory import Snapshot
from meshtrail.control.networks import Networks
from meshtrail.control.policies import Policies
from meshtrail.control.settings import SettingsStore

E = TypeVar("E", GroupEntry, NetworkEntry, ResourceEntry, RouterEntry, PolicyEntry, KeyEntry, SettingsEntry)


class Stores(msgspec.Struct, frozen=True):
    """What makes the changes."""

    groups: Groups
    networks: Networks
    policies: Policies
    settings: SettingsStore
    enrolment_keys: EnrolmentKeys


class Work:
    """One application under way. Its calls join the transaction that this thread is in."""

    def __init__(self, stores: Stores, by: Actor, snapshot: Snapshot) -> None:
        self.stores = stores
        self.by = by
        self.snapshot = snapshot
        self.names = Everything(snapshot)
        self.export = Exporter(snapshot, self.names)
        self.merge = Merger(self.names)
        self.steps: list[Step] = []
        self._pruning: list[Callable[[], None]] = []

    def changes(self, kind: str, place: str, old: E | None, wanted: E, name: str) -> bool:
        """Whether the thing is not yet what it is to be; if so, that is a step."""
        if wanted == old:
            return False
        before, after = difference(old, wanted)
        action = Doing.create if old is None else Doing.update
        self.steps.append(Step(action=action, kind=kind, name=name, place=place, before=before, after=after))
        return True

    def leave_out(self, kind: str, known: Mapping[str, Thing], found: Iterable[Match], delete: Callable[[str], None]) -> None:
        """Note what is known and was not found in the document: it goes when there is pruning."""
        kept = {match.id for match in found}
        gone = [identifier for identifier in known if identifier not in kept]

        def run() -> None:
            for identifier in gone:
                thing = known[identifier]
                before, after = difference(thing, None)
                step = Step(action=Doing.delete, kind=kind, name=known_by(thing), place="", before=before, after=after)
                self.steps.append(step)
                with at(f"the {kind} {known_by(thing)[:60]!r}, which is not in the document"):
                    delete(identifier)

        self._pruning.append(run)

    def prune(self) -> None:
        """Delete what was left out, the newest sections first: what names goes before what is named."""
        for delete in reversed(self._pruning):
            delete()


def items(value: Any) -> tuple[Any, ...]:
    """A list of a merged entry."""
    return () if value is UNSET else tuple(value)


def number(value: Any) -> int:
    """A number of a merged entry."""
    return 0 if value is UNSET else int(value)
