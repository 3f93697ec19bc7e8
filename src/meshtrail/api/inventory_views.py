"""What the inventory's pages read: from the snapshot in memory, the control store, and the audit events about policies."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from meshtrail.api.native.audit import audit_page
from meshtrail.api.native.collectors import collector_list
from meshtrail.api.policy_views import rule_lines, version_lines
from meshtrail.api.service import Rooms
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import NotFoundError
from meshtrail.control.enrolment_keys import EnrolmentKey
from meshtrail.control.inventory import Group, Network, PeerRecord, Policy, Snapshot
from meshtrail.control.user import User
from meshtrail.web.inventory import Line, Listing, listing
from meshtrail.web.inventory_lines import (
    Author,
    GroupLine,
    KeyLine,
    Named,
    NetworkLine,
    PeerLine,
    PolicyLine,
    PolicyPage,
    ResourceLine,
    RouterLine,
    UserLine,
)
from meshtrail.web.viewer import Viewer

AUTHORS_MAX = 1_000
"""Newest changes of policies that are looked through for who made them."""

VERSIONS_MAX = 50
"""Versions of one page, newest first: each is a comparison and a list of rules."""


class StoredInventory:
    """The inventory for pages (`web.inventory.InventoryPages`)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._lists: dict[str, Callable[[str, Viewer], Sequence[Line]]] = {
            "peers": self._peers, "groups": self._groups, "policies": self._policies, "networks": self._networks, "users": self._users,
            "enrolment-keys": self._keys,
        }  # fmt: skip

    async def listed(self, org_id: str, tab: str, who: Viewer, search: str) -> Listing:
        """See `InventoryPages`."""

        def found() -> Listing:
            offered = self._offered(org_id) if tab == "enrolment-keys" else ()
            return listing(self._lists[tab](org_id, who), search, offered)

        return await asyncio.to_thread(found)

    async def one(self, org_id: str, tab: str, identifier: str, who: Viewer) -> Any:
        """See `InventoryPages`."""
        if tab == "policies":
            return await asyncio.to_thread(self._policy, org_id, identifier, who)
        found = await asyncio.to_thread(self._lists[tab], org_id, who)
        for each in found:
            if each.id == identifier:
                return each
        raise NotFoundError(f"There is none with the id {identifier[:60]!r}.", "It may have been removed: see its audit events.")

    def _snapshot(self, org_id: str) -> Snapshot:
        return self._rooms.control.snapshot(org_id)

    def _peers(self, org_id: str, who: Viewer) -> tuple[PeerLine, ...]:
        snapshot, rooms = self._snapshot(org_id), self._rooms
        seen = rooms.control.peers.last_seen(org_id)
        states: dict[str, tuple[str, str]] = {}
        if who.may("collectors.read"):
            found = collector_list(rooms.collectors, rooms.collector_reader, rooms.control, org_id, rooms.clock())
            states = {each.id: (each.state.value, each.reason) for each in found.data}
        policies = _policies_of_groups(snapshot) if who.may("policies.read") else {}
        return tuple(
            _peer(snapshot, peer, seen.get(peer.id), states.get(peer.id, ("", "")), policies) for peer in snapshot.peers.values()
        )  # fmt: skip

    def _groups(self, org_id: str, who: Viewer) -> tuple[GroupLine, ...]:
        snapshot = self._snapshot(org_id)
        policies = _policies_of_groups(snapshot) if who.may("policies.read") else {}
        return tuple(_group(snapshot, group, policies) for group in snapshot.groups.values())

    def _networks(self, org_id: str, who: Viewer) -> tuple[NetworkLine, ...]:
        snapshot = self._snapshot(org_id)
        return tuple(_network(snapshot, network) for network in snapshot.networks.values())

    def _users(self, org_id: str, who: Viewer) -> tuple[UserLine, ...]:
        snapshot = self._snapshot(org_id)
        return tuple(_user(snapshot, user) for user in self._rooms.control.users.list(org_id))

    def _keys(self, org_id: str, who: Viewer) -> tuple[KeyLine, ...]:
        snapshot, now = self._snapshot(org_id), self._rooms.clock()
        return tuple(_key(snapshot, key, now) for key in reversed(self._rooms.control.enrolment_keys.list(org_id)))

    def _offered(self, org_id: str) -> tuple[Named, ...]:
        """Groups that a new key may name."""
        return tuple(Named(group.id, group.name) for group in self._snapshot(org_id).groups.values() if not group.built_in)

    def _policies(self, org_id: str, who: Viewer) -> tuple[PolicyLine, ...]:
        snapshot, authors = self._snapshot(org_id), self._authors(org_id, who)
        return tuple(self._policy_line(snapshot, policy, authors) for policy in snapshot.policies.values())

    def _policy_line(self, snapshot: Snapshot, policy: Policy, authors: "Authors") -> PolicyLine:
        author, at = authors.get((policy.id, policy.version), (None, ""))
        if not at:
            at = rfc3339(self._rooms.control.policies.versions(snapshot.org_id, policy.id)[-1].valid_from)
        return PolicyLine(
            policy.id, policy.name, policy.description, policy.enabled, policy.version, rule_lines(snapshot, policy), at, author
        )

    def _policy(self, org_id: str, identifier: str, who: Viewer) -> PolicyPage:
        rooms, snapshot = self._rooms, self._snapshot(org_id)
        versions = rooms.control.policies.versions(org_id, identifier)
        if not versions:
            raise NotFoundError(f"There is no policy {identifier[:60]!r}, and there never was.", "Ids come from the list of policies.")
        authors, current = self._authors(org_id, who, identifier), snapshot.policies.get(identifier)
        by = {version: author for (_, version), (author, _) in authors.items()}
        lines = version_lines(rooms.control.snapshots, snapshot, versions[-VERSIONS_MAX - 1 :], by)
        return PolicyPage(
            identifier, versions[-1].policy.name, None if current is None else self._policy_line(snapshot, current, authors),
            lines[:VERSIONS_MAX], max(0, len(versions) - VERSIONS_MAX),
        )  # fmt: skip

    def _authors(self, org_id: str, who: Viewer, policy_id: str = "") -> "Authors":
        """Who made which version of which policy, and when; nothing for those who may not read audit events."""
        if not who.may("audit.read"):
            return {}
        asked = {"activity_code": ["policy.add", "policy.update"], "outcome": ["success"], "limit": [str(AUTHORS_MAX)]}
        if policy_id:
            asked["target_id"] = [policy_id]
        rows = msgspec.json.decode(audit_page(self._rooms.audit_reader, org_id, asked, self._rooms.clock()))["data"]
        return {
            (row["target_id"], int(row["after"]["version"])): (
                Author(row["initiator_name"] or row["initiator_id"] or "somebody", row["id"]), row["occurred_at"]
            )
            for row in rows if "version" in (row["after"] or {})
        }  # fmt: skip


