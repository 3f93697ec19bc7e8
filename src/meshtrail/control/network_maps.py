"""From an organisation's policies to what each peer has to know: its network map. Pure.

A *plan* is made once for a snapshot and asked for each peer. Whoever is the destination of a policy's rule gets an *input*
rule with the addresses of the sources, whoever is a source an *output* rule, which blocks nothing and says which rule is about
what leaves; a routing peer gets a *forward* rule for each resource behind it. Posture checks are not looked at.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from meshtrail.control.inventory import Network, Policy, PolicyRule, Reference, Resource, Router, Settings, Snapshot
from meshtrail.control.overlay import Addresses, in_order
from meshtrail.model.network_map import (
    RULES_MAX,
    Action,
    AgentSettings,
    Chain,
    Governed,
    NetworkMap,
    PortRange,
    ResourceType,
    RoutedResource,
    Rule,
)

_NOBODY: frozenset[str] = frozenset()


class _Expanded(msgspec.Struct, frozen=True):
    """A rule of a policy with peers and resources instead of groups."""

    policy: Policy
    rule: PolicyRule
    sources: frozenset[str]
    destinations: frozenset[str]
    resources: tuple[Resource, ...]
    ports: tuple[PortRange, ...]


class Plan:
    """The rules of a snapshot, ready to be told to each peer. Not changed after it is made, but for what it remembers."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[frozenset[str], Addresses] = {}

    def network_map(self, peer_id: str) -> NetworkMap:
        """The peer's map; serial and time of issue are 0, for whoever issues it to fill."""
        snapshot = self._snapshot
        routed = self._routed_by(peer_id)
        rules = [rule for expanded in self._expanded for rule in self._rules(expanded, peer_id, routed)]
        return NetworkMap(
            org_id=snapshot.org_id,
            peer_id=peer_id,
            serial=0,
            issued_at=0,
            mode=snapshot.settings.mode,
            settings=self._settings(peer_id),
            governed=self._governed(routed),
            rules=tuple(rules[:RULES_MAX]),
            resources=tuple(
                RoutedResource(each.id, each.name, each.type, each.address, each.network_id, router.masquerade)
                for network_id, router in routed.items()
                for each in self._resources_of[network_id]
            ),
        )

    @cached_property
    def _expanded(self) -> tuple[_Expanded, ...]:
        """Enabled rules, drops before accepts, else in the order of their policies: a map that had to be cut at its end would
        lose what it allows and keep what it denies."""
        found = [
            expanded
            for policy in sorted(self._snapshot.policies.values(), key=lambda policy: (policy.created_at, policy.id))
            if policy.enabled
            for rule in policy.rules
            if rule.enabled and (expanded := self._expand(policy, rule)) is not None
        ]
        return tuple(sorted(found, key=lambda expanded: expanded.rule.action is not Action.drop))

    def _expand(self, policy: Policy, rule: PolicyRule) -> _Expanded | None:
        sources = self._peers_at(rule.sources, rule.source_resource)
        destinations = self._peers_at(rule.destinations, rule.destination_resource)
        resources = self._resources_at(rule.destinations, rule.destination_resource)
        ranges = {*rule.port_ranges, *(PortRange(port, port) for port in rule.ports)}
        ports = tuple(sorted(ranges, key=lambda each: (each.start, each.end)))
        return _Expanded(policy, rule, sources, destinations, resources, ports) if sources or destinations else None

    def _peers_at(self, groups: Iterable[str], reference: Reference | None) -> frozenset[str]:
        if reference is not None:
            return frozenset({reference.id}) if reference.type == "peer" and reference.id in self._snapshot.peers else _NOBODY
        return _NOBODY.union(*(self._snapshot.members.get(group, _NOBODY) for group in groups))

    def _resources_at(self, groups: Iterable[str], reference: Reference | None) -> tuple[Resource, ...]:
        """Reachable resources at the destination: enabled, and in a network that somebody routes."""
        known = self._snapshot.groups
        ids = {reference.id} if reference is not None else {each for group in groups if group in known for each in known[group].resources}
        return tuple(
            resource for network_id in self._routers for resource in self._resources_of.get(network_id, ()) if resource.id in ids
        )  # fmt: skip

    @cached_property
    def _resources_of(self) -> Mapping[str, tuple[Resource, ...]]:
        """Enabled resources of each network."""
        found: dict[str, list[Resource]] = {identifier: [] for identifier in self._snapshot.networks}
        for resource in self._snapshot.resources.values():
            if resource.enabled and resource.network_id in found:
                found[resource.network_id].append(resource)
        return {identifier: tuple(resources) for identifier, resources in found.items()}

    @cached_property
    def _routers(self) -> Mapping[str, Mapping[str, Router]]:
        """Routing peers of each network that has any, with the router that makes them so: the one with the lowest metric."""
        found: dict[str, dict[str, Router]] = {}
        for router in sorted(self._snapshot.routers.values(), key=lambda router: (router.network_id, router.metric, router.id)):
            peers = {router.peer} & self._snapshot.peers.keys() if router.peer else self._peers_at(router.peer_groups, None)
            if router.enabled and router.network_id in self._snapshot.networks:
                for peer in sorted(peers):
                    found.setdefault(router.network_id, {}).setdefault(peer, router)
        return found

    def _routed_by(self, peer_id: str) -> dict[str, Router]:
        return {network_id: peers[peer_id] for network_id, peers in self._routers.items() if peer_id in peers}

    def _addresses_of(self, peers: frozenset[str], but: str) -> Addresses:
        found = self._known.get(peers)
        if found is None:
            found = tuple(in_order(address for peer in peers for address in self._snapshot.overlay[peer]))
            self._known[peers] = found
        own = self._snapshot.overlay[but] if but in peers else ()
        return tuple(each for each in found if each not in own) if own else found

    def _rules(self, expanded: _Expanded, peer_id: str, routed: Mapping[str, Router]) -> Iterable[Rule]:
        """The rule as it concerns this peer: into it, out of it, through it."""
        rule, own = expanded.rule, self._snapshot.overlay[peer_id]
        comes_from = leads_to = _NOBODY
        for sources, destinations in (
            (expanded.sources, expanded.destinations),
            *(((expanded.destinations, expanded.sources),) if rule.bidirectional else ()),
        ):
            comes_from |= sources if peer_id in destinations else _NOBODY
            leads_to |= destinations if peer_id in sources else _NOBODY
        if own and (others := self._addresses_of(comes_from, peer_id)):
            yield _rule(expanded, Chain.input, others, own)
        if own and (others := self._addresses_of(leads_to, peer_id)):
            yield _rule(expanded, Chain.output, own, others)
        sources = self._addresses_of(expanded.sources, peer_id)
        for resource in expanded.resources:
            if sources and resource.network_id in routed:
                yield _resource_rule(expanded, Chain.forward, sources, resource)
            if own and peer_id in expanded.sources:
                yield _resource_rule(expanded, Chain.output, own, resource)

    def _governed(self, routed: Mapping[str, Router]) -> tuple[Governed, ...]:
        """First each routed network with its default, then all that comes from the overlay: to this peer by any of its
        addresses, and through it. A peer could name another address of this machine as its destination, so those count. Last
        what leaves into the overlay: nothing is blocked there, whatever the rules say."""
        settings = self._snapshot.settings
        ranges, default = settings.ranges, settings.overlay_default
        if not ranges:
            return ()
        found = [
            _governed_network(self._snapshot.networks[network_id], ranges, default, self._resources_of[network_id])
            for network_id in sorted(routed)
            if self._resources_of[network_id]
        ]
        overlay = [Governed("", chain, ranges, default) for chain in (Chain.input, Chain.forward)]
        return (*found, *overlay, Governed("", Chain.output, ranges, Action.accept))

    def _settings(self, peer_id: str) -> AgentSettings:
        settings = self._snapshot.settings
        return agent_settings(settings, concerned=self._is_collected(settings, peer_id))

    def _is_collected(self, settings: Settings, peer_id: str) -> bool:
        groups = settings.network_traffic_logs_groups
        return not groups or any(peer_id in self._snapshot.members.get(group, _NOBODY) for group in groups)


