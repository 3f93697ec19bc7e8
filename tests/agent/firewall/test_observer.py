"""Following the rules of others on the real kernel."""

from collections.abc import Iterator

import pytest

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.observer import Observer
from tests.agent.netns import Pair, until

pytestmark = pytest.mark.netns
RULES = """
add table ip filter
add chain ip filter INPUT { type filter hook input priority 0; }
add rule ip filter INPUT tcp dport 22 ct mark set 17 accept comment "Admins to SSH"
add rule ip filter INPUT tcp dport 80 ct mark set ct mark & 0xffffff00 | 0x12 accept comment "All to web"
add rule ip filter INPUT log prefix "denied: " group 5 drop comment "Default"
"""


class Clock:
    """A clock that the test moves."""

    now_us = 1_000_000_000

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    """Begins at a thousand seconds."""
    return Clock()


@pytest.fixture
def observer(pair: Pair, clock: Clock) -> Iterator[Observer]:
    """An observer of the near namespace, in which there are rules."""
    pair.near.nft(RULES)
    made = Observer(clock)
    pair.near.inside(made.start)
    yield made
    made.stop()


def _name(decision: Decision | None) -> str | None:
    return decision.policy_name if decision else None


def test_rules_that_are_there(observer: Observer) -> None:
    """Marks and prefixes lead to rules, and did so before the first look."""
    assert [_name(observer.by_mark(mark, 5)) for mark in (17, 0x12, 0xAB12, 0)] == ["Admins to SSH", "All to web", "All to web", None]
    decision = observer.by_prefix("denied: ", 1_000_000_001)
    assert decision is not None and decision.rule_id is not None and decision.rule_id.startswith("ip/filter/INPUT/")
    assert observer.by_prefix("other", 5) is None


def test_rules_of_their_time(pair: Pair, observer: Observer, clock: Clock) -> None:
    """When a rule gives way to another one with the same mark, a connection has the rule of its start."""
    clock.now_us += 60_000_000
    pair.near.nft('flush chain ip filter INPUT; add rule ip filter INPUT tcp dport 23 ct mark set 17 comment "Telnet"')
    until(lambda: _name(observer.by_mark(17, clock.now_us)) == "Telnet", "the change is seen")
    assert _name(observer.by_mark(17, clock.now_us - 1)) == "Admins to SSH"
    assert observer.by_mark(0x12, clock.now_us) is None and _name(observer.by_mark(0x12, clock.now_us - 1)) == "All to web"
    assert observer.counters.versions == 2


def test_changes_that_say_nothing(pair: Pair, observer: Observer) -> None:
    """A change that ties nothing to a rule makes no version."""
    looks = observer.counters.looks
    pair.near.nft("add table ip other")
    until(lambda: observer.counters.looks > looks, "another look")
    assert observer.counters.versions == 1
