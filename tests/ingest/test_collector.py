"""What is known of a reporter, and what it means, at moments that the test chooses."""

from typing import Any

import pytest

from meshtrail.ingest.collector import LOSSES, Activity, Collector, CollectorState, Judgement, counters
from meshtrail.ingest.limits import (
    COLLECTOR_METRICS_MAX,
    COLLECTOR_NAME_CHARACTERS_MAX,
    LATE_AFTER_S,
    LOSSY_FOR_S,
    RATE_OVER_S,
    SILENT_AFTER_S,
    SKEW_S_MAX,
)

SECOND = 1_000_000
START_US = 1_790_000_000 * SECOND


def judged(collector: Collector, after_s: float, listening_s: float = 0) -> Judgement:
    """How it stands so long after the start."""
    return collector.judged(START_US + int(after_s * SECOND), START_US + int(listening_s * SECOND), SILENT_AFTER_S)


def hear(collector: Collector, after_s: float = 0, clock: int | None = None, **metrics: Any) -> None:
    """Its agent speaks."""
    collector.hear("laptop", metrics, clock, START_US + int(after_s * SECOND))


def notice(collector: Collector, after_s: float, delay_s: float | None, rows: int = 1, least_s: float = 0) -> None:
    """Events of it are stored."""
    at_us = START_US + int(after_s * SECOND)
    delay_us = None if delay_s is None else int(delay_s * SECOND)
    collector.notice(Activity(rows, at_us, delay_us, int(least_s * SECOND)), None, at_us)


def test_who_never_spoke() -> None:
    """A reporter that was set up and never heard of is no silent one."""
    found = judged(Collector("laptop"), 1e9)
    assert (found.state, found.since_us) == (CollectorState.never_seen, None)


def test_silent_past_the_limit_since_its_last_word() -> None:
    """Up to the limit it stands as before; past it, it is silent since it was heard of last, by word or by event."""
    one = Collector("laptop")
    hear(one)
    notice(one, 5, 0.1)
    assert judged(one, 5 + SILENT_AFTER_S).state == CollectorState.ok
    found = judged(one, 5 + SILENT_AFTER_S + 0.000001)
    assert (found.state, found.since_us) == (CollectorState.silent, START_US + 5 * SECOND)
    assert found.reason == "Nothing was heard for more than 15 minutes."
    hear(one, 3_000)
    assert judged(one, 3_000) == Judgement(CollectorState.ok, "Its events arrive as they happen.", clock_off=False)


def test_the_time_before_the_server_listened_is_no_silence() -> None:
    """Silence is counted from the server's start, and told from the last word."""
    one = Collector("laptop")
    hear(one)
    assert judged(one, 2_000, listening_s=1_500).state == CollectorState.ok
    found = judged(one, 1_501 + SILENT_AFTER_S, listening_s=1_500)
    assert (found.state, found.since_us) == (CollectorState.silent, START_US)


@pytest.mark.parametrize("counter", LOSSES)
def test_a_counter_of_losses_that_grows(counter: str) -> None:
    """It is lossy for an hour, since the first loss, and says of what; the same number again is no new loss."""
    one = Collector("laptop")
    hear(one, 0, **{counter: 0})
    assert judged(one, 0).state == CollectorState.ok
    hear(one, 10, **{counter: 4})
    found = judged(one, 20)
    assert (found.state, found.since_us) == (CollectorState.lossy, START_US + 10 * SECOND)
    assert found.reason.lower() == LOSSES[counter].lower() + "."
    hear(one, 900, **{counter: 4})
    hear(one, 1_800, **{counter: 5})
    assert judged(one, 1_800).since_us == START_US + 10 * SECOND
    hear(one, 1_800 + LOSSY_FOR_S, **{counter: 5})
    assert judged(one, 1_800 + LOSSY_FOR_S).state == CollectorState.ok
    hear(one, 10_000, **{counter: 6})
    assert judged(one, 10_000).since_us == START_US + 10_000 * SECOND


def test_an_agent_that_began_anew_counts_from_zero() -> None:
    """Its first loss is one, though the number is smaller than before."""
    one = Collector("laptop")
    hear(one, 0, events_dropped=9, reports_acknowledged=1_000)
    hear(one, 2 * LOSSY_FOR_S, events_dropped=0, reports_acknowledged=3)
    assert judged(one, 2 * LOSSY_FOR_S).state == CollectorState.ok
    hear(one, 3 * LOSSY_FOR_S, events_dropped=2, reports_acknowledged=2)
    assert judged(one, 3 * LOSSY_FOR_S).state == CollectorState.lossy


