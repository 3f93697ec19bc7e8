"""What a thing is to be: what the document says, and where it says nothing, what is or what new things come with.

Names are resolved, and written again as an export writes them, so that the same is never taken for a difference.
"""

from typing import TypeVar

import msgspec
from msgspec import UNSET

from meshtrail.common.clock import microseconds, rfc3339
from meshtrail.control import checks
from meshtrail.control.document.entries import (
    GroupEntry,
    KeyEntry,
    NetworkEntry,
    PolicyEntry,
    ResourceEntry,
    RouterEntry,
    RuleEntry,
    SettingsEntry,
)
from meshtrail.control.document.names import Everything, Names
from meshtrail.control.document.places import at, unusable

E = TypeVar("E", GroupEntry, NetworkEntry, ResourceEntry, RouterEntry, PolicyEntry, KeyEntry, SettingsEntry)

_NEW_GROUP = GroupEntry(name="", peers=())
_NEW_NETWORK = NetworkEntry(name="", description="", default_action="")
_NEW_RESOURCE = ResourceEntry(name="", address="", description="", groups=(), enabled=True)
_NEW_ROUTER = RouterEntry(metric=9_999, masquerade=True, enabled=True)
_NEW_POLICY = PolicyEntry(name="", description="", enabled=True, posture_checks=(), rules=())
_NEW_KEY = KeyEntry(name="", reusable=False, usage_limit=0, auto_groups=(), expires_at="")


def _over(old: E, entry: E) -> E:
    """The old thing with what the entry says; without id."""
    said = {name: value for name, value in msgspec.structs.asdict(entry).items() if value is not UNSET and name != "id"}
    return msgspec.structs.replace(old, **said)


class Merger:
    """Merges entries, with the names of the organisation at hand."""

    def __init__(self, names: Everything) -> None:
        self._names = names

    def settings(self, entry: SettingsEntry, old: SettingsEntry, place: str) -> SettingsEntry:
        """All settings."""
        wanted = _over(old, entry)
        groups = self._again(self._names.groups, wanted.network_traffic_logs_groups, f"{place}.network_traffic_logs_groups")
        return msgspec.structs.replace(wanted, network_traffic_logs_groups=groups)

    def group(self, entry: GroupEntry, old: GroupEntry | None, place: str) -> GroupEntry:
        """A group."""
        wanted = _over(old or _NEW_GROUP, entry)
        peers = self._again(self._names.peers, wanted.peers, f"{place}.peers")
        return msgspec.structs.replace(wanted, name=wanted.name.strip(), peers=peers)

    def network(self, entry: NetworkEntry, old: NetworkEntry | None) -> NetworkEntry:
        """A network, without what is in it."""
        wanted = _over(old or _NEW_NETWORK, entry)
        return msgspec.structs.replace(wanted, name=wanted.name.strip(), resources=UNSET, routers=UNSET)

    def resource(self, entry: ResourceEntry, old: ResourceEntry | None, place: str) -> ResourceEntry:
        """A resource."""
        wanted = _over(old or _NEW_RESOURCE, entry)
        with at(place):
            address = checks.resource_address(str(wanted.address))[1]
        groups = self._again(self._names.groups, wanted.groups, f"{place}.groups")
        return msgspec.structs.replace(wanted, name=wanted.name.strip(), address=address, groups=groups)

    def router(self, entry: RouterEntry, old: RouterEntry | None, place: str) -> RouterEntry:
        """A router. Its end is part of what the entry says: a router through a peer that now leads through groups loses the peer."""
        wanted = _over(old or _NEW_ROUTER, entry)
        return msgspec.structs.replace(wanted, **self.router_end(entry, place))

    def router_end(self, entry: RouterEntry, place: str) -> dict[str, str | tuple[str, ...]]:
        """Where the router leads through, as an export writes it."""
        peer = self._names.peers.shown(self._names.peers.id_of(entry.peer, f"{place}.peer")) if entry.peer else ""
        return {"peer": peer, "peer_groups": self._again(self._names.groups, entry.peer_groups, f"{place}.peer_groups")}

    def policy(self, entry: PolicyEntry, old: PolicyEntry | None, place: str) -> PolicyEntry:
        """A policy."""
        wanted = _over(old or _NEW_POLICY, entry)
        rules = () if wanted.rules is UNSET else wanted.rules
        written = tuple(self._rule(rule, f"{place}.rules[{position}]") for position, rule in enumerate(rules))
        return msgspec.structs.replace(wanted, name=wanted.name.strip(), rules=written)

    def _rule(self, rule: RuleEntry, place: str) -> RuleEntry:
        names = self._names

        def one(kind: Names, written: str, field: str) -> str:
            return kind.shown(kind.id_of(written, f"{place}.{field}")) if written else ""

        resource = rule.destination_resource
        return msgspec.structs.replace(
            rule,
            name=rule.name.strip(),
            sources=self._again(names.groups, rule.sources, f"{place}.sources"),
            destinations=self._again(names.groups, rule.destinations, f"{place}.destinations"),
            source_peer=one(names.peers, rule.source_peer, "source_peer"),
            destination_peer=one(names.peers, rule.destination_peer, "destination_peer"),
            destination_resource=names.resources.shown(names.resources.id_of(resource, f"{place}.destination_resource"))
            if resource
            else "",
        )

    def key(self, entry: KeyEntry, old: KeyEntry | None, place: str) -> KeyEntry:
        """An enrolment key. Of one that is there only the groups may differ: who has it relies on the rest."""
        wanted = _over(old or _NEW_KEY, entry)
        if old is None and not wanted.reusable:
            wanted = msgspec.structs.replace(wanted, usage_limit=1)
        expires_at = _time(str(wanted.expires_at), f"{place}.expires_at") if wanted.expires_at else ""
        groups = self._again(self._names.groups, wanted.auto_groups, f"{place}.auto_groups")
        wanted = msgspec.structs.replace(wanted, name=wanted.name.strip(), auto_groups=groups, expires_at=expires_at)
        for field in ("name", "reusable", "usage_limit", "expires_at"):
            if old is not None and getattr(wanted, field) != getattr(old, field):
                remedy = "Give a new key another name, and leave this one out."
                raise unusable(f"{place}.{field}", f"it is {getattr(old, field)!r}, and cannot be changed.", remedy)
        return wanted

    @staticmethod
    def _again(names: Names, written: object, place: str) -> tuple[str, ...]:
        assert isinstance(written, tuple), "merged lists are there"
        return names.all_shown(names.ids_of(written, place))


def _time(text: str, place: str) -> str:
    try:
        return rfc3339(microseconds(text))
    except ValueError:
        raise unusable(place, f"{text[:40]!r} is no time.", "Write it as 2027-01-31T12:00:00Z; leave it empty for never.") from None