def agent_settings(settings: Settings, *, concerned: bool) -> AgentSettings:
    """What an agent is to report; `concerned`: it is in the groups that report."""
    return AgentSettings(
        collect=settings.network_traffic_logs_enabled and concerned,
        packet_counters=settings.network_traffic_packet_counter_enabled,
        collect_dns=settings.collect_dns,
        collect_exit_node=settings.collect_exit_node,
        progress_interval_s=settings.progress_interval_s,
    )


def _rule(expanded: _Expanded, chain: Chain, sources: Addresses, destinations: Addresses) -> Rule:
    policy, rule = expanded.policy, expanded.rule
    return Rule(
        policy.id, policy.name, policy.version, rule.id, chain, rule.action, rule.protocol, sources, destinations, (), expanded.ports
    )


def _resource_rule(expanded: _Expanded, chain: Chain, sources: Addresses, resource: Resource) -> Rule:
    is_domain = resource.type is ResourceType.domain
    plain = _rule(expanded, chain, sources, () if is_domain else (resource.address,))
    domains = (resource.address,) if is_domain else ()
    return msgspec.structs.replace(plain, domains=domains, resource_id=resource.id, resource_name=resource.name)


def _governed_network(network: Network, ranges: Addresses, default: Action, resources: tuple[Resource, ...]) -> Governed:
    domains = tuple(sorted({each.address for each in resources if each.type is ResourceType.domain}))
    destinations = tuple(sorted({each.address for each in resources if each.type is not ResourceType.domain}))
    return Governed(network.id, Chain.forward, ranges, network.default or default, destinations, domains)
