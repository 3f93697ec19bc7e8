"""What each change leaves in the audit trail: its event, with what was and what became; and nothing when nothing changed."""

from typing import Any

import msgspec
import pytest

from meshtrail.common.errors import ConflictError
from meshtrail.control import members
from meshtrail.control.directories import Directories
from meshtrail.control.inventory import Router
from meshtrail.control.service import Control
from meshtrail.enrich.directory import Peer
from meshtrail.model.network_map import Action, Mode
from tests.control.organisation import Machine, Organisation, rule
from tests.control.told import codes, told


class Story:
    """The events since it was last asked."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._seen = len(told(organisation.control, organisation.id))

    def go_on(self) -> list[dict[str, Any]]:
        """The new ones."""
        found = told(self._organisation.control, self._organisation.id)
        self._seen, new = len(found), found[self._seen :]
        return new

    def codes(self) -> list[str]:
        """Their codes."""
        return [each["activity_code"] for each in self.go_on()]


@pytest.fixture
def story(organisation: Organisation) -> Story:
    """Nothing has happened yet."""
    return Story(organisation)


def sides(event: dict[str, Any]) -> tuple[Any, Any]:
    """Before and after."""
    return event["before"], event["after"]


def test_groups(organisation: Organisation, story: Story) -> None:
    """Who came and who went, peers by their own events, resources by the group's."""
    groups, by = organisation.control.groups, organisation.by
    first, second = organisation.peer("a", "100.64.0.1"), organisation.peer("b")
    network = organisation.control.networks.create(by, "office")
    thing = organisation.control.networks.create_resource(by, network, "db", "10.0.0.5", [])
    story.go_on()
    group = groups.create(by, "Staff", [first], [thing])
    made, joined, added = story.go_on()
    assert (made["activity_code"], made["target_name"], made["after"], made["meta"]) == (
        "group.add", "Staff", {"name": "Staff"}, {"name": "Staff"},
    )  # fmt: skip
    assert (joined["activity_code"], joined["target_id"], joined["target_name"]) == ("peer.group.add", first, "a")
    assert joined["meta"] == {"group": "Staff", "group_id": group, "peer_ip": "100.64.0.1"}
    assert (added["activity_code"], added["target_id"], added["target_type"]) == ("resource.group.add", group, "group")
    assert added["meta"] == {"name": "Staff", "id": group, "resource_name": "db", "resource_id": thing, "resource_type": "host"}
    groups.update(by, group, "Staff", [first], [thing])
    groups.update(by, group, "Staff")
    assert story.codes() == []
    groups.update(by, group, "Team", [second], [])
    assert story.codes() == ["group.update", "peer.group.delete", "peer.group.add", "resource.group.delete"]
    groups.delete(by, group)
    left, gone = story.go_on()
    assert (left["activity_code"], left["target_id"], left["before"]) == ("peer.group.delete", second, {"group": group})
    assert (gone["activity_code"], sides(gone)) == ("group.delete", ({"name": "Team"}, {}))


