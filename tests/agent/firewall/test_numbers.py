"""Numbers of rules: who gets which, and what they meant."""

import json
from pathlib import Path

import pytest

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.naming import DEFAULT_DENY, decision_of
from meshtrail.agent.firewall.numbers import Numbers, Plan
from meshtrail.model.network_map import Action, Chain, Rule
from tests.agent.firewall.maps import rule

MASK = 0xFF000000
A, B, C, D = (rule(name) for name in "abcd")
SECOND = 1_000_000


def _settled(numbers: Numbers, *rules: Rule, at_s: int) -> list[int | None]:
    """Plan and settle; the numbers of the rules."""
    plan = numbers.plan(rules, at_s * SECOND)
    numbers.settle(plan)
    return _of(plan, *rules)


def _of(plan: Plan, *rules: Rule) -> list[int | None]:
    return [plan.numbers.get(decision_of(each)) for each in rules]


def test_numbers_stay() -> None:
    """A rule keeps its number when others come and go; a new version is another rule."""
    numbers = Numbers(MASK, 255, None)
    assert _settled(numbers, A, B, at_s=10) == [1, 2]
    assert _settled(numbers, C, B, at_s=20) == [3, 2]
    newer = rule("b", policy_version=2)
    assert _settled(numbers, C, newer, at_s=30) == [3, 4]


def test_what_a_number_meant() -> None:
    """A number means what it meant when the connection began; a retired one until somebody else has it."""
    numbers = Numbers(MASK, 2, None)
    _settled(numbers, A, B, at_s=10)
    _settled(numbers, B, at_s=20)
    assert numbers.decision(1, 25 * SECOND) == decision_of(A)
    assert _settled(numbers, B, C, at_s=30) == [2, 1]
    assert numbers.decision(1, 29 * SECOND) == decision_of(A)
    assert numbers.decision(1, 30 * SECOND) == decision_of(C)
    assert numbers.decision(2, 30 * SECOND) == decision_of(B)
    assert numbers.decision(7, 30 * SECOND) is None
    assert numbers.decision(2, 9 * SECOND) == decision_of(B), "clocks differ by a little"
    assert numbers.decision(2, 5 * SECOND) is None


def test_least_recently_retired_first() -> None:
    """Numbers never given come first, then those given up the longest ago; a rule that comes back has its own again."""
    numbers = Numbers(MASK, 3, None)
    assert _settled(numbers, A, B, at_s=10) == [1, 2]
    _settled(numbers, B, at_s=20)
    _settled(numbers, at_s=30)
    assert _settled(numbers, C, at_s=40) == [3]
    assert _settled(numbers, C, B, at_s=50) == [3, 2]
    assert _settled(numbers, C, B, D, at_s=60) == [3, 2, 1]


def test_more_rules_than_numbers() -> None:
    """Rules for which there is no number have none. Numbers in force are not given to others in one step, but in the next."""
    numbers = Numbers(MASK, 2, None)
    assert _settled(numbers, A, B, C, at_s=10) == [1, 2, None]
    plan = numbers.plan([C, D], 20 * SECOND)
    assert plan.unnumbered == 2 and plan.waiting
    numbers.settle(plan)
    plan = numbers.plan([C, D], 21 * SECOND)
    assert _of(plan, C, D) == [1, 2] and not plan.waiting


def test_plan_that_failed() -> None:
    """When the kernel refuses a ruleset, the numbers of the one in force stay, and those that were planned are free."""
    numbers = Numbers(MASK, 3, None)
    _settled(numbers, A, at_s=10)
    numbers.plan([B, C], 20 * SECOND)
    assert _settled(numbers, A, D, at_s=30) == [1, 2]
    assert numbers.decision(2, 30 * SECOND) == decision_of(D)


def test_same_decision_shares() -> None:
    """Rules that report the same share a number, in whatever chain; those to different resources do not."""
    numbers = Numbers(MASK, 255, None)
    assert _settled(numbers, A, rule("a", chain=Chain.forward), rule("a", resource_id="r"), at_s=10) == [1, 1, 2]


def test_prefixes() -> None:
    """Prefixes lead to the rule of their time, with names; the default to itself; an unknown one at least to its ids."""
    numbers = Numbers(MASK, 255, None)
    dropping = rule("a", action=Action.drop)
    renamed = rule("a", action=Action.drop, policy_name="New name")
    _settled(numbers, dropping, at_s=10)
    _settled(numbers, renamed, at_s=20)
    text = "meshtrail:policy-a:rule-a@1:D"
    assert numbers.by_prefix(text, 15 * SECOND) == decision_of(dropping)
    assert numbers.by_prefix(text, 25 * SECOND) == decision_of(renamed)
    assert numbers.by_prefix("meshtrail::@0:D", 1) == DEFAULT_DENY
    assert numbers.by_prefix("meshtrail:p:r@9:D", 1) == Decision("p", None, "r", 9, "reported")
    assert numbers.by_prefix("somebody else: ", 1) is None


def test_prefix_of_several_resources() -> None:
    """A drop that leads to several resources leaves the resource open."""
    numbers = Numbers(MASK, 255, None)
    _settled(numbers, *(rule("a", action=Action.drop, resource_id=name) for name in "xyz"), at_s=10)
    assert numbers.by_prefix("meshtrail:policy-a:rule-a@1:D", 11 * SECOND) == decision_of(rule("a"))


def test_restart(tmp_path: Path) -> None:
    """Another run knows the numbers, their meanings and their order."""
    first = Numbers(MASK, 3, tmp_path / "numbers.json")
    _settled(first, A, B, at_s=10)
    _settled(first, B, at_s=20)
    second = Numbers(MASK, 3, tmp_path / "numbers.json")
    second.load()
    assert second.decision(1, 15 * SECOND) == decision_of(A)
    assert _settled(second, B, C, D, at_s=30) == [2, 3, 1]
    assert second.decision(1, 15 * SECOND) == decision_of(A) and second.decision(1, 31 * SECOND) == decision_of(D)
    assert (tmp_path / "numbers.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"mask": 4278190080, "active": [1, 1], "retired": [], "meanings": []}',
                                     '{"mask": 4278190080, "active": [999], "retired": [], "meanings": []}'])  # fmt: skip
def test_damaged_file(tmp_path: Path, content: str) -> None:
    """A damaged file is counted, and numbers begin anew."""
    (tmp_path / "numbers.json").write_text(content, encoding="ascii")
    numbers = Numbers(MASK, 255, tmp_path / "numbers.json")
    numbers.load()
    assert numbers.damaged == 1 and _settled(numbers, A, at_s=10) == [1]
    assert json.loads((tmp_path / "numbers.json").read_text(encoding="ascii"))["active"] == [1]


def test_other_mask(tmp_path: Path) -> None:
    """Numbers of another mask mean nothing."""
    _settled(Numbers(MASK, 255, tmp_path / "numbers.json"), A, at_s=10)
    numbers = Numbers(0xFF, 255, tmp_path / "numbers.json")
    numbers.load()
    assert numbers.decision(1, 15 * SECOND) is None and not numbers.damaged


def test_disk_full(tmp_path: Path) -> None:
    """A file that cannot be written is counted; numbers work all the same."""
    (tmp_path / "file").write_text("", encoding="ascii")
    numbers = Numbers(MASK, 255, tmp_path / "file" / "numbers.json")
    assert _settled(numbers, A, at_s=10) == [1] and numbers.unsaved
