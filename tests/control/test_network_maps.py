"""From policies to the rules of each peer."""

import pytest

from meshtrail.control.inventory import Reference, Router
from meshtrail.control.network_maps import Plan
from meshtrail.control.service import Control
from meshtrail.model.network_map import Action, Chain, Governed, Mode, NetworkMap, PortRange, Protocol, Rule
from tests.control.organisation import Organisation, rule, rule_between

RANGES = ("100.64.0.0/10",)


@pytest.fixture
def staff(organisation: Organisation) -> str:
    """The group of those who may reach the others."""
    return organisation.group("Staff")


@pytest.fixture
def servers(organisation: Organisation) -> str:
    """The group of the others."""
    return organisation.group("Servers")


@pytest.fixture
def laptop(organisation: Organisation, staff: str) -> str:
    """A peer of the staff."""
    return organisation.peer("laptop", "100.64.0.1", "192.168.1.5", groups=(staff,))


@pytest.fixture
def phone(organisation: Organisation, staff: str) -> str:
    """Another one."""
    return organisation.peer("phone", "100.64.0.2", groups=(staff,))


@pytest.fixture
def crm(organisation: Organisation, servers: str) -> str:
    """A server."""
    return organisation.peer("crm", "100.64.0.9", groups=(servers,))


def map_of(organisation: Organisation, peer: str) -> NetworkMap:
    """The peer's map of this moment."""
    return Plan(organisation.snapshot).network_map(peer)


def told(rules: tuple[Rule, ...]) -> list[tuple[Chain, tuple[str, ...], tuple[str, ...]]]:
    """Chain, sources and destinations of the rules."""
    return [(each.chain, each.sources, each.destinations) for each in rules]


def test_destination_lets_in_and_source_knows_why(
    organisation: Organisation, staff: str, servers: str, laptop: str, phone: str, crm: str
) -> None:
    """The destination gets the sources' addresses, a source its way out, somebody else nothing."""
    policy = organisation.policy(rule(staff, servers, ports=(443,), ranges=()), name="Web")
    outsider = organisation.peer("outsider", "100.64.0.50")
    (into,) = map_of(organisation, crm).rules
    assert (into.chain, into.action, into.sources, into.destinations) == (
        Chain.input, Action.accept, ("100.64.0.1/32", "100.64.0.2/32"), ("100.64.0.9/32",),
    )  # fmt: skip
    assert (into.policy_id, into.policy_name, into.policy_version, into.protocol) == (policy, "Web", 1, Protocol.tcp)
    assert into.ports == (PortRange(443, 443),)
    assert into.rule_id == organisation.snapshot.policies[policy].rules[0].id
    assert told(map_of(organisation, laptop).rules) == [(Chain.output, ("100.64.0.1/32",), ("100.64.0.9/32",))]
    assert map_of(organisation, outsider).rules == ()
    assert phone != crm


def test_bidirectional_goes_both_ways(organisation: Organisation, staff: str, servers: str, laptop: str, crm: str) -> None:
    """Each end is source and destination of the same rule."""
    organisation.policy(rule(staff, servers, protocol=Protocol.icmp, bidirectional=True))
    both = {Chain.input, Chain.output}
    assert {each.chain for each in map_of(organisation, laptop).rules} == both
    assert {each.chain for each in map_of(organisation, crm).rules} == both
    assert len({each.rule_id for each in (*map_of(organisation, laptop).rules, *map_of(organisation, crm).rules)}) == 1


def test_everybody_reaches_the_others_and_not_itself(organisation: Organisation, laptop: str, phone: str) -> None:
    """A rule within one group is one rule in and one out, without the peer's own address."""
    everybody = next(group.id for group in organisation.snapshot.groups.values() if group.built_in)
    organisation.policy(rule(everybody, everybody, bidirectional=True))
    assert told(map_of(organisation, laptop).rules) == [
        (Chain.input, ("100.64.0.2/32",), ("100.64.0.1/32",)), (Chain.output, ("100.64.0.1/32",), ("100.64.0.2/32",)),
    ]  # fmt: skip
    assert phone


def test_disabled_policies_and_rules_are_gone(
    organisation: Organisation, staff: str, servers: str, laptop: str, crm: str
) -> None:  # fmt: skip
    """As are rules without anybody at one end."""
    organisation.policy(rule(staff, servers), enabled=False)
    organisation.policy(rule(staff, servers, enabled=False), rule(staff, organisation.group("Nobody")))
    assert (map_of(organisation, crm).rules, map_of(organisation, laptop).rules) == ((), ())