Authors = dict[tuple[str, int], tuple[Author, str]]
"""By policy and version: who made it, and when."""


def _time(microseconds: int | None) -> str:
    return rfc3339(microseconds) if microseconds else ""


def _named(snapshot: Snapshot, ids: Iterable[str]) -> tuple[Named, ...]:
    return tuple(Named(each, snapshot.groups[each].name) for each in ids if each in snapshot.groups)


def _policies_of_groups(snapshot: Snapshot) -> Mapping[str, tuple[Named, ...]]:
    """Policies by the ids of the groups, peers and resources that they name."""
    found: dict[str, dict[str, Named]] = {}
    for policy in snapshot.policies.values():
        for rule in policy.rules:
            ends = [each.id for each in (rule.source_resource, rule.destination_resource) if each is not None]
            for each in (*rule.sources, *rule.destinations, *ends):
                found.setdefault(each, {})[policy.id] = Named(policy.id, policy.name)
    return {each: tuple(policies.values()) for each, policies in found.items()}


def _peer(
    snapshot: Snapshot, peer: PeerRecord, seen: int | None, state: tuple[str, str], policies: Mapping[str, tuple[Named, ...]]
) -> PeerLine:  # fmt: skip
    groups = snapshot.groups_of_peers[peer.id]
    addresses = tuple(each.removesuffix("/32").removesuffix("/128") for each in snapshot.overlay[peer.id])
    named = {each.id: each for of in (peer.id, *(group.id for group in groups)) for each in policies.get(of, ())}
    return PeerLine(
        peer.id, peer.name, peer.facts.name, addresses, tuple(dict.fromkeys(peer.facts.users.values())),
        tuple(Named(group.id, group.name) for group in groups), peer.facts.os or "", *state, _time(seen), _time(peer.enrolled_at),
        peer.facts.dns_label or "", tuple(named.values()),
    )  # fmt: skip


def _group(snapshot: Snapshot, group: Group, policies: Mapping[str, tuple[Named, ...]]) -> GroupLine:
    peers = [snapshot.peers[each] for each in snapshot.peers if each in snapshot.members[group.id]]
    resources = [snapshot.resources[each] for each in group.resources if each in snapshot.resources]
    return GroupLine(
        group.id, group.name, group.built_in, tuple(Named(peer.id, peer.name) for peer in peers),
        tuple(Named(each.network_id, each.name) for each in resources), policies.get(group.id, ()),
    )  # fmt: skip


def _network(snapshot: Snapshot, network: Network) -> NetworkLine:
    resources = [each for each in snapshot.resources.values() if each.network_id == network.id]
    routers = [each for each in snapshot.routers.values() if each.network_id == network.id]
    return NetworkLine(
        network.id, network.name, network.description, "" if network.default is None else network.default.value,
        tuple(
            ResourceLine(each.id, each.name, each.type.value, each.address, each.enabled,
                         tuple(Named(group.id, group.name) for group in snapshot.groups_of_resources[each.id]))
            for each in resources
        ),
        tuple(
            RouterLine(each.id, _peer_name(snapshot, each.peer), _named(snapshot, each.peer_groups), each.metric, each.masquerade,
                       each.enabled)
            for each in routers
        ),
    )  # fmt: skip


def _peer_name(snapshot: Snapshot, identifier: str | None) -> Named | None:
    if identifier is None:
        return None
    peer = snapshot.peers.get(identifier)
    return Named(identifier, identifier if peer is None else peer.name)


def _user(snapshot: Snapshot, user: User) -> UserLine:
    return UserLine(
        user.id, user.name, user.email or "", user.kind.value, user.role.value, "pending" if user.pending else user.status,
        _named(snapshot, user.auto_groups), _time(user.last_login_at), _time(user.created_at),
    )  # fmt: skip


def _key(snapshot: Snapshot, key: EnrolmentKey, now: int) -> KeyLine:
    return KeyLine(
        key.id, key.name, key.hint, key.reusable, key.usage_limit, key.used_times, _named(snapshot, key.auto_groups), key.state(now),
        _time(key.expires_at), _time(key.last_used_at), _time(key.created_at),
    )  # fmt: skip
