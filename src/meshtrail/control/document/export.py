"""The inventory as entries that say everything."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from meshtrail.common.clock import rfc3339
from meshtrail.control.document.entries import (
    DefaultAction,
    Document,
    GroupEntry,
    KeyEntry,
    NetworkEntry,
    PolicyEntry,
    ResourceEntry,
    RouterEntry,
    RuleEntry,
    SettingsEntry,
    known_by,
)
from meshtrail.control.document.names import Everything
from meshtrail.control.enrolment_keys import EnrolmentKey
from meshtrail.control.inventory import Network, Policy, PolicyRule, Resource, Router, Snapshot

E = TypeVar("E", GroupEntry, NetworkEntry, ResourceEntry, RouterEntry, PolicyEntry, KeyEntry)


class Exporter:
    """Entries of one snapshot."""

    def __init__(self, snapshot: Snapshot, names: Everything) -> None:
        self._snapshot = snapshot
        self._names = names

    def settings(self) -> SettingsEntry:
        """The settings."""
        values = msgspec.structs.asdict(self._snapshot.settings)
        values["network_traffic_logs_groups"] = self._names.groups.all_shown(values["network_traffic_logs_groups"])
        return SettingsEntry(**values)

    def groups(self) -> Mapping[str, GroupEntry]:
        """Groups that may be changed, by id."""
        known = self._snapshot.peers
        return {
            group.id: GroupEntry(name=group.name, peers=self._names.peers.all_shown(each for each in group.peers if each in known))
            for group in self._snapshot.groups.values() if not group.built_in
        }  # fmt: skip

    def networks(self) -> Mapping[str, NetworkEntry]:
        """Networks by id, without what is in them."""
        return {network.id: _network(network) for network in self._snapshot.networks.values()}

    def resources(self, network_id: str) -> Mapping[str, ResourceEntry]:
        """Resources of a network by id."""
        return {each.id: self._resource(each) for each in self._snapshot.resources.values() if each.network_id == network_id}

    def routers(self, network_id: str) -> Mapping[str, RouterEntry]:
        """Routers of a network by id."""
        return {each.id: self._router(each) for each in self._snapshot.routers.values() if each.network_id == network_id}

    def policies(self) -> Mapping[str, PolicyEntry]:
        """Policies by id."""
        return {policy.id: self._policy(policy) for policy in self._snapshot.policies.values()}

    def keys(self, keys: Iterable[EnrolmentKey], now: int) -> Mapping[str, KeyEntry]:
        """Enrolment keys that still let somebody in, by id."""
        return {key.id: self._key(key) for key in keys if key.state(now) == "valid"}

    def _resource(self, resource: Resource) -> ResourceEntry:
        in_groups = self._names.groups.all_shown(group.id for group in self._snapshot.groups_of_resources[resource.id])
        return ResourceEntry(
            name=resource.name, address=resource.address, description=resource.description, groups=in_groups, enabled=resource.enabled
        )

    def _router(self, router: Router) -> RouterEntry:
        return RouterEntry(
            peer=self._names.peers.shown(router.peer) if router.peer else "", peer_groups=self._names.groups.all_shown(router.peer_groups),
            metric=router.metric, masquerade=router.masquerade, enabled=router.enabled,
        )  # fmt: skip

    def _policy(self, policy: Policy) -> PolicyEntry:
        return PolicyEntry(
            name=policy.name, description=policy.description, enabled=policy.enabled, posture_checks=policy.posture_checks,
            rules=tuple(self._rule(rule) for rule in policy.rules),
        )  # fmt: skip

    def _rule(self, rule: PolicyRule) -> RuleEntry:
        source, destination = rule.source_resource, rule.destination_resource
        to_peer = destination is not None and destination.type == "peer"
        return RuleEntry(
            name=rule.name, description=rule.description, enabled=rule.enabled, action=rule.action, bidirectional=rule.bidirectional,
            protocol=rule.protocol, ports=rule.ports, port_ranges=rule.port_ranges,
            sources=self._names.groups.all_shown(rule.sources), destinations=self._names.groups.all_shown(rule.destinations),
            source_peer=self._names.peers.shown(source.id) if source else "",
            destination_peer=self._names.peers.shown(destination.id) if destination and to_peer else "",
            destination_resource=self._names.resources.shown(destination.id) if destination and not to_peer else "",
        )  # fmt: skip

    def _key(self, key: EnrolmentKey) -> KeyEntry:
        return KeyEntry(
            name=key.name, reusable=key.reusable, usage_limit=key.usage_limit, auto_groups=self._names.groups.all_shown(key.auto_groups),
            expires_at=rfc3339(key.expires_at) if key.expires_at is not None else "",
        )  # fmt: skip


def _network(network: Network) -> NetworkEntry:
    action: DefaultAction = network.default.value if network.default is not None else ""
    return NetworkEntry(name=network.name, description=network.description, default_action=action)


def exported(snapshot: Snapshot, keys: Iterable[EnrolmentKey], now: int) -> Document:
    """All of it. Things with the same name get their ids too, so that each can be told from the other."""
    export = Exporter(snapshot, Everything(snapshot))
    networks = {
        identifier: msgspec.structs.replace(
            network, resources=_told_apart(export.resources(identifier)), routers=_told_apart(export.routers(identifier))
        )
        for identifier, network in export.networks().items()
    }
    return Document(
        settings=export.settings(), groups=_told_apart(export.groups()), networks=_told_apart(networks),
        policies=_told_apart(export.policies()), enrolment_keys=_told_apart(export.keys(keys, now)),
    )  # fmt: skip


def _told_apart(entries: Mapping[str, E]) -> tuple[E, ...]:
    """In the order of their names: the same inventory is always the same document."""
    names = Counter(known_by(entry) for entry in entries.values())
    ordered = sorted(entries.items(), key=lambda item: (known_by(item[1]), item[0]))
    return tuple(msgspec.structs.replace(entry, id=identifier) if names[known_by(entry)] > 1 else entry for identifier, entry in ordered)
