"""What differs between versions of a policy, in words."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from meshtrail.api.policy_views import rule_lines, version_lines
from meshtrail.control.inventory import Policy, PolicyRule
from meshtrail.control.service import Control
from meshtrail.model.network_map import Action, Protocol
from meshtrail.server import control_place
from meshtrail.web.inventory_lines import Author, VersionLine
from tests.control.organisation import Clock, Organisation


@pytest.fixture
def organisation(tmp_path: Path) -> Iterator[Organisation]:
    """One with a file of its own."""
    clock = Clock()
    control = Control(control_place(tmp_path, ""), clock)
    control.open()
    yield Organisation(control, control.add_organisation("ours"), clock)
    control.close()


def rule(source: str, destination: str, name: str = "web", **given: object) -> PolicyRule:
    """A rule of TCP to one port, made different."""
    made = PolicyRule(id="", name=name, protocol=Protocol.tcp, ports=(443,), sources=(source,), destinations=(destination,))
    return msgspec.structs.replace(made, **given)


class Story:
    """A policy that changes."""

    def __init__(self, organisation: Organisation, *rules: PolicyRule) -> None:
        self._organisation = organisation
        self._policies = organisation.control.policies
        self.id = self._policies.create(organisation.by, Policy(id="", name="p", rules=rules))

    @property
    def rules(self) -> tuple[PolicyRule, ...]:
        """Those of now, with their ids."""
        return self._policies.versions(self._organisation.id, self.id)[-1].policy.rules

    def becomes(self, *rules: PolicyRule, **given: object) -> None:
        """A second passes, and it is different."""
        self._organisation.clock.pass_s(1)
        self._policies.update(self._organisation.by, self.id, msgspec.structs.replace(Policy(id="", name="p", rules=rules), **given))

    def told(self) -> tuple[VersionLine, ...]:
        """The versions in words."""
        control, org_id = self._organisation.control, self._organisation.id
        versions = self._policies.versions(org_id, self.id)
        return version_lines(control.snapshots, control.snapshot(org_id), versions, {2: Author("Ana", "e")})


def differences(line: VersionLine) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Field, before, after."""
    return [(each.field, each.before, each.after) for each in line.changes]


@pytest.fixture
def groups(organisation: Organisation) -> tuple[str, str]:
    """Staff and servers."""
    create = organisation.control.groups.create
    return create(organisation.by, "Staff"), create(organisation.by, "Servers")


def test_a_field_of_a_rule(organisation: Organisation, groups: tuple[str, str]) -> None:
    """Only what differs, and of a list what came and went."""
    story = Story(organisation, rule(*groups))
    story.becomes(msgspec.structs.replace(story.rules[0], ports=(443, 8443), action=Action.drop), enabled=False)
    second, first = story.told()
    assert differences(second) == [
        ("enabled", ("yes",), ("no",)), ("rules › web › action", ("allow",), ("deny",)), ("rules › web › ports", (), ("8443",)),
    ]  # fmt: skip
    assert (second.author, first.author) == (Author("Ana", "e"), None)
    assert first.changes == ()
    assert (first.valid_until, second.valid_until) == (second.valid_from, "")


def test_a_rule_comes_and_goes(organisation: Organisation, groups: tuple[str, str]) -> None:
    """As a sentence; that the order has one more is not said besides."""
    story = Story(organisation, rule(*groups))
    story.becomes(story.rules[0], rule(*groups, name="ssh", ports=(22,)))
    story.becomes(story.rules[1])
    third, second, _ = story.told()
    assert differences(second) == [("rules › ssh", (), ("Staff may reach Servers by TCP on port 22",))]
    assert differences(third) == [("rules › web", ("Staff may reach Servers by TCP on port 443",), ())]


def test_rules_are_known_by_their_ids(organisation: Organisation, groups: tuple[str, str]) -> None:
    """One of another name is the same rule; of two with one name each is told apart; the order alone is a difference too."""
    story = Story(organisation, rule(*groups, name="a"), rule(*groups, name="b", ports=(22,)))
    one, two = story.rules
    story.becomes(msgspec.structs.replace(one, name="b"), two)
    story.becomes(*reversed(story.rules))
    third, second, _ = story.told()
    label = f"b ({one.id[-4:]})"
    assert differences(second) == [(f"rules › {label} › name", ("a",), ("b",))]
    assert differences(third) == [("order of rules", (f"{label}, b ({two.id[-4:]})",), (f"b ({two.id[-4:]}), {label}",))]


def test_what_is_gone_keeps_its_name(organisation: Organisation, groups: tuple[str, str]) -> None:
    """A version that names a deleted group reads as it did; a group of another name reads as it is called now."""
    control, by = organisation.control, organisation.by
    gone = control.groups.create(by, "Contractors")
    organisation.clock.pass_s(1)
    story = Story(organisation, rule(gone, groups[1]))
    story.becomes(msgspec.structs.replace(story.rules[0], sources=(groups[0],)))
    organisation.clock.pass_s(1)
    control.groups.delete(by, gone)
    control.groups.update(by, groups[0], "Colleagues")
    second, first = story.told()
    assert first.rules[0].text == "Contractors may reach Servers by TCP on port 443"
    assert second.rules[0].text == "Colleagues may reach Servers by TCP on port 443"
    assert differences(second) == [("rules › web › from", ("Contractors",), ("Colleagues",))]


def test_rules_as_sentences(organisation: Organisation, groups: tuple[str, str]) -> None:
    """With what a badge needs."""
    story = Story(organisation, rule(*groups, action=Action.drop, enabled=False))
    policy = organisation.snapshot.policies[story.id]
    (line,) = rule_lines(organisation.snapshot, policy)
    assert (line.name, line.enabled, line.allows) == ("web", False, False)
    assert line.text == "Staff may not reach Servers by TCP on port 443"
