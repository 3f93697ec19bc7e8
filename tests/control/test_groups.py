"""Groups hold peers and resources."""

import pytest

from meshtrail.common.errors import ConflictError, InvalidError, NotFoundError, UnusableError
from meshtrail.control.actor import system
from meshtrail.control.inventory import Router
from tests.control.organisation import Organisation, rule


def test_members_are_replaced_or_left(organisation: Organisation) -> None:
    """A list replaces; none leaves what is there."""
    first, second = (organisation.peer(f"p{n}") for n in (1, 2))
    network = organisation.control.networks.create(organisation.by, "office")
    thing = organisation.control.networks.create_resource(organisation.by, network, "db", "10.0.0.5", [])
    group = organisation.group("Staff", first, second, first, resources=(thing,))
    found = organisation.snapshot.groups[group]
    assert (set(found.peers), found.resources) == ({first, second}, (thing,))
    organisation.control.groups.update(organisation.by, group, "Team", [second])
    found = organisation.snapshot.groups[group]
    assert (found.name, found.peers, found.resources) == ("Team", (second,), (thing,))
    organisation.control.groups.update(organisation.by, group, "Team", None, [])
    assert (organisation.snapshot.groups[group].peers, organisation.snapshot.groups[group].resources) == ((second,), ())


def test_everybody_is_in_all(organisation: Organisation) -> None:
    """The built-in group cannot be changed, deleted, or made again."""
    peer = organisation.peer("laptop")
    (everybody,) = organisation.snapshot.groups.values()
    assert (everybody.name, organisation.snapshot.members[everybody.id]) == ("All", frozenset({peer}))
    with pytest.raises(UnusableError, match="built in"):
        organisation.control.groups.update(organisation.by, everybody.id, "All", [])
    with pytest.raises(UnusableError, match="built in"):
        organisation.control.groups.delete(organisation.by, everybody.id)
    with pytest.raises(ConflictError):
        organisation.group("All")


def test_groups_that_cannot_be(organisation: Organisation) -> None:
    """A name twice, an unknown member, no name, a group of somebody else."""
    organisation.group("Staff")
    other = organisation.control.add_organisation("other")
    with pytest.raises(ConflictError, match="name"):
        organisation.group(" Staff ")
    organisation.control.groups.create(system(other), "Staff")
    for fields in ({"peers": ["nobody"]}, {"resources": ["nothing"]}):
        with pytest.raises(UnusableError, match="there is no"):
            organisation.control.groups.create(organisation.by, "Team", **fields)
    with pytest.raises(UnusableError, match="name"):
        organisation.group("")
    for group in organisation.snapshot.groups:
        with pytest.raises(NotFoundError):
            organisation.control.groups.delete(system(other), group)
    assert len(organisation.snapshot.groups) == 2


def test_a_group_in_use_stays(organisation: Organisation) -> None:
    """Until nobody names it: a policy, a key, a router, the settings."""
    control, org_id = organisation.control, organisation.id
    group = organisation.group("Staff", organisation.peer("laptop"))
    policy = organisation.policy(rule(group, group), name="Web")
    with pytest.raises(InvalidError, match="the policy 'Web'"):
        control.groups.delete(system(org_id), group)
    control.policies.delete(system(org_id), policy)
    key, _ = control.enrolment_keys.create(system(org_id), "laptops", auto_groups=[group])
    with pytest.raises(InvalidError, match="the enrolment key 'laptops'"):
        control.groups.delete(system(org_id), group)
    control.enrolment_keys.delete(system(org_id), key)
    network = control.networks.create(system(org_id), "office")
    control.networks.create_router(system(org_id), Router(id="", network_id=network, peer_groups=(group,)))
    with pytest.raises(InvalidError, match="the router"):
        control.groups.delete(system(org_id), group)
    control.networks.delete(system(org_id), network)
    control.settings.update(system(org_id), {"network_traffic_logs_groups": [group]})
    with pytest.raises(InvalidError, match="settings"):
        control.groups.delete(system(org_id), group)
    control.settings.update(system(org_id), {"network_traffic_logs_groups": []})
    control.groups.delete(system(org_id), group)
    assert group not in organisation.snapshot.groups
