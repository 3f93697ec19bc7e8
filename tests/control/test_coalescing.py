"""What happens often is told once, counted, and bounded."""

from dataclasses import replace

from meshtrail.control.actor import Actor
from meshtrail.control.coalescing import Bounds, Coalescer, Occurrence
from meshtrail.model.activities import Activity
from meshtrail.model.enums import InitiatorType, Outcome
from tests.control.organisation import Clock

BOUNDS = Bounds(window_s=60, singly=2, keys=5, events=6, details=3)


def occurrence(
    path: str = "/x", org_id: str = "o1", activity: Activity = Activity.request_refuse, who: InitiatorType = InitiatorType.user
) -> Occurrence:
    """A refused attempt."""
    by = Actor(org_id, "u1", who)
    return Occurrence(by, activity, outcome=Outcome.denied, status=403, meta={"method": "GET"}, details={"path": path})


def test_the_first_are_told_the_others_counted() -> None:
    """And told together at the end of the window, with what differed; afterwards it begins anew."""
    clock, coalescer = Clock(), Coalescer(BOUNDS)
    told = []
    for number in range(7):
        told.append(coalescer.add("k", occurrence(f"/{number}"), clock()))
        clock.pass_s(1)
    assert [each.meta if each is not None else None for each in told] == [
        {"method": "GET", "path": "/0"}, {"method": "GET", "path": "/1"}, None, None, None, None, None,
    ]  # fmt: skip
    assert coalescer.due(clock()) == []
    clock.pass_s(60)
    (together,) = coalescer.due(clock())
    assert together.meta["count"] == 5
    assert together.meta["paths"] == ["/2", "/3", "/4"]
    assert together.meta["since"] < together.meta["until"]
    assert (together.status, together.by.id, together.outcome) == (403, "u1", Outcome.denied)
    assert coalescer.due(clock()) == []
    assert coalescer.add("k", occurrence(), clock()) is not None


def test_what_was_told_whole_is_not_told_again() -> None:
    """A key without anything counted ends silently; keys and organisations do not mix."""
    clock, coalescer = Clock(), Coalescer(BOUNDS)
    assert coalescer.add("k", occurrence(), clock()) is not None
    assert coalescer.add("l", occurrence(), clock()) is not None
    assert coalescer.add("k", occurrence(org_id="o2"), clock()) is not None
    clock.pass_s(61)
    assert coalescer.due(clock()) == []


def test_a_flood_from_ever_new_keys_is_one_event() -> None:
    """More events than an organisation's limit are a number; the other organisation is not concerned."""
    clock, coalescer = Clock(), Coalescer(Bounds(window_s=60, singly=2, keys=100, events=6, details=3))
    told = [coalescer.add(f"k{number}", occurrence(), clock()) for number in range(50)]
    assert sum(each is not None for each in told) == 6
    assert coalescer.add("k", occurrence(org_id="o2"), clock()) is not None
    assert coalescer.add("s", occurrence(who=InitiatorType.unknown), clock()) is not None, "strangers have a limit of their own"
    clock.pass_s(61)
    (together,) = coalescer.due(clock())
    assert (together.meta["suppressed"], together.by.id, together.by.org_id) == (44, "sys", "o1")
    assert together.activity is Activity.request_refuse and together.outcome is Outcome.denied
    assert together.error is not None and together.error.startswith("44 more")


def test_what_failed_is_not_told_as_done() -> None:
    """Of a flood of changes that were not possible the number is told as failures, apart from what was denied."""
    clock, coalescer = Clock(), Coalescer(Bounds(window_s=60, singly=1, keys=100, events=1, details=3))
    failed = replace(occurrence(activity=Activity.policy_update), outcome=Outcome.failure, status=422)
    denied = replace(occurrence(activity=Activity.sign_in_fail), outcome=Outcome.denied, status=401)
    for number, each in enumerate([failed, failed, failed, denied, denied]):
        coalescer.add(number, each, clock())
    told = coalescer.due(clock(), everything=True)
    assert sorted((each.activity, each.outcome, each.meta["suppressed"]) for each in told) == sorted(
        [(Activity.policy_update, Outcome.failure, 2), (Activity.sign_in_fail, Outcome.denied, 2)]
    )


def test_memory_is_bounded() -> None:
    """Above the limit of keys nothing is kept but the number."""
    clock, coalescer = Clock(), Coalescer(Bounds(window_s=60, singly=1, keys=5, events=1_000, details=3))
    reading = replace(occurrence(activity=Activity.log_read), outcome=Outcome.success, status=200)
    told = [coalescer.add(f"k{number}", reading, clock()) for number in range(30)]
    assert sum(each is not None for each in told) == 5
    (together,) = coalescer.due(clock(), everything=True)
    assert (together.meta["suppressed"], together.activity, together.outcome) == (25, Activity.log_read, Outcome.success)


def test_at_the_end_all_is_told() -> None:
    """Also what is counted in a window that is not over."""
    clock, coalescer = Clock(), Coalescer(BOUNDS)
    for _ in range(4):
        coalescer.add("k", occurrence(), clock())
    (together,) = coalescer.due(clock(), everything=True)
    assert together.meta["count"] == 2
    assert coalescer.due(clock(), everything=True) == []
