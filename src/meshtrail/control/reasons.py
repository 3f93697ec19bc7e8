"""Why a rule is about a connection: what it names that holds the two ends. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping

from meshtrail.control.check_ends import End
from meshtrail.control.checked import Named, RuleFound
from meshtrail.control.inventory import Group, PolicyRule, Reference, Resource, Snapshot
from meshtrail.control.rule_text import reference_name, rule_text
from meshtrail.enrich.resolver.material import Line
from meshtrail.model.network_map import ResourceType

Times = Mapping[tuple[str, int], tuple[int, int | None]]
"""From when until when (microseconds) each version of each policy was in force."""


class Reasons:
    """The reasons for one pair of ends."""

    def __init__(self, snapshot: Snapshot, source: End, destination: End, times: Times) -> None:
        self._snapshot, self._source, self._destination, self._times = snapshot, source, destination, times

    def of(self, line: Line) -> RuleFound:
        """A rule that is about them, and why it is."""
        policy = self._snapshot.policies[line.policy_id]
        rule = next(rule for rule in policy.rules if rule.id == line.rule_id)
        ends = self._named(rule.sources, rule.source_resource, self._source), self._named_at(rule, self._destination)
        is_reversed = not (ends[0] and ends[1])
        if is_reversed:
            ends = self._named_at(rule, self._source), self._named(rule.sources, rule.source_resource, self._destination)
        valid_from, valid_until = self._times.get((policy.id, policy.version), (None, None))
        return RuleFound(
            policy.id, policy.name, policy.version, valid_from, valid_until, rule_text(self._snapshot, rule), rule, is_reversed, *ends
        )  # fmt: skip

    def _named_at(self, rule: PolicyRule, end: End) -> tuple[Named, ...]:
        return self._named(rule.destinations, rule.destination_resource, end)

    def _named(self, groups: Iterable[str], reference: Reference | None, end: End) -> tuple[Named, ...]:
        """What a rule's end names that holds the peer or the resources at an end."""
        things = {resource.id for resource in resources_at(self._snapshot, end)} if end.peer is None else set()
        if reference is not None:
            holds = reference.id in things or (end.peer is not None and reference.id == end.peer.id)
            return (Named(reference.type, reference.id, reference_name(self._snapshot, reference)),) if holds else ()
        found = [self._snapshot.groups[each] for each in groups if each in self._snapshot.groups]
        peer = end.peer.id if end.peer is not None else None
        return tuple(
            Named("group", group.id, group.name)
            for group in found
            if peer in self._snapshot.members[group.id] or things.intersection(group.resources)
        )


def groups_of(snapshot: Snapshot, end: End) -> tuple[Group, ...]:
    """Groups of the peer or of the resources at an end."""
    if end.peer is not None:
        return snapshot.groups_of_peers.get(end.peer.id, ())
    found = [group for resource in resources_at(snapshot, end) for group in snapshot.groups_of_resources[resource.id]]
    return tuple({group.id: group for group in found}.values())


def resources_at(snapshot: Snapshot, end: End) -> tuple[Resource, ...]:
    """The resource that an end is, or those that an address lies in. An address that lies in none may be any domain's."""
    enabled = [resource for resource in snapshot.resources.values() if resource.enabled]
    if end.resource is not None:
        around = [each for each in enabled if _within(end.resource, each)]
        return (end.resource, *(each for each in around if each.id != end.resource.id))
    if end.address is None or end.peer is not None:
        return ()
    holding = tuple(each for each in enabled if each.type is not ResourceType.domain and end.address in _network(each))
    return holding or tuple(each for each in enabled if each.type is ResourceType.domain)


def _within(inner: Resource, outer: Resource) -> bool:
    if ResourceType.domain in {inner.type, outer.type}:
        return False
    one, other = _network(inner), _network(outer)
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and one.subnet_of(other)


def _network(resource: Resource) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(resource.address, strict=False)
