"""Who should report: from reporters that are known, settings, and routers."""

from typing import Any

import pytest

from meshtrail.api.expected import expected
from meshtrail.control.inventory import Group, PeerRecord, Resource, Router, Settings, Snapshot
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.network_map import ResourceType

KNOWN = {"laptop": 1, "phone": 2, "firewall": 3}


def machine(name: str, enrolled_at: int | None = 1) -> PeerRecord:
    """A peer, or a machine that only reports."""
    return PeerRecord(name, f"{name}'s name", Facts(name, name), enrolled_at)


def snapshot(settings: Settings | None = None, **fields: Any) -> Snapshot:
    """An organisation of four peers and a sender of events; staff are the laptop and the phone."""
    machines = {name: machine(name) for name in ("laptop", "phone", "router", "spare")} | {"firewall": machine("firewall", None)}
    groups = {
        "all": Group("all", "All", built_in=True),
        "staff": Group("staff", "Staff", built_in=False, peers=("laptop", "phone")),
        "routers": Group("routers", "Routers", built_in=False, peers=("router", "spare", "gone")),
        "laptops": Group("laptops", "Laptops", built_in=False, peers=("laptop",)),
    }
    return Snapshot("org", settings or Settings(), machines, groups, **fields)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(), {"laptop", "phone", "firewall"}),
        (Settings(network_traffic_logs_groups=("laptops",)), {"laptop", "firewall"}),
        (Settings(network_traffic_logs_groups=("laptops", "staff")), {"laptop", "phone", "firewall"}),
        (Settings(network_traffic_logs_groups=("gone",)), {"firewall"}),
        (Settings(network_traffic_logs_enabled=False), {"firewall"}),
    ],
)
def test_whoever_is_told_to_be_silent_is_not_expected(settings: Settings, told: set[str]) -> None:
    """Peers follow the settings; a system that only sends events does not know of them."""
    found = expected(snapshot(settings), KNOWN)
    assert found.reporters == {each: KNOWN[each] for each in told}


def test_nobody_is_known() -> None:
    """An organisation without anything expects nobody."""
    found = expected(Snapshot("org"), {})
    assert (found.reporters, found.routers) == ({}, {})


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
    found = expected(snapshot(resources=resources, routers=routers), KNOWN)
    assert found.routers == {"db": {"router": "router's name", "spare": "spare's name", "laptop": "laptop's name"}}
