"""From an inventory to what the resolver's book is made of: the same rules that `network_maps` tells the agents, with numbers
instead of ids. Pure."""

import ipaddress
from collections.abc import Iterable

import numpy as np

from meshtrail.control.inventory import Policy, PolicyRule, Reference, Resource, Router, Snapshot
from meshtrail.enrich.resolver.book import packed
from meshtrail.enrich.resolver.material import Ends, Line, Material, Place, Rule
from meshtrail.model.network_map import Action, Mode, ResourceType


def material_of(snapshot: Snapshot) -> Material:
    """What an organisation's rules are at the moment of a snapshot."""
    return _Numbers(snapshot).material()


class _Numbers:
    """Numbers of peers, groups, networks and resources."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._peers = {identifier: number for number, identifier in enumerate(snapshot.peers)}
        self._groups = {identifier: number for number, identifier in enumerate(snapshot.groups)}
        self._routed = _routers(snapshot)
        self._networks = {identifier: number for number, identifier in enumerate(sorted(set().union(*self._routed.values())))}
        self._resources = [each for each in snapshot.resources.values() if each.enabled and each.network_id in self._networks]
        self._places = {resource.id: number for number, resource in enumerate(self._resources)}

    def material(self) -> Material:
        snapshot, settings = self._snapshot, self._snapshot.settings
        defaults = [snapshot.networks[identifier].default or settings.overlay_default for identifier in self._networks]
        return Material(
            peers=tuple(self._peers),
            addresses={
                packed(network.partition("/")[0]): self._peers[peer]
                for peer, networks in snapshot.overlay.items()
                for network in networks
            },
            ranges=tuple(ipaddress.ip_network(each) for each in settings.ranges),
            members=self._members(),
            rules=self._rules(),
            places=tuple(self._place(resource) for resource in self._resources),
            network_accepts=tuple(default is Action.accept for default in defaults),
            routers={peer: frozenset(self._networks[each] for each in networks) for peer, networks in self._routed.items()},
            accepts=settings.overlay_default is Action.accept,
            ordered=settings.mode is Mode.enforce,
        )  # fmt: skip

    def _members(self) -> np.ndarray:
        found = np.zeros((len(self._groups), len(self._peers)), dtype=bool)
        for group, peers in self._snapshot.members.items():
            found[self._groups[group], [self._peers[peer] for peer in peers]] = True
        return found

    def _rules(self) -> tuple[Rule, ...]:
        policies = sorted(self._snapshot.policies.values(), key=lambda policy: (policy.created_at, policy.id))
        rules = [self._rule(policy, rule) for policy in policies if policy.enabled for rule in policy.rules if rule.enabled]
        return tuple(sorted(rules, key=lambda rule: rule.line.accept))

    def _rule(self, policy: Policy, rule: PolicyRule) -> Rule:
        ports = {*((each.start, each.end) for each in rule.port_ranges), *((port, port) for port in rule.ports)}
        return Rule(
            line=Line(policy.id, policy.name, policy.version, rule.id, rule.action is Action.accept),
            sources=self._ends(rule.sources, rule.source_resource),
            destinations=self._ends(rule.destinations, rule.destination_resource),
            resources=self._resources_at(rule.destinations, rule.destination_resource),
            protocol=rule.protocol.value,
            ports=tuple(sorted(ports)),
            bidirectional=rule.bidirectional,
        )

    def _ends(self, groups: Iterable[str], reference: Reference | None) -> Ends:
        if reference is not None:
            return Ends(peer=self._peers.get(reference.id, -1) if reference.type == "peer" else -1)
        return Ends(tuple(self._groups[each] for each in groups if each in self._groups))

    def _resources_at(self, groups: Iterable[str], reference: Reference | None) -> tuple[int, ...]:
        known = self._snapshot.groups
        ids = {reference.id} if reference is not None else {each for group in groups if group in known for each in known[group].resources}
        return tuple(sorted(self._places[each] for each in ids if each in self._places))

    def _place(self, resource: Resource) -> Place:
        is_domain = resource.type is ResourceType.domain
        prefix = None if is_domain else ipaddress.ip_network(resource.address, strict=False)
        return Place(resource.id, self._networks[resource.network_id], prefix)


def _routers(snapshot: Snapshot) -> dict[str, set[str]]:
    """Networks of each routing peer."""
    found: dict[str, set[str]] = {}
    for router in snapshot.routers.values():
        if router.enabled and router.network_id in snapshot.networks:
            for peer in _peers_of(snapshot, router):
                found.setdefault(peer, set()).add(router.network_id)
    return found


def _peers_of(snapshot: Snapshot, router: Router) -> Iterable[str]:
    if router.peer:
        return {router.peer} & snapshot.peers.keys()
    return frozenset().union(*(snapshot.members.get(group, frozenset()) for group in router.peer_groups))
