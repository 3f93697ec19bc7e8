"""A *collector*: what is known of one reporter, and what that means. Pure; times are microseconds of the server's clock.

It is heard of in two ways: by what its agent says of itself (`hear`), and by the events that were stored (`notice`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from meshtrail.ingest.limits import COLLECTOR_METRICS_MAX, COLLECTOR_NAME_CHARACTERS_MAX, LATE_AFTER_S, LOSSY_FOR_S, RATE_OVER_S, SKEW_S_MAX

LOSSES = {
    "events_dropped": "events were lost before the agent read them",
    "reports_dropped": "reports were dropped because the agent's spool was full",
    "reports_refused": "the server refused reports",
    "reports_corrupt_rows": "reports were damaged in the agent's spool",
    "denials_lost": "denials were lost before the agent read them",
    "denials_overflow": "denials were more than the agent follows",
    "flows_not_followed": "connections were more than the agent follows",
}
"""Counters of an agent that mean that something is missing, and how to say it."""

_SECOND = 1_000_000


class CollectorState(StrEnum):
    """How a reporter stands, worst first."""

    never_seen = "never_seen"
    silent = "silent"
    lossy = "lossy"
    late = "late"
    ok = "ok"


class Known(msgspec.Struct):
    """What is kept of a reporter across restarts."""

    name: str = ""
    first_heard_us: int = 0
    contact_us: int = 0
    """When it was heard of last, in either way."""
    facts_us: int = 0
    """When its agent last said something of itself; 0 for senders that are no agents."""
    event_us: int = 0
    """When its last event arrived."""
    lag_us: int | None = None
    """Age at arrival of the events that came last, half of them older, by its own clock."""
    lag_at_us: int = 0
    """When the last of these arrived."""
    late_since_us: int = 0
    """Since when it is late; 0 while it is not."""
    skew_us: int | None = None
    """Its clock minus ours."""
    loss_us: int = 0
    """When a loss was told last."""
    loss_since_us: int = 0
    """When the first one was told of those that follow each other within `LOSSY_FOR_S`."""
    unreliable_since_us: int = 0
    """Since when its agent says that it may lose ends; 0 while it does not."""
    losses: list[str] = []
    """Which counters told of it."""
    metrics: dict[str, int | float] = {}
    settled_us: int = 0
    """The contact after which its open connections were closed."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Events of one reporter that were stored between two looks."""

    rows: int
    received_us: int
    """When the last of them arrived."""
    delay_us: int | None
    """Age at arrival, half of them older; None when their age says nothing (`store.collectors`)."""
    delay_least_us: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reporter's state is, and why, in a sentence."""

    state: CollectorState
    reason: str
    clock_off: bool
    """Whether its clock is so far off that its rows stand in the wrong place."""
    since_us: int | None = None
    """Since when it stands so; None where nothing began: it is as it should be, or was never heard of."""