def test_very_many_members_are_told_together(organisation: Organisation, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """In events with their ids, none of which is too large."""
    monkeypatch.setattr(members, "MEMBER_EVENTS_MAX", 3)
    monkeypatch.setattr(members, "MEMBERS_PER_EVENT_MAX", 3)
    machines = [organisation.peer(f"m{number}") for number in range(8)]
    story.go_on()
    group = organisation.group("Everybody", *machines)
    _, *told_together = story.go_on()
    assert {each["activity_code"] for each in told_together} == {"group.peers.update"}
    assert [each["after"]["peers"] for each in told_together] == [machines[:3], machines[3:6], machines[6:]]
    organisation.control.groups.update(organisation.by, group, "Everybody", machines[:2])
    assert sorted(peer for each in story.go_on() for peer in each["before"]["peers"]) == sorted(machines[2:])
    organisation.control.groups.update(organisation.by, group, "Everybody", machines[:4])
    assert story.codes() == ["peer.group.add", "peer.group.add"]


def test_policies(organisation: Organisation, story: Story) -> None:
    """Each version, with what differs in which rule; their order counts."""
    policies, by = organisation.control.policies, organisation.by
    group = organisation.group("Staff")
    story.go_on()
    identifier = organisation.policy(rule(group, group, ports=(443,)), rule(group, group, ports=(22,)), name="Web")
    (made,) = story.go_on()
    assert (made["activity_code"], made["after"]["name"], made["after"]["version"]) == ("policy.add", "Web", 1)
    old = organisation.snapshot.policies[identifier]
    first, second = old.rules
    policies.update(by, identifier, old)
    assert story.codes() == []
    policies.update(by, identifier, msgspec.structs.replace(old, rules=(msgspec.structs.replace(first, ports=(80,)), second)))
    (changed,) = story.go_on()
    assert sides(changed) == (
        {"version": 1, "rules": {first.id: {"ports": [443]}}}, {"version": 2, "rules": {first.id: {"ports": [80]}}},
    )  # fmt: skip
    now = organisation.snapshot.policies[identifier]
    policies.update(by, identifier, msgspec.structs.replace(now, rules=now.rules[::-1]))
    (turned,) = story.go_on()
    assert turned["after"] == {"version": 3, "rule_order": [second.id, first.id]}
    policies.delete(by, identifier)
    (gone,) = story.go_on()
    assert (gone["activity_code"], gone["target_name"], set(gone["before"]["rules"])) == ("policy.delete", "Web", {first.id, second.id})


def test_networks(organisation: Organisation, story: Story) -> None:
    """With what stands in them, and with all of it when they go."""
    networks, by = organisation.control.networks, organisation.by
    group, peer = organisation.group("Staff"), organisation.peer("router")
    story.go_on()
    network = networks.create(by, "office", "second floor")
    networks.update(by, network, "office", "second floor")
    networks.update(by, network, "office", "third floor")
    made, changed = story.go_on()
    assert made["after"] == {"name": "office", "description": "second floor"}
    assert sides(changed) == ({"description": "second floor"}, {"description": "third floor"})
    thing = networks.create_resource(by, network, "db", "10.0.0.5", [group])
    networks.update_resource(by, network, thing, "db", "10.0.0.5", [group])
    networks.update_resource(by, network, thing, "db", "10.0.0.6", [])
    made, joined, changed, left = story.go_on()
    assert made["meta"] == {"name": "db", "type": "host", "network_name": "office", "network_id": network}
    assert (made["activity_code"], joined["activity_code"]) == ("network.resource.create", "resource.group.add")
    assert sides(changed) == ({"address": "10.0.0.5/32"}, {"address": "10.0.0.6/32"})
    assert (left["activity_code"], left["before"]) == ("resource.group.delete", {"resource": thing})
    router = networks.create_router(by, Router(id="", network_id=network, peer=peer, metric=5))
    same = organisation.snapshot.routers[router]
    networks.update_router(by, same)
    networks.update_router(by, msgspec.structs.replace(same, peer=None, peer_groups=(group,)))
    made, changed = story.go_on()
    assert made["meta"] == {"network_name": "office", "network_id": network, "peer": peer, "peer_groups": []}
    assert sides(changed) == ({"peer_id": peer, "peer_groups": []}, {"peer_id": None, "peer_groups": [group]})
    networks.delete(by, network)
    assert story.codes() == ["network.resource.delete", "network.router.delete", "network.delete"]


def test_peers(organisation: Organisation, story: Story) -> None:
    """Their names, their removal with all that ends by it, and what they say of themselves."""
    control, by = organisation.control, organisation.by
    group = organisation.group("Staff")
    peer = organisation.peer("laptop", "100.64.0.1", groups=(group,))
    network = control.networks.create(by, "office")
    control.networks.create_router(by, Router(id="", network_id=network, peer=peer))
    story.go_on()
    control.peers.rename(by, peer, "laptop")
    assert story.codes() == []
    control.peers.rename(by, peer, "Ana's laptop")
    (renamed,) = story.go_on()
    assert sides(renamed) == ({"name": "laptop"}, {"name": "Ana's laptop"})
    assert (renamed["meta"]["name"], renamed["meta"]["ip"]) == ("Ana's laptop", "100.64.0.1")
    control.peers.remove(by, peer)
    left, unrouted, gone = story.go_on()
    assert [each["activity_code"] for each in (left, unrouted, gone)] == ["peer.group.delete", "network.router.delete", "user.peer.delete"]
    assert gone["before"]["name"] == "Ana's laptop"


def test_what_machines_say(organisation: Organisation, story: Story) -> None:
    """The first time, and whenever it differs; another address has a code of its own."""
    directories = Directories(organisation.control)
    peer = organisation.peer("laptop", "100.64.0.1")
    agent = organisation.agent(peer)
    story.go_on()
    facts = Peer(peer, "laptop", "Debian 12", None, ("100.64.0.1",))
    directories.put(agent, facts)
    assert story.codes() == []
    directories.put(agent, Peer(peer, "laptop", "Debian 13", None, ("100.64.0.2", "100.64.0.1")))
    address, other = story.go_on()
    assert (address["activity_code"], address["initiator_type"], address["target_id"]) == ("peer.ip.update", "agent", peer)
    assert sides(address) == ({"addresses": ["100.64.0.1"]}, {"addresses": ["100.64.0.2", "100.64.0.1"]})
    assert (address["meta"]["old_ip"], address["meta"]["ip"]) == ("100.64.0.1", "100.64.0.2")
    assert (other["activity_code"], sides(other)) == ("peer.facts.update", ({"os": "Debian 12"}, {"os": "Debian 13"}))
    directories.put(organisation.by, Peer("script", "host"))
    (new,) = story.go_on()
    assert (new["activity_code"], new["before"], new["after"]["name"]) == ("peer.facts.update", {}, "host")


def test_settings(organisation: Organisation, story: Story) -> None:
    """An event for those that go by one name; NetBird's where it has one."""
    settings, by = organisation.control.settings, organisation.by
    network = organisation.control.networks.create(by, "office")
    story.go_on()
    settings.update(by, {"mode": Mode.observe, "collect_dns": True})
    assert story.codes() == []
    settings.update(by, {"mode": Mode.enforce, "collect_dns": False, "progress_interval_s": 5, "network_range": "10.0.0.0/8",
                         "network_traffic_logs_enabled": False})  # fmt: skip
    found = {each["activity_code"]: each for each in story.go_on()}
    assert set(found) == {
        "settings.mode.update", "settings.traffic_log.update", "settings.traffic_log.disable", "account.network.range.update",
    }  # fmt: skip
    assert sides(found["settings.mode.update"]) == ({"mode": "observe"}, {"mode": "enforce"})
    assert sides(found["settings.traffic_log.update"])[1] == {"collect_dns": False, "progress_interval_s": 5}
    assert found["account.network.range.update"]["meta"] == {"old_network_range": "100.64.0.0/10", "new_network_range": "10.0.0.0/8"}
    assert found["settings.mode.update"]["target_id"] == organisation.id
    settings.update(by, {}, {network: Action.accept})
    settings.update(by, {}, {network: Action.accept})
    (default,) = story.go_on()
    assert (default["target_id"], default["target_type"], default["after"]) == (network, "network", {"default_action": "accept"})


def test_enrolment_keys(organisation: Organisation, story: Story) -> None:
    """Made, given groups, revoked, deleted; the key itself is nowhere."""
    keys, by = organisation.control.enrolment_keys, organisation.by
    first, second = organisation.group("A"), organisation.group("B")
    story.go_on()
    identifier, secret = keys.create(by, "laptops", reusable=True, auto_groups=[first])
    keys.update(by, identifier, revoked=False, auto_groups=[first])
    keys.update(by, identifier, revoked=False, auto_groups=[second])
    keys.update(by, identifier, revoked=True)
    keys.update(by, identifier, revoked=True)
    keys.delete(by, identifier)
    events = story.go_on()
    assert [each["activity_code"] for each in events] == [
        "setupkey.add", "setupkey.group.delete", "setupkey.group.add", "setupkey.revoke", "setupkey.delete",
    ]  # fmt: skip
    assert events[0]["meta"] == {"name": "laptops", "type": "reusable", "key_hint": f"{secret[:8]}****"}
    assert events[2]["meta"] == {"group": "B", "group_id": second, "setupkey": "laptops"}
    assert secret not in str(events)


def test_an_enrolment_by_another_key(organisation: Organisation, story: Story) -> None:
    """A peer that comes again by the same key changes nothing, by another one it does."""
    control, machine, key = organisation.control, Machine("laptop"), organisation.key()
    control.enrolment.enrol(machine.asks(key, organisation.clock.now))
    story.go_on()
    organisation.clock.pass_s(1)
    control.enrolment.enrol(machine.asks(key, organisation.clock.now))
    assert story.codes() == []
    other = organisation.key()
    organisation.clock.pass_s(1)
    control.enrolment.enrol(machine.asks(other, organisation.clock.now))
    _, again = story.go_on()
    assert again["activity_code"] == "peer.setupkey.add" and again["before"] != again["after"]


def test_what_fails_leaves_nothing(organisation: Organisation, story: Story, control: Control) -> None:
    """A change that was undone has no event."""
    organisation.group("Staff")
    story.go_on()
    with pytest.raises(ConflictError):
        organisation.group("Staff")
    assert story.codes() == []
    assert codes(control, organisation.id)[-1] == "group.add"