def test_drops_come_first_and_the_order_is_of_the_policies(
    organisation: Organisation, staff: str, servers: str, laptop: str, crm: str
) -> None:
    """Accepts keep the order in which their policies were made; a drop is told to its source too, and blocks nothing there."""
    for number in range(3):
        organisation.policy(rule(staff, servers, ports=(80 + number,)), name=f"accept {number}")
    organisation.policy(rule(staff, servers, ports=(23,), action=Action.drop), name="no telnet")
    assert [each.policy_name for each in map_of(organisation, crm).rules] == ["no telnet", "accept 0", "accept 1", "accept 2"]
    assert {(each.chain, each.action) for each in map_of(organisation, laptop).rules[:1]} == {(Chain.output, Action.drop)}
    assert map_of(organisation, crm) == map_of(organisation, crm)


def test_ports_and_ranges_are_ranges(organisation: Organisation, staff: str, servers: str, laptop: str, crm: str) -> None:
    """Single ports and ranges, in order and once each; none at all are all ports."""
    organisation.policy(
        rule(staff, servers, ports=(8443, 443, 443)), rule(staff, servers, ranges=(PortRange(20, 29),)), rule(staff, servers)
    )
    assert [each.ports for each in map_of(organisation, crm).rules] == [
        (PortRange(443, 443), PortRange(8443, 8443)), (PortRange(20, 29),), (),
    ]  # fmt: skip
    assert laptop


def test_a_single_peer_can_be_an_end(organisation: Organisation, servers: str, laptop: str, phone: str, crm: str) -> None:
    """A peer by id as source, and as destination."""
    organisation.policy(rule_between(Reference(laptop, "peer"), servers), rule_between(servers, Reference(laptop, "peer")))
    assert told(map_of(organisation, crm).rules) == [
        (Chain.input, ("100.64.0.1/32",), ("100.64.0.9/32",)), (Chain.output, ("100.64.0.9/32",), ("100.64.0.1/32",)),
    ]  # fmt: skip
    assert map_of(organisation, phone).rules == ()


@pytest.fixture
def routed(control: Control, organisation: Organisation) -> tuple[str, str, str]:
    """A network behind the peers of a group: group of its resources, network, routing peer."""
    things, routers = organisation.group("Databases"), organisation.group("Routers")
    peer = organisation.peer("router", "100.64.0.7", groups=(routers,))
    network = control.networks.create(organisation.by, "office")
    control.networks.create_resource(organisation.by, network, "subnet", "10.1.0.0/16", [things])
    control.networks.create_resource(organisation.by, network, "name", "*.db.example.org", [things])
    control.networks.create_resource(organisation.by, network, "off", "10.2.0.0/16", [things], enabled=False)
    control.networks.create_router(organisation.by, Router(id="", network_id=network, peer_groups=(routers,), masquerade=True))
    return things, network, peer


def test_routing_peers_forward_to_resources(organisation: Organisation, staff: str, laptop: str, routed: tuple[str, str, str]) -> None:
    """The router gets a rule for each enabled resource, the source its way out, with id and name of the resource."""
    things, network, router = routed
    organisation.policy(rule(staff, things, ports=(5432,)))
    found = map_of(organisation, router)
    assert {(each.chain, each.sources, each.destinations, each.domains, each.resource_name) for each in found.rules} == {
        (Chain.forward, ("100.64.0.1/32",), ("10.1.0.0/16",), (), "subnet"),
        (Chain.forward, ("100.64.0.1/32",), (), ("*.db.example.org",), "name"),
    }
    assert {(each.chain, each.sources, each.destinations, each.domains) for each in map_of(organisation, laptop).rules} == {
        (Chain.output, ("100.64.0.1/32",), ("10.1.0.0/16",), ()), (Chain.output, ("100.64.0.1/32",), (), ("*.db.example.org",)),
    }  # fmt: skip
    assert {(each.name, each.type.value, each.network_id, each.masquerade) for each in found.resources} == {
        ("subnet", "subnet", network, True), ("name", "domain", network, True),
    }  # fmt: skip
    assert map_of(organisation, laptop).resources == ()


