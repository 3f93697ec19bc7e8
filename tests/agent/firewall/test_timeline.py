"""What a name meant at a time."""

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.timeline import Timeline

A, B, C = (Decision(name, None, name, 1, "reported") for name in "abc")
SECOND = 1_000_000


def test_meanings() -> None:
    """Each meaning holds until the next; before the first there is a little slack."""
    line: Timeline[int] = Timeline(10)
    line.add(1, 10 * SECOND, A)
    line.add(1, 20 * SECOND, B)
    assert [line.at(1, second * SECOND) for second in (5, 9, 10, 19, 20, 99)] == [None, A, A, A, B, B]
    assert line.at(2, 10 * SECOND) is None and line.now(1) == B and line.now(2) is None
    assert list(line) == [(1, 10 * SECOND, A), (1, 20 * SECOND, B)]


def test_clock_goes_back() -> None:
    """A change at an earlier time than the last one comes right after it."""
    line: Timeline[int] = Timeline(10)
    line.add(1, 20 * SECOND, A)
    line.add(1, 10 * SECOND, B)
    assert line.at(1, 20 * SECOND) == A and line.at(1, 20 * SECOND + 1) == B


def test_clock_reads_less_than_the_last_change() -> None:
    """Set back after a change, the clock shows times that are older than it: what begins then is decided by the newest rule."""
    line: Timeline[int] = Timeline(10)
    line.add(1, 10 * SECOND, A)
    line.add(1, 20 * SECOND, B)
    assert line.at(1, 12 * SECOND, 12 * SECOND) == B
    assert line.at(1, 1 * SECOND, 1 * SECOND) == B
    assert line.at(1, 12 * SECOND, 25 * SECOND) == A
    assert line.at(1, 20 * SECOND, 19 * SECOND) == B


def test_limit() -> None:
    """Meanings that others followed are forgotten first, then the oldest."""
    line: Timeline[str] = Timeline(2)
    line.add("x", 10, A)
    line.add("y", 20, B)
    line.add("y", 30, C)
    assert len(line) == 2 and line.now("x") == A and line.at("y", 25) == C
    line.add("z", 40, A)
    assert line.now("x") is None and line.now("y") == C and line.forgotten == 2
