"""The resolver's answers as slowly and plainly as they can be said: sets, loops, one connection at a time.

It knows nothing of the agents' maps: it reads the inventory as a person would. What is behind routing peers it says for those only
who report as one of them.
"""

import ipaddress
from typing import Any

from meshtrail.control.inventory import Policy, PolicyRule, Reference, Resource, Snapshot
from meshtrail.model.network_map import Action, Mode, Protocol


class Naive:
    """One organisation at one moment."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._holders = {network.partition("/")[0]: peer for peer, networks in snapshot.overlay.items() for network in networks}

    def answer(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """What is to be said of a report; None: it is not for this oracle."""
        source, target = self._holders.get(row["source_address"]), self._holders.get(row["destination_address"])
        routed = row.get("connection_type") == "routed"
        if not routed and (target is None or source == target):
            return None if target is None else {}
        if routed and (row["reporter_id"] not in self._snapshot.peers or source == row["reporter_id"]):
            return None
        if not self._in_overlay(row["source_address"]):
            return {}
        if not routed and row["protocol"] == 58 and row.get("icmp_type") in {*range(130, 138), 143}:
            return {}
        resources = self._resources(row) if routed else []
        found = [(policy, rule) for policy, rule in self._rules() if self._about(rule, row, source, None if routed else target, resources)]
        if routed and not resources and self._domains(row["reporter_id"]):
            return None
        return self._told(found, row.get("verdict"), self._default(resources))

    def _rules(self) -> list[tuple[Policy, PolicyRule]]:
        policies = sorted(self._snapshot.policies.values(), key=lambda policy: (policy.created_at, policy.id))
        return [(policy, rule) for policy in policies if policy.enabled for rule in policy.rules if rule.enabled]

    def _about(
        self, rule: PolicyRule, row: dict[str, Any], source: str | None, target: str | None, resources: list[Resource]
    ) -> bool:  # fmt: skip
        if source is None or not _traffic(rule, row):
            return False
        froms, tos = self._peers(rule.sources, rule.source_resource), self._peers(rule.destinations, rule.destination_resource)
        if target is not None:
            return (source in froms and target in tos) or (rule.bidirectional and source in tos and target in froms)
        groups = [self._snapshot.groups[each] for each in rule.destinations if each in self._snapshot.groups]
        ids = {each for group in groups for each in group.resources}
        if rule.destination_resource is not None:
            ids = {rule.destination_resource.id}
        return source in froms and any(resource.id in ids for resource in resources)

    def _told(self, found: list[tuple[Policy, PolicyRule]], verdict: str | None, default: Action) -> dict[str, Any]:
        drops = [each for each in found if each[1].action is Action.drop]
        deciding = drops or found
        if (verdict == "allowed" and drops) or (verdict == "denied" and found and not drops):
            return {}
        observed = self._snapshot.settings.mode is Mode.observe
        if not deciding:
            if observed and not self._rules():
                return {}
            fits = verdict in {None, "unknown", "denied" if default is Action.drop else "allowed"}
            return {"attribution": f"default_{'deny' if default is Action.drop else 'allow'}"} if fits else {}
        if not observed or len(deciding) == 1:
            return _policy(deciding[0][0]) | {"attribution": "resolved", "rule_id": deciding[0][1].id}
        some = {"rule_candidates": [rule.id for _, rule in deciding[:16]]}
        if len({policy.id for policy, _ in deciding[:16]}) == 1:
            return _policy(deciding[0][0]) | some | {"attribution": "resolved"}
        return some | {"attribution": "ambiguous"}

    def _resources(self, row: dict[str, Any]) -> list[Resource]:
        """Enabled resources that hold the destination, in networks that the reporter routes."""
        address = ipaddress.ip_address(row["destination_address"])
        networks = self._networks(row["reporter_id"])
        known = [
            each for each in self._snapshot.resources.values() if each.enabled and each.type != "domain" and each.network_id in networks
        ]
        return [each for each in known if address in ipaddress.ip_network(each.address)]

    def _domains(self, peer: str) -> bool:
        networks = self._networks(peer)
        return any(each.enabled and each.type == "domain" and each.network_id in networks for each in self._snapshot.resources.values())

    def _networks(self, peer: str) -> set[str]:
        members = self._snapshot.members
        return {
            router.network_id
            for router in self._snapshot.routers.values()
            if router.enabled and (router.peer == peer or any(peer in members.get(group, ()) for group in router.peer_groups))
        }

    def _default(self, resources: list[Resource]) -> Action:
        networks = sorted({resource.network_id for resource in resources})
        own = self._snapshot.networks[networks[0]].default if networks else None
        return own or self._snapshot.settings.overlay_default

    def _peers(self, groups: tuple[str, ...], reference: Reference | None) -> set[str]:
        if reference is not None:
            return {reference.id} if reference.type == "peer" else set()
        return {peer for group in groups for peer in self._snapshot.members.get(group, ())}

    def _in_overlay(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        return any(address in ipaddress.ip_network(each) for each in self._snapshot.settings.ranges)


def _policy(policy: Policy) -> dict[str, Any]:
    return {"policy_id": policy.id, "policy_name": policy.name, "policy_version": policy.version}


def _traffic(rule: PolicyRule, row: dict[str, Any]) -> bool:
    own_icmp = 58 if ":" in row["source_address"] else 1
    ports = [*((port, port) for port in rule.ports), *((each.start, each.end) for each in rule.port_ranges)]
    numbers = {Protocol.tcp: {6}, Protocol.udp: {17}, Protocol.icmp: {own_icmp}}
    numbers[Protocol.all] = {6, 17} if ports else set(range(256))
    fits = row["protocol"] in numbers[rule.protocol]
    port = row.get("destination_port")
    return fits and (not ports or (port is not None and any(start <= port <= end for start, end in ports)))