def test_one_resource_can_be_the_destination(organisation: Organisation, staff: str, laptop: str, routed: tuple[str, str, str]) -> None:
    """By its id instead of a group; never back again, since a resource opens no connections of its own."""
    subnet = next(each for each in organisation.snapshot.resources.values() if each.name == "subnet")
    one = rule_between(staff, Reference(subnet.id, "subnet"))
    organisation.policy(one)
    assert [each.resource_id for each in map_of(organisation, routed[2]).rules] == [subnet.id]
    assert [each.chain for each in map_of(organisation, laptop).rules] == [Chain.output]


def test_without_a_router_nothing_is_reached(control: Control, organisation: Organisation, staff: str, laptop: str) -> None:
    """A router that is switched off, and a network without one."""
    network = control.networks.create(organisation.by, "office")
    things = organisation.group("Things")
    control.networks.create_resource(organisation.by, network, "subnet", "10.1.0.0/16", [things])
    peer = organisation.peer("router", "100.64.0.7")
    control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=peer, enabled=False))
    organisation.policy(rule(staff, things))
    assert (map_of(organisation, laptop).rules, map_of(organisation, peer).rules, map_of(organisation, peer).resources) == ((), (), ())


def test_the_lowest_metric_says_whether_to_masquerade(control: Control, organisation: Organisation) -> None:
    """A peer that is a router twice is what the preferred one says."""
    network = control.networks.create(organisation.by, "office")
    control.networks.create_resource(organisation.by, network, "host", "10.1.0.5", [])
    peer = organisation.peer("router", "100.64.0.7")
    for metric, masquerade in ((100, False), (10, True)):
        made = Router(id="", network_id=network, peer=peer, metric=metric, masquerade=masquerade)
        control.networks.create_router(organisation.by, made)
    assert [each.masquerade for each in map_of(organisation, peer).resources] == [True]


def test_what_is_governed(control: Control, organisation: Organisation, laptop: str, routed: tuple[str, str, str]) -> None:
    """All that comes from the overlay, to any address of the peer and through it; a routed network by its own default, first."""
    overlay = (
        Governed("", Chain.input, RANGES, Action.drop), Governed("", Chain.forward, RANGES, Action.drop),
        Governed("", Chain.output, RANGES, Action.accept),
    )  # fmt: skip
    assert map_of(organisation, laptop).governed == overlay
    control.settings.update(organisation.by, {}, {routed[1]: Action.accept})
    behind = Governed(routed[1], Chain.forward, RANGES, Action.accept, ("10.1.0.0/16",), ("*.db.example.org",))
    assert map_of(organisation, routed[2]).governed == (behind, *overlay)
    control.settings.update(organisation.by, {"overlay_default": Action.accept, "network_range_v6": "fd00::/64"}, {routed[1]: None})
    found = map_of(organisation, routed[2]).governed
    assert {each.default for each in found} == {Action.accept}
    assert {each.sources for each in found} == {("100.64.0.0/10", "fd00::/64")}


def test_a_network_without_resources_governs_nothing(control: Control, organisation: Organisation) -> None:
    """It would have no destinations, which would be any."""
    network = control.networks.create(organisation.by, "empty")
    peer = organisation.peer("router", "100.64.0.7")
    control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=peer))
    assert {each.network_id for each in map_of(organisation, peer).governed} == {""}


def test_settings_reach_the_agents(control: Control, organisation: Organisation, staff: str, laptop: str, crm: str) -> None:
    """Mode, counters, interval; collection only from the chosen groups."""
    control.settings.update(
        organisation.by,
        {
            "mode": Mode.enforce,
            "network_traffic_logs_groups": [staff],
            "network_traffic_packet_counter_enabled": False,
            "collect_dns": False,
            "progress_interval_s": 5,
        },
    )
    found = map_of(organisation, laptop)
    assert (found.mode, found.settings.collect, found.settings.packet_counters) == (Mode.enforce, True, False)
    assert (found.settings.collect_dns, found.settings.collect_exit_node, found.settings.progress_interval_s) == (False, True, 5)
    assert map_of(organisation, crm).settings.collect is False
    control.settings.update(organisation.by, {"network_traffic_logs_enabled": False})
    assert map_of(organisation, laptop).settings.collect is False


def test_a_removed_peer_is_in_no_rule(
    control: Control, organisation: Organisation, staff: str, servers: str, laptop: str, phone: str, crm: str
) -> None:
    """Its address is not let in any more."""
    organisation.policy(rule(staff, servers))
    control.peers.remove(organisation.by, phone)
    assert [each.sources for each in map_of(organisation, crm).rules] == [("100.64.0.1/32",)]
    assert laptop