def test_an_agent_without_a_guarantee_of_the_kernel() -> None:
    """It may lose ends at any time: lossy since it said so, until it says otherwise."""
    one = Collector("laptop")
    hear(one, 0, capture_reliable=1)
    hear(one, 10, capture_reliable=0)
    hear(one, 20, capture_reliable=0)
    found = judged(one, 1e2)
    assert (found.state, found.since_us, one.lossy(START_US)) == (CollectorState.lossy, START_US + 10 * SECOND, True)
    hear(one, 30, capture_reliable=1)
    assert judged(one, 31).state == CollectorState.ok
    hear(one, 40, capture_reliable=0)
    assert judged(one, 41).since_us == START_US + 40 * SECOND


def test_late_since_the_first_late_event() -> None:
    """Events that are older than the limit make it late, until some arrive in time, or none for a minute."""
    one = Collector("laptop")
    notice(one, 0, LATE_AFTER_S)
    assert judged(one, 0).state == CollectorState.ok
    notice(one, 10, LATE_AFTER_S + 30)
    notice(one, 40, LATE_AFTER_S + 90)
    found = judged(one, 50)
    assert (found.state, found.since_us) == (CollectorState.late, START_US + 10 * SECOND)
    assert found.reason == "Its events arrive 2 minutes after they happened."
    assert judged(one, 40 + RATE_OVER_S).state == CollectorState.ok
    notice(one, 500, LATE_AFTER_S + 1)
    assert judged(one, 500).since_us == START_US + 500 * SECOND
    notice(one, 501, 0.2)
    assert judged(one, 501).state == CollectorState.ok


def test_reports_that_wait_at_the_agent_are_late() -> None:
    """What waits is late before it arrives, and not once nothing waits any more."""
    one = Collector("laptop")
    hear(one, 0, reports_waiting=500, reports_waiting_s=LATE_AFTER_S + 1)
    hear(one, 10, reports_waiting=700, reports_waiting_s=LATE_AFTER_S + 11)
    found = judged(one, 10)
    assert (found.state, found.since_us) == (CollectorState.late, START_US)
    hear(one, 20, reports_waiting=0, reports_waiting_s=LATE_AFTER_S + 11)
    assert judged(one, 20).state == CollectorState.ok


def test_ends_by_a_time_limit_make_nobody_late() -> None:
    """Events whose age says nothing leave what is known of the delay as it is, and do not keep it fresh."""
    one = Collector("laptop")
    notice(one, 0, LATE_AFTER_S + 5)
    notice(one, 30, None)
    assert (judged(one, 40).state, one.known.event_us) == (CollectorState.late, START_US + 30 * SECOND)
    notice(one, 70, None)
    assert (judged(one, 70).state, one.known.lag_us) == (CollectorState.ok, (LATE_AFTER_S + 5) * SECOND)


def test_a_clock_that_is_off() -> None:
    """An agent tells its clock; of others, events from the future prove that theirs is ahead. Lag is corrected by it."""
    one = Collector("laptop")
    hear(one, 0, START_US - (SKEW_S_MAX + 1) * SECOND, clock_us=1)
    notice(one, 1, SKEW_S_MAX + 1.5)
    assert judged(one, 1).clock_off
    assert one.known.lag_us == SECOND // 2
    assert judged(one, 1).state == CollectorState.ok
    other = Collector("firewall")
    notice(other, 1, -2, least_s=-3)
    assert (other.known.skew_us, other.known.lag_us) == (3 * SECOND, SECOND)


def test_its_rate_is_that_of_the_last_minute() -> None:
    """Reports a second; older ones leave it."""
    one = Collector("laptop")
    notice(one, 0, 0, rows=RATE_OVER_S)
    notice(one, 30, 0, rows=2 * RATE_OVER_S)
    assert one.rate(START_US + 30 * SECOND) == 3
    assert one.rate(START_US + 80 * SECOND) == 2
    assert one.rate(START_US + 200 * SECOND) == 0


def test_counters_are_numbers_and_bounded() -> None:
    """Whatever else an agent says is left out."""
    nonsense: dict[str, Any] = {"text": "1", "yes": True, "nan": float("nan"), "huge": 1 << 63, "x" * 5_000: 1, "none": None, "list": [1]}
    assert counters({**nonsense, "good": 3, "share": 0.5}) == {"good": 3, "share": 0.5}
    assert len(counters({f"n{number}": number for number in range(10_000)})) == COLLECTOR_METRICS_MAX
    one = Collector("laptop")
    one.hear("n" * 5_000, {}, None, START_US)
    assert len(one.known.name) == COLLECTOR_NAME_CHARACTERS_MAX
