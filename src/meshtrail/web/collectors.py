"""The collectors page: who reports, and how each stands, in words."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from meshtrail.web import formats
from meshtrail.web.pages import Failure, Shell

STATES = {
    "never_seen": ("never seen", "It has been set up, and nothing was ever heard of it."),
    "silent": ("silent", "Nothing was heard for longer than the limit: what it had open counts as lost."),
    "lossy": ("lossy", "Something is missing from what it reports, or may be at any time."),
    "late": ("late", "What it reports arrives more than a minute after it happened."),
    "ok": ("ok", "What it reports arrives as it happens."),
}
"""The badge of each state, and what it means."""

JUST_NOW = timedelta(seconds=3)
"""Shorter ago than this is now."""

SKEW_SHOWN_MS = 1_000
"""Differences of clocks below this are the network's."""


class CollectorPages(Protocol):
    """Where the page reads reporters."""

    async def collectors(self, org_id: str) -> dict[str, Any]:
        """`{"data": [collector, ...], "silent_after_s": n}`, as `GET /api/v1/collectors`."""
        ...


@dataclass(frozen=True, slots=True)
class CollectorLine:
    """One reporter."""

    id: str
    name: str
    state: str
    badge: str
    reason: str
    since_at: str
    """Since when it stands so, RFC 3339; empty when nothing began."""
    since: str
    """Time of day of that."""
    lasting: str
    """How long ago that was."""
    kind: str
    """Agent, or a system that only sends events."""
    contact_at: str
    """RFC 3339, or empty when it was never heard of."""
    contact: str
    """How long ago that was."""
    event_at: str
    event: str
    lag: str
    waiting: str
    """Reports that wait at the agent; empty when none do."""
    skew: str
    """By how much its clock is off; empty when it is not."""
    clock_off: bool
    rate: str
    gaps: str
    """Gaps of the day in words; empty when there are none."""
    gaps_href: str
    losses: tuple[str, ...]
    """Counters of losses since the agent started."""
    traffic_href: str


@dataclass(frozen=True, slots=True)
class CollectorsContext:
    """Everything `collectors.html` shows."""

    shell: Shell
    lines: tuple[CollectorLine, ...]
    summary: tuple[tuple[str, str, int], ...]
    """State, badge and number of reporters, worst first."""
    meanings: tuple[tuple[str, str, str], ...]
    """State, badge and meaning of each state that occurs."""
    silent_after: str
    origin: str
    """Scheme and host of this server, for commands to copy."""
    failure: Failure | None
    again: str = "/collectors"


def collectors_context(
    answer: Mapping[str, Any], shell: Shell, now: datetime, origin: str, failure: Failure | None = None
) -> CollectorsContext:  # fmt: skip
    """The page from an answer of the API."""
    lines = tuple(collector_line(each, now) for each in answer.get("data", ()))
    numbers = Counter(line.state for line in lines)
    occurring = [(state, *STATES[state]) for state in STATES if numbers[state]]
    return CollectorsContext(
        shell=shell,
        lines=lines,
        summary=tuple((state, badge, numbers[state]) for state, badge, _ in occurring),
        meanings=tuple(occurring),
        silent_after=span(int(answer.get("silent_after_s", 0)) * 1_000),
        origin=origin,
        failure=failure,
    )


def collector_line(each: Mapping[str, Any], now: datetime) -> CollectorLine:
    """One reporter in words."""
    contact_at, event_at, since_at = each["last_contact_at"] or "", each["last_event_at"] or "", each["since"] or ""
    waiting = each["reports_waiting"] or 0
    skew = each["clock_skew_ms"] or 0
    return CollectorLine(
        id=formats.visible(each["id"]),
        name=formats.visible(each["name"]),
        state=each["state"],
        badge=STATES[each["state"]][0],
        reason=formats.visible(each["reason"]),
        since_at=since_at,
        since=formats.clock_time(since_at, now) if since_at else "",
        lasting=lasting(since_at, now),
        kind="agent" if each["agent"] else "sends events",
        contact_at=contact_at,
        contact=ago(contact_at, now),
        event_at=event_at,
        event=ago(event_at, now),
        lag=formats.UNKNOWN if each["lag_ms"] is None else span(each["lag_ms"]),
        waiting=f"{formats.count(waiting)} waiting" if waiting else "",
        skew=f"clock {span(abs(skew))} {'ahead' if skew > 0 else 'behind'}" if abs(skew) >= SKEW_SHOWN_MS else "",
        clock_off=each["clock_off"],
        rate=rate(each["events_per_s"]),
        gaps=gap_words(each["gaps"]),
        gaps_href="/traffic?" + urlencode({"state": "gap", "reporter_id": each["id"], "last": "24h"}),
        losses=tuple(f"{formats.words(name)}: {formats.count(int(number))}" for name, number in each["losses"].items()),
        traffic_href="/traffic?" + urlencode({"reporter_id": each["id"], "last": "24h"}),
    )


def ago(text: str, now: datetime) -> str:
    """How long ago a time was: `12 s ago`, `now`, `never`."""
    if not text:
        return "never"
    passed = now - datetime.fromisoformat(text)
    return "now" if passed < JUST_NOW else f"{span(int(passed.total_seconds() * 1_000))} ago"


def lasting(text: str, now: datetime) -> str:
    """For how long something has lasted that began at a time: `20 min`; empty when nothing began."""
    return span(max(0, int((now - datetime.fromisoformat(text)).total_seconds() * 1_000))) if text else ""


def span(milliseconds: int) -> str:
    """A length of time, rounded to what matters: `450 ms`, `12 s`, `5 min`, `2 h`, `3 d`."""
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        if milliseconds >= size:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds // 1_000} s"


def rate(per_second: float) -> str:
    """Events a second: `1,204/s`, `0.3/s`, a dash for none."""
    if not per_second:
        return formats.UNKNOWN
    return f"{formats.count(round(per_second))}/s" if per_second >= 10 else f"{per_second:.1f}/s" if per_second >= 0.1 else "< 0.1/s"


def gap_words(gaps: Mapping[str, int]) -> str:
    """`3 gaps, 312 reports lost`."""
    count, lost, unknown = gaps["count"], gaps["lost"], gaps["unknown"]
    if not count:
        return ""
    known = f"{formats.count(lost)} {'report' if lost == 1 else 'reports'} lost"
    if unknown:
        known = f"{known}, and an unknown number" if lost else "an unknown number of reports lost"
    return f"{formats.count(count)} {'gap' if count == 1 else 'gaps'}, {known}"
