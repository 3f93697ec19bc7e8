"""What machines say of themselves, and what people say of them."""

import pytest

from meshtrail.common.errors import ForbiddenError, NotFoundError, PeerRemovedError, UnusableError
from meshtrail.control import peers
from meshtrail.control.actor import system
from meshtrail.control.directories import Directories
from meshtrail.control.inventory import Router
from meshtrail.control.limits import PEER_ADDRESSES_MAX, SEEN_STEP_S
from meshtrail.control.service import Control
from meshtrail.enrich.directory import Peer
from meshtrail.ingest.validate import packed
from tests.control.organisation import Clock, Organisation


def test_addresses_are_kept_clean() -> None:
    """Once each, in their usual form, without what is none, and only so many."""
    many = tuple(f"10.0.{n // 256}.{n % 256}" for n in range(1_000))
    found = peers.cleaned(Peer("p", "x", addresses=("FD00:0::1", "fd00::1", "nonsense", "fe80::1%eth0", "10.0.0.1/8", *many)))
    assert found.addresses[:2] == ("fd00::1", "10.0.0.0")
    assert len(found.addresses) == PEER_ADDRESSES_MAX


def test_only_a_peers_own_token_speaks_for_it(control: Control, organisation: Organisation) -> None:
    """An API token may say things of a machine that only reports, not of an enrolled one."""
    directories, peer = Directories(control), organisation.peer("laptop", "100.64.0.1")
    facts = Peer(peer, "laptop", addresses=("100.64.0.66",))
    with pytest.raises(ForbiddenError, match="enrolled"):
        directories.put(organisation.by, facts)
    directories.put(organisation.agent(peer), facts)
    assert organisation.snapshot.overlay[peer] == ("100.64.0.66/32",)
    directories.put(organisation.by, Peer("script", "script", addresses=("100.64.0.70",)))
    assert "script" not in organisation.snapshot.peers
    assert directories.get(organisation.id).peers["script"].groups == ()


def test_an_address_is_the_first_claimants(control: Control, organisation: Organisation, clock: Clock) -> None:
    """In rules and in events, until it gives it up; then it is the next one's."""
    first, second = organisation.peer("first", "100.64.0.1"), organisation.peer("second", "100.64.0.2")
    directories = Directories(control)
    clock.pass_s(1)
    directories.put(organisation.agent(second), Peer(second, "second", addresses=("100.64.0.1", "100.64.0.2")))
    clock.pass_s(1)
    directories.put(organisation.by, Peer("script", "script", addresses=("100.64.0.1",)))
    place = packed("100.64.0.1") or b""
    assert directories.get(organisation.id).by_address[place].id == first
    assert organisation.snapshot.overlay[second] == ("100.64.0.2/32",)
    directories.put(organisation.agent(first), Peer(first, "first", addresses=()))
    assert directories.get(organisation.id).by_address[place].id == second
    directories.put(organisation.agent(first), Peer(first, "first", addresses=("100.64.0.1",)))
    assert directories.get(organisation.id).by_address[place].id == second


def test_people_name_a_peer(control: Control, organisation: Organisation) -> None:
    """Its own facts do not take the name away; events carry it."""
    peer = organisation.peer("laptop")
    control.peers.rename(organisation.by, peer, "Ana's laptop")
    directories = Directories(control)
    directories.put(organisation.agent(peer), Peer(peer, "debian", addresses=("100.64.0.1",)))
    assert directories.get(organisation.id).peers[peer].name == "Ana's laptop"
    with pytest.raises(UnusableError, match="name"):
        control.peers.rename(organisation.by, peer, "")


def test_a_sign_of_life_is_noted_now_and_then(control: Control, organisation: Organisation, clock: Clock) -> None:
    """The same facts write nothing but the time, and that not each time; nobody is woken."""
    directories, peer = Directories(control), organisation.peer("laptop", "100.64.0.1")
    facts = Peer(peer, "laptop", "Debian 12", addresses=("100.64.0.1",))
    directories.put(organisation.agent(peer), facts)
    generation, first = control.changes.generation(organisation.id), control.peers.last_seen(organisation.id)[peer]
    clock.pass_s(SEEN_STEP_S - 1)
    directories.put(organisation.agent(peer), facts)
    assert control.peers.last_seen(organisation.id)[peer] == first
    clock.pass_s(2)
    directories.put(organisation.agent(peer), facts)
    assert control.peers.last_seen(organisation.id)[peer] == clock.now
    assert control.changes.generation(organisation.id) == generation


def test_a_removed_peer_leaves_everything(control: Control, organisation: Organisation) -> None:
    """Its groups, its network, the directory; it cannot be removed twice, nor by somebody else, and says nothing more."""
    group = organisation.group("Staff")
    peer = organisation.peer("laptop", "100.64.0.1", groups=(group,))
    network = control.networks.create(organisation.by, "office")
    control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=peer))
    with pytest.raises(NotFoundError):
        control.peers.remove(system(control.add_organisation("other")), peer)
    control.peers.remove(organisation.by, peer)
    assert organisation.snapshot.groups[group].peers == ()
    assert not organisation.snapshot.routers
    assert not Directories(control).get(organisation.id).by_address
    with pytest.raises(NotFoundError):
        control.peers.remove(organisation.by, peer)
    with pytest.raises(PeerRemovedError):
        Directories(control).put(organisation.agent(peer), Peer(peer, "laptop"))


def test_machines_that_only_report_are_bounded(control: Control, organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token cannot fill the store with names."""
    monkeypatch.setattr(peers, "PEERS_MAX", 2)
    directories = Directories(control)
    for name in ("a", "b"):
        directories.put(organisation.by, Peer(name, name))
    with pytest.raises(ForbiddenError, match="not possible"):
        directories.put(organisation.by, Peer("c", "c"))
    directories.put(organisation.by, Peer("a", "again"))
