"""Policies have versions; what means nothing is refused by the name of its field."""

import msgspec
import pytest

from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control import policies
from meshtrail.control.inventory import Policy, PolicyRule, Reference
from meshtrail.model.network_map import PortRange, Protocol
from tests.control.organisation import Organisation, rule, rule_between


@pytest.fixture
def staff(organisation: Organisation) -> str:
    """A group."""
    return organisation.group("Staff")


def changed(organisation: Organisation, identifier: str, **fields: object) -> Policy:
    """Change the policy; how it is then."""
    now = organisation.snapshot.policies[identifier]
    organisation.clock.pass_s(1)
    organisation.control.policies.update(organisation.by, identifier, msgspec.structs.replace(now, **fields))
    return organisation.snapshot.policies[identifier]


def test_each_change_is_a_version_and_old_ones_stay(organisation: Organisation, staff: str) -> None:
    """With the text of then and the time in which it was in force, also after the end; a change of nothing is none."""
    control, begun = organisation.control, organisation.clock.now + 1
    identifier = organisation.policy(rule(staff, staff, ports=(80,)), name="Web")
    assert changed(organisation, identifier).version == 1
    assert changed(organisation, identifier, name="Web servers").version == 2
    renamed = organisation.clock.now
    assert changed(organisation, identifier, enabled=False).version == 3
    organisation.clock.pass_s(1)
    control.policies.delete(organisation.by, identifier)
    found = control.policies.versions(organisation.id, identifier)
    assert [(each.policy.version, each.policy.name, each.policy.enabled) for each in found] == [
        (1, "Web", True), (2, "Web servers", True), (3, "Web servers", False),
    ]  # fmt: skip
    assert found[0].policy.rules[0].ports == (80,)
    assert (found[0].valid_from, found[0].valid_until, found[1].valid_from) == (begun, renamed, renamed)
    assert found[2].valid_until == organisation.clock.now
    assert identifier not in organisation.snapshot.policies
    with pytest.raises(NotFoundError):
        control.policies.delete(organisation.by, identifier)


def test_rules_keep_their_ids(organisation: Organisation, staff: str) -> None:
    """A rule that comes with its id keeps it, one without gets one; a foreign id, and one that comes twice, are refused."""
    identifier = organisation.policy(rule(staff, staff, ports=(80,)), rule(staff, staff, ports=(81,)))
    first, second = organisation.snapshot.policies[identifier].rules
    assert first.id != second.id
    third = rule(staff, staff, ports=(82,))
    kept = changed(organisation, identifier, rules=(second, third)).rules
    assert kept[0] == second
    assert kept[1].id not in {"", first.id, second.id}
    with pytest.raises(UnusableError, match=r"rules\[0\].id"):
        changed(organisation, identifier, rules=(msgspec.structs.replace(third, id="foreign"),))
    with pytest.raises(UnusableError, match=r"rules\[1\].id"):
        changed(organisation, identifier, rules=(second, second))
    assert organisation.snapshot.policies[identifier].rules == kept


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 201}),
        ("description", {"description": "x" * 2_001}),
        ("ports", {"ports": (80,), "port_ranges": (PortRange(1, 2),)}),
        ("ports", {"ports": (80,), "protocol": Protocol.icmp}),
        ("ports", {"port_ranges": (PortRange(1, 2),), "protocol": Protocol.all}),
        ("ports", {"ports": (0,)}),
        ("ports", {"ports": (65_536,)}),
        ("ports", {"port_ranges": (PortRange(9, 8),)}),
        ("ports", {"ports": tuple(range(1, 300))}),
        ("sources", {"sources": ()}),
        ("sources", {"sources": ("nothing",)}),
        ("sources", {"source_resource": Reference("x", "peer")}),
        ("destinations", {"destinations": ()}),
        ("destinationResource.id", {"destinations": (), "destination_resource": Reference("x", "host")}),
        ("destinationResource.type", {"destinations": (), "destination_resource": Reference("x", "group")}),
    ],
)
def test_rules_that_mean_nothing(organisation: Organisation, staff: str, field: str, fields: dict[str, object]) -> None:
    """Each is refused, and nothing is stored."""
    with pytest.raises(UnusableError, match=rf"^rules\[0\]\.{field}"):
        organisation.policy(msgspec.structs.replace(rule(staff, staff), **fields))
    assert not organisation.snapshot.policies


def test_a_resource_opens_no_connections(organisation: Organisation, staff: str) -> None:
    """It can be a destination only."""
    network = organisation.control.networks.create(organisation.by, "office")
    host = organisation.control.networks.create_resource(organisation.by, network, "db", "10.0.0.5", [])
    organisation.policy(rule_between(staff, Reference(host, "host")))
    with pytest.raises(UnusableError, match="sourceResource"):
        organisation.policy(rule_between(Reference(host, "host"), staff))


def test_policies_are_bounded(organisation: Organisation, staff: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number, their rules; and one has at least one rule."""
    with pytest.raises(UnusableError, match="rules"):
        organisation.policy()
    with pytest.raises(UnusableError, match="rules"):
        organisation.policy(*[rule(staff, staff)] * 101)
    with pytest.raises(UnusableError, match="name"):
        organisation.policy(rule(staff, staff), name="")
    monkeypatch.setattr(policies, "POLICIES_MAX", 1)
    organisation.policy(rule(staff, staff))
    with pytest.raises(UnusableError, match="not possible"):
        organisation.policy(rule(staff, staff))


def test_another_organisation_has_no_part(organisation: Organisation, staff: str) -> None:
    """Its groups cannot be named, its policies not be changed."""
    other = Organisation(organisation.control, organisation.control.add_organisation("other"), organisation.clock)
    with pytest.raises(UnusableError, match="sources"):
        other.policy(rule(staff, staff))
    identifier = organisation.policy(rule(staff, staff))
    with pytest.raises(NotFoundError):
        other.control.policies.update(other.by, identifier, Policy(id="", name="x", rules=(PolicyRule(id="", name="x"),)))
    with pytest.raises(NotFoundError):
        other.control.policies.delete(other.by, identifier)
    assert other.control.policies.versions(other.id, identifier) == []
