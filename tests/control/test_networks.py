"""Networks, their resources and routers."""

import pytest

from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control.actor import system
from meshtrail.control.inventory import Router
from meshtrail.control.service import Control
from tests.control.organisation import Organisation


@pytest.fixture
def network(organisation: Organisation) -> str:
    """A network."""
    return organisation.control.networks.create(organisation.by, "office", "second floor")


@pytest.mark.parametrize(
    ("given", "kind", "kept"),
    [
        ("10.0.0.5", "host", "10.0.0.5/32"),
        ("10.0.0.5/32", "host", "10.0.0.5/32"),
        ("10.0.0.0/24", "subnet", "10.0.0.0/24"),
        ("fd00::5", "host", "fd00::5/128"),
        ("FD00:0::/64", "subnet", "fd00::/64"),
        ("0.0.0.0/0", "subnet", "0.0.0.0/0"),
        (" DB.example.org ", "domain", "db.example.org"),
        ("*.example.org", "domain", "*.example.org"),
    ],
)
def test_the_type_follows_from_the_address(organisation: Organisation, network: str, given: str, kind: str, kept: str) -> None:
    """A host is kept as a network of one address."""
    made = organisation.control.networks.create_resource(organisation.by, network, "x", given, [])
    found = organisation.snapshot.resources[made]
    assert (found.type.value, found.address) == (kind, kept)


@pytest.mark.parametrize(
    "given", ["", "10.0.0.5/24", "10.0.0", "1.2.3.4.5", "localhost", "*.*.org", "-a.org", "a..org", "a.org/24", "x" * 260]
)
def test_addresses_that_are_none(organisation: Organisation, network: str, given: str) -> None:
    """Each is refused by the name of its field."""
    with pytest.raises(UnusableError, match="address"):
        organisation.control.networks.create_resource(organisation.by, network, "x", given, [])


def test_resources_change_and_go(organisation: Organisation, network: str) -> None:
    """With the groups they are in."""
    networks, first, second = organisation.control.networks, organisation.group("A"), organisation.group("B")
    thing = networks.create_resource(organisation.by, network, "db", "10.0.0.5", [first])
    networks.update_resource(organisation.by, network, thing, "db2", "10.0.0.6", [second], "moved", enabled=False)
    found = organisation.snapshot.resources[thing]
    assert (found.name, found.address, found.description, found.enabled) == ("db2", "10.0.0.6/32", "moved", False)
    assert [group.name for group in organisation.snapshot.groups_of_resources[thing]] == ["B"]
    networks.delete_resource(organisation.by, network, thing)
    assert organisation.snapshot.groups[second].resources == ()
    with pytest.raises(UnusableError, match="groups"):
        networks.create_resource(organisation.by, network, "db", "10.0.0.5", ["nothing"])


def test_routers_are_one_peer_or_groups(organisation: Organisation, network: str) -> None:
    """Not both, not none, and those that are there."""
    networks, peer, group = organisation.control.networks, organisation.peer("router"), organisation.group("Routers")
    made = networks.create_router(organisation.by, Router(id="", network_id=network, peer=peer, metric=5))
    networks.update_router(organisation.by, Router(id=made, network_id=network, peer_groups=(group,), masquerade=False))
    found = organisation.snapshot.routers[made]
    assert (found.peer, found.peer_groups, found.metric, found.masquerade) == (None, (group,), 9_999, False)
    for wrong, field in (
        (Router(id="", network_id=network), "peer"),
        (Router(id="", network_id=network, peer=peer, peer_groups=(group,)), "peer"),
        (Router(id="", network_id=network, peer="nobody"), "peer"),
        (Router(id="", network_id=network, peer_groups=("nothing",)), "peer_groups"),
        (Router(id="", network_id=network, peer=peer, metric=0), "metric"),
        (Router(id="", network_id=network, peer=peer, metric=10_000), "metric"),
    ):
        with pytest.raises(UnusableError, match=f"^{field}"):
            networks.create_router(organisation.by, wrong)
    networks.delete_router(organisation.by, network, made)
    assert not organisation.snapshot.routers


def test_a_removed_peer_routes_nothing(organisation: Organisation, network: str) -> None:
    """Its router goes with it."""
    peer = organisation.peer("router")
    organisation.control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=peer))
    organisation.control.peers.remove(organisation.by, peer)
    assert not organisation.snapshot.routers


def test_a_network_goes_with_what_is_in_it(organisation: Organisation, network: str) -> None:
    """Resources leave their groups."""
    group, peer = organisation.group("Databases"), organisation.peer("router")
    organisation.control.networks.create_resource(organisation.by, network, "db", "10.0.0.5", [group])
    organisation.control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=peer))
    organisation.control.networks.update(organisation.by, network, "Office")
    assert organisation.snapshot.networks[network].name == "Office"
    organisation.control.networks.delete(organisation.by, network)
    snapshot = organisation.snapshot
    assert not snapshot.networks
    assert not snapshot.resources
    assert not snapshot.routers
    assert snapshot.groups[group].resources == ()


def test_another_organisation_or_network_has_no_part(control: Control, organisation: Organisation, network: str) -> None:
    """What is asked for by a foreign id, or in the wrong network, is not there."""
    other, beside = control.add_organisation("other"), control.networks.create(organisation.by, "beside")
    thing = control.networks.create_resource(organisation.by, network, "db", "10.0.0.5", [])
    router = control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=organisation.peer("router")))
    networks = control.networks
    for org_id, place in ((other, network), (organisation.id, beside)):
        with pytest.raises(NotFoundError):
            networks.delete_resource(system(org_id), place, thing)
        with pytest.raises(NotFoundError):
            networks.update_resource(system(org_id), place, thing, "x", "10.0.0.6", [])
        with pytest.raises(NotFoundError):
            networks.delete_router(system(org_id), place, router)
        with pytest.raises((NotFoundError, UnusableError)):
            networks.update_router(system(org_id), Router(id=router, network_id=place, peer_groups=("x",)))
    for attempt in (
        lambda: networks.delete(system(other), network),
        lambda: networks.update(system(other), network, "x"),
        lambda: networks.create_resource(system(other), network, "x", "10.0.0.6", []),
        lambda: networks.create_router(system(other), Router(id="", network_id=network, peer="x")),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert set(organisation.snapshot.resources) == {thing}
    assert set(organisation.snapshot.routers) == {router}
