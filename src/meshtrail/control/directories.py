"""The directories in memory: one an organisation, made anew when something has changed."""

import threading
from collections import OrderedDict
from dataclasses import replace

from meshtrail.common.errors import ForbiddenError
from meshtrail.control.actor import Actor
from meshtrail.control.inventory import Group, PeerRecord, Snapshot
from meshtrail.control.limits import SNAPSHOTS_MAX
from meshtrail.control.peers import cleaned
from meshtrail.control.rulebooks import Rulebooks
from meshtrail.control.service import Control
from meshtrail.enrich.directory import Directory, Peer
from meshtrail.enrich.resources import Resource, Resources
from meshtrail.ingest.validate import packed
from meshtrail.model.enums import InitiatorType
from meshtrail.model.network_map import ResourceType


class Directories:
    """Directories over the control store. Thread-safe."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.rulebooks = Rulebooks(control.snapshots)
        """Rules of the present and the past."""
        self._kept: OrderedDict[str, tuple[Snapshot, Directory]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, org_id: str) -> Directory:
        """The organisation's directory at this moment."""
        snapshot = self._control.snapshot(org_id)
        found = self._kept.get(org_id)
        if found is not None and found[0] is snapshot:
            return found[1]
        directory = replace(directory_of(snapshot), books=self.rulebooks.of(snapshot))
        with self._lock:
            self._kept[org_id] = snapshot, directory
            self._kept.move_to_end(org_id)
            if len(self._kept) > SNAPSHOTS_MAX:
                self._kept.popitem(last=False)
        return directory

    def put(self, by: Actor, peer: Peer) -> None:
        """Remember what a machine says of itself; when it says the same again, only that it lives. Nobody but the peer itself
        speaks for a peer that is enrolled, since its addresses give it rights."""
        machine = self._control.snapshot(by.org_id).machines.get(peer.id)
        itself = by.type is InitiatorType.agent and by.id == peer.id
        if machine is not None and machine.enrolled_at is not None and not itself:
            raise ForbiddenError(f"The peer {peer.id} is enrolled: only its own token speaks for it.", "Use the agent's own token.")
        if machine is not None and machine.facts == cleaned(peer):
            self._control.peers.touch(by.org_id, peer.id)
        else:
            self._control.peers.put_facts(by, peer)


def directory_of(snapshot: Snapshot) -> Directory:
    """Machines and resources by address, with their groups. An address of the overlay leads to the peer whose it is, whoever
    else claims it."""
    in_groups = snapshot.groups_of_peers
    found = Directory.of((_peer(machine, in_groups.get(machine.id, ())) for machine in snapshot.machines.values()), _resources(snapshot))
    holders = {
        address: found.peers[peer_id]
        for peer_id, networks in snapshot.overlay.items()
        for each in networks
        if (address := packed(each.partition("/")[0])) is not None
    }
    return Directory(found.peers, {**found.by_address, **holders}, found.resources)


def _peer(machine: PeerRecord, in_groups: tuple[Group, ...]) -> Peer:
    said = machine.facts
    names = tuple(group.name for group in in_groups)
    return Peer(machine.id, machine.name, said.os, said.dns_label, said.addresses, said.users, names)


def _resources(snapshot: Snapshot) -> Resources:
    in_groups = snapshot.groups_of_resources
    return Resources(
        (each.address, Resource(each.id, each.name, tuple(group.name for group in in_groups[each.id])))
        for each in snapshot.resources.values()
        if each.enabled and each.type is not ResourceType.domain
    )
