"""Who should report: who is known, was told not to, and routes."""

from typing import Any

from meshtrail.api.expected import expecting, routers_of_resources
from meshtrail.control.collection import FOREVER_US
from meshtrail.control.inventory import Group, PeerRecord, Resource, Router, Snapshot
from meshtrail.control.places import Place
from meshtrail.control.service import Control
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.network_map import ResourceType
from meshtrail.store.connections import Expected
from tests.control.organisation import Clock, Organisation


def machine(name: str, enrolled_at: int | None = 1) -> PeerRecord:
    """A peer, or a machine that only reports."""
    return PeerRecord(name, f"{name}'s name", Facts(name, name), enrolled_at)


def snapshot(**fields: Any) -> Snapshot:
    """An organisation of four peers and a sender of events; staff are the laptop and the phone."""
    machines = {name: machine(name) for name in ("laptop", "phone", "router", "spare")} | {"firewall": machine("firewall", None)}
    groups = {
        "all": Group("all", "All", built_in=True),
        "staff": Group("staff", "Staff", built_in=False, peers=("laptop", "phone")),
        "routers": Group("routers", "Routers", built_in=False, peers=("router", "spare", "gone")),
        "laptops": Group("laptops", "Laptops", built_in=False, peers=("laptop",)),
    }
    return Snapshot("org", machines=machines, groups=groups, **fields)


def test_whoever_was_told_to_be_silent(place: Place) -> None:
    """Known reporters, with the times in which the settings did not let them report."""
    clock = Clock()
    control = Control(place, clock)
    control.open()
    try:
        organisation = Organisation(control, control.add_organisation("test"), clock)
        laptop = organisation.peer("laptop")
        known = {laptop: 1, "firewall": 2}
        assert expecting(control, organisation.id, known)(0, clock.now) == Expected(known, pauses=[])
        clock.pass_s(60)
        control.settings.update(organisation.by, {"network_traffic_logs_enabled": False})
        assert expecting(control, organisation.id, known)(0, clock.now - 1).pauses == []
        assert expecting(control, organisation.id, known)(0, clock.now).pauses == [(laptop, clock.now, FOREVER_US)]
    finally:
        control.close()


def test_an_organisation_without_anything() -> None:
    """Nobody routes."""
    assert routers_of_resources(Snapshot("org")) == {}


def resource(name: str, network: str, *, enabled: bool = True) -> Resource:
    """Something in a network."""
    return Resource(id=name, network_id=network, name=name, type=ResourceType.host, address="10.0.0.1/32", enabled=enabled)


def test_routing_peers_of_each_resource() -> None:
    """Peers and groups that route its network, without routers and resources that are switched off, and without peers that are gone."""
    resources = {each.id: each for each in (resource("db", "office"), resource("off", "office", enabled=False), resource("x", "nowhere"))}
    routers = {
        "a": Router(id="a", network_id="office", peer_groups=("routers",)),
        "b": Router(id="b", network_id="office", peer="laptop"),
        "c": Router(id="c", network_id="office", peer="phone", enabled=False),
        "d": Router(id="d", network_id="office", peer="gone"),
    }
    assert routers_of_resources(snapshot(resources=resources, routers=routers)) == {
        "db": {"router": "router's name", "spare": "spare's name", "laptop": "laptop's name"}
    }