@dataclass(slots=True)
class Collector:
    """One reporter."""

    id: str
    known: Known = field(default_factory=Known)
    changed: bool = False
    """Whether there is something to save."""
    _recent: list[tuple[int, int]] = field(default_factory=list)

    def hear(self, name: str, metrics: Mapping[str, Any], clock_us: int | None, now_us: int) -> None:
        """Its agent says something of itself; `clock_us` is what its clock showed."""
        known = self.known
        was_late = self._late(now_us)
        self._contact(now_us)
        known.facts_us = now_us
        known.name = name[:COLLECTOR_NAME_CHARACTERS_MAX]
        if clock_us is not None:
            known.skew_us = clock_us - now_us
        numbers = counters(metrics)
        lost = [each for each in LOSSES if numbers.get(each, 0) > self._before(each, numbers)]
        if lost:
            known.loss_since_us = known.loss_since_us if self._lost(now_us) and known.loss_since_us else now_us
            known.loss_us, known.losses = now_us, lost
        known.metrics = numbers
        known.unreliable_since_us = (known.unreliable_since_us or now_us) if self._unreliable() else 0
        self._mark_late(now_us, was_late)

    def notice(self, activity: Activity, name: str | None, now_us: int) -> None:
        """Events of it were stored."""
        known = self.known
        was_late = self._late(now_us)
        self._contact(activity.received_us)
        known.event_us = max(known.event_us, activity.received_us)
        known.name = known.name or (name or "")[:COLLECTOR_NAME_CHARACTERS_MAX]
        if "clock_us" not in known.metrics:
            self._guess_skew(activity)
        if activity.delay_us is not None:
            known.lag_us, known.lag_at_us = max(0, activity.delay_us + (known.skew_us or 0)), activity.received_us
        self._mark_late(now_us, was_late)
        self._recent = [each for each in self._recent if each[0] > now_us - RATE_OVER_S * _SECOND]
        self._recent.append((activity.received_us, activity.rows))

    def rate(self, now_us: int) -> float:
        """Its reports a second over the last minute."""
        return round(sum(rows for at, rows in self._recent if at > now_us - RATE_OVER_S * _SECOND) / RATE_OVER_S, 2)

    def heard_us(self, listening_us: int) -> int:
        """Since when it is silent: the time before the server listened does not count against it."""
        return max(self.known.contact_us, listening_us)

    def judged(self, now_us: int, listening_us: int, silent_after_s: int) -> Judgement:
        """How it stands at this moment."""
        known = self.known
        clock_off = abs(known.skew_us or 0) > SKEW_S_MAX * _SECOND
        if not known.contact_us:
            return Judgement(CollectorState.never_seen, "It has been set up, and nothing was ever heard of it.", clock_off)
        if now_us - self.heard_us(listening_us) > silent_after_s * _SECOND:
            reason = f"Nothing was heard for more than {_span(silent_after_s)}."
            return Judgement(CollectorState.silent, reason, clock_off, known.contact_us)
        if self._lost(now_us):
            words = "; ".join(LOSSES[each] for each in known.losses if each in LOSSES)
            return Judgement(CollectorState.lossy, f"{words[:1].upper()}{words[1:]}.", clock_off, known.loss_since_us or known.loss_us)
        if self.lossy(now_us):
            reason = "The kernel may drop the ends of connections: its agent asks for no guarantee."
            return Judgement(CollectorState.lossy, reason, clock_off, known.unreliable_since_us or None)
        if self._late(now_us):
            reason = f"Its events arrive {_span(int(self.late_s(now_us)))} after they happened."
            return Judgement(CollectorState.late, reason, clock_off, known.late_since_us or None)
        return Judgement(CollectorState.ok, "Its events arrive as they happen.", clock_off)

    def lossy(self, now_us: int) -> bool:
        """Whether it lost something in the last hour, or may at any time."""
        return self._lost(now_us) or self._unreliable()

    def late_s(self, now_us: int) -> float:
        """Age of what arrives, or of what waits at the agent, in seconds."""
        waiting = float(self.known.metrics.get("reports_waiting_s", 0)) if self.known.metrics.get("reports_waiting", 0) else 0.0
        fresh = self.known.lag_at_us > now_us - RATE_OVER_S * _SECOND
        return max(waiting, (self.known.lag_us or 0) / _SECOND if fresh else 0.0)

    def _late(self, now_us: int) -> bool:
        return self.late_s(now_us) > LATE_AFTER_S

    def _mark_late(self, now_us: int, was_late: bool) -> None:
        since_us = self.known.late_since_us
        self.known.late_since_us = 0 if not self._late(now_us) else since_us if was_late and since_us else now_us

    def _lost(self, now_us: int) -> bool:
        return self.known.loss_us > now_us - LOSSY_FOR_S * _SECOND

    def _unreliable(self) -> bool:
        return self.known.metrics.get("capture_reliable") == 0

    def _contact(self, at_us: int) -> None:
        self.changed = True
        self.known.contact_us = max(self.known.contact_us, at_us)
        self.known.first_heard_us = min(self.known.first_heard_us or at_us, at_us)

    def _before(self, name: str, numbers: Mapping[str, int | float]) -> int | float:
        """The counter's value when it was last told; nothing when the agent has begun anew since."""
        again = numbers.get("reports_acknowledged", 0) < self.known.metrics.get("reports_acknowledged", 0)
        return 0 if again else self.known.metrics.get(name, 0)

    def _guess_skew(self, activity: Activity) -> None:
        """A sender that does not tell its clock: events from the future prove that it is ahead. Behind, it looks like delay."""
        self.known.skew_us = -activity.delay_least_us if activity.delay_least_us < 0 else None


def counters(metrics: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers among what an agent calls its counters, bounded."""
    found: dict[str, int | float] = {}
    for name, value in metrics.items():
        if len(found) >= COLLECTOR_METRICS_MAX:
            break
        if isinstance(value, bool) or not isinstance(value, int | float) or len(name) > COLLECTOR_NAME_CHARACTERS_MAX:
            continue
        if math.isfinite(value) and abs(value) < 1 << 63:
            found[name] = value
    return found


def _span(seconds: int) -> str:
    """A length of time in words."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
