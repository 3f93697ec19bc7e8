"""What happens again and again is told once and then counted: pure, with the time given.

An *occurrence* has a key (who, what, from where). The first few of a key are told by themselves; those that follow within the
window are counted, and told together when the window is over. What does not fit any more is counted by organisation alone: a
flood leaves one event an organisation and window, and its number.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshtrail.common.clock import rfc3339
from meshtrail.control.actor import Actor, system
from meshtrail.control.audit import Target
from meshtrail.model.activities import Activity
from meshtrail.model.enums import InitiatorType, Outcome


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event that is no change, before it is written."""

    by: Actor
    activity: Activity
    target: Target | None = None
    outcome: Outcome = Outcome.success
    status: int | None = None
    error: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    """What may differ from one to the next of the same key: a path, a filter. Told together they are lists, `paths`, `filters`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is told."""

    window_s: int
    """Time that is told together."""
    singly: int
    """Occurrences of one key in a window that are told by themselves."""
    keys: int
    """Keys that are kept apart at the same time."""
    events: int
    """Events of one organisation in a window, and as many of those of whom nobody knows who they are; what is above is only
    counted."""
    details: int
    """Different values of a detail that are told together."""


@dataclass(slots=True)
class _Known:
    begun: int
    told: int = 0
    last: Occurrence | None = None
    """The newest one that was not told by itself."""
    untold: int = 0
    since: int = 0
    until: int = 0
    details: dict[str, dict[str, None]] = field(default_factory=dict)


@dataclass(slots=True)
class _Window:
    begun: int
    events: int = 0
    suppressed: Counter[tuple[Activity, Outcome]] = field(default_factory=Counter)


_Place = tuple[str, bool]
"""An organisation, and whether nobody knows who acts: strangers do not use up what is for those who are known."""


class Coalescer:
    """Decides what is told. One thread at a time. Times in microseconds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._windows: dict[_Place, _Window] = {}

    def add(self, key: Hashable, occurrence: Occurrence, now: int) -> Occurrence | None:
        """What is to be told of it at once, if anything."""
        known = self._known.get((occurrence.by.org_id, key))
        if known is None:
            if len(self._known) >= self._bounds.keys or not self._may_tell(occurrence, now):
                self._suppress(occurrence, now)
                return None
            known = self._known[occurrence.by.org_id, key] = _Known(now)
        if known.told < self._bounds.singly and (known.told == 0 or self._may_tell(occurrence, now)):
            known.told += 1
            self._window(occurrence, now).events += 1
            return replace(occurrence, meta={**occurrence.meta, **occurrence.details}, details={})
        self._count(known, occurrence, now)
        return None

    def due(self, now: int, *, everything: bool = False) -> list[Occurrence]:
        """What is to be told of windows that are over; of all of them at the end."""
        over = now - self._bounds.window_s * 1_000_000
        found: list[Occurrence] = []
        while self._known:
            key, known = next(iter(self._known.items()))
            if known.begun > over and not everything:
                break
            del self._known[key]
            if known.last is not None:
                found.append(_together(known.last, known))
        for place, window in list(self._windows.items()):
            if window.begun <= over or everything:
                del self._windows[place]
                found += [_suppressed(place[0], *kind, count, window.begun, now) for kind, count in window.suppressed.items()]
        return found

    def _may_tell(self, occurrence: Occurrence, now: int) -> bool:
        return self._window(occurrence, now).events < self._bounds.events

    def _window(self, occurrence: Occurrence, now: int) -> _Window:
        place = occurrence.by.org_id, occurrence.by.type is InitiatorType.unknown
        return self._windows.setdefault(place, _Window(now))

    def _suppress(self, occurrence: Occurrence, now: int) -> None:
        self._window(occurrence, now).suppressed[occurrence.activity, occurrence.outcome] += 1

    def _count(self, known: _Known, occurrence: Occurrence, now: int) -> None:
        known.since = known.since or now
        known.until = now
        known.untold += 1
        known.last = occurrence
        for name, value in occurrence.details.items():
            values = known.details.setdefault(name, {})
            if len(values) < self._bounds.details:
                values[value] = None


def _together(last: Occurrence, known: _Known) -> Occurrence:
    meta = {
        **last.meta, **{f"{name}s": list(values) for name, values in known.details.items()}, "count": known.untold,
        "since": rfc3339(known.since), "until": rfc3339(known.until),
    }  # fmt: skip
    return replace(last, meta=meta, details={})


def _suppressed(org_id: str, activity: Activity, outcome: Outcome, count: int, since: int, until: int) -> Occurrence:
    meta = {"suppressed": count, "since": rfc3339(since), "until": rfc3339(until)}
    error = f"{count} more were too many to be told one by one."
    return Occurrence(system(org_id), activity, outcome=outcome, error=error, meta=meta)
