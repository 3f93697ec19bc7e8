"""The lab's organisation: groups, enrolment keys, resources behind the router, policies. Made over the API, as people would."""

import re
from dataclasses import dataclass
from typing import Any

from lab.client import Api
from lab.topology import DATABASE_NAME, LAN_V4, LAN_V6, OVERLAY_V4, OVERLAY_V6, PLAIN_V4

GROUPS = {
    "laptop": ("Staff", "Laptops"),
    "phone": ("Staff", "Phones"),
    "crm": ("Servers",),
    "router": ("Routers",),
    "gateway": ("Gateways",),
}
"""Groups of each peer, given by the key with which it is enrolled."""

ALL = "All"
"""The built-in group of all peers."""

PROGRESS_INTERVAL_S = 1
"""How often open connections are reported again: often enough to be watched."""

SETTINGS: dict[str, Any] = {
    "mode": "enforce", "overlay_default": "drop", "network_range": str(OVERLAY_V4), "network_range_v6": str(OVERLAY_V6),
    "progress_interval_s": PROGRESS_INTERVAL_S, "collect_dns": True, "network_traffic_logs_groups": [],
    "network_traffic_packet_counter_enabled": True,
}  # fmt: skip

KEY_LIFE_S = 3_600
"""An enrolment key of the lab is used at once."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may, or may not, reach whom. Sources and destinations are groups."""

    name: str
    source: str
    destination: str
    protocol: str
    ports: tuple[int, ...] = ()
    port_range: tuple[int, int] | None = None
    action: str = "accept"
    bidirectional: bool = False


WEB_PORTS = (443, 8443, 8444, 8445, 8446, 8447)
CONSOLE = Policy("Console", "Laptops", "Gateways", "tcp", (7000,))
"""The one that is changed while connections go on."""

LAST = Policy("Presence", ALL, ALL, "udp", (7,), bidirectional=True)
"""Concerns every peer and is made last: a peer that enforces it enforces all others too."""

POLICIES = (
    Policy("Staff to CRM", "Staff", "Servers", "tcp", WEB_PORTS),
    Policy("Calls", "Staff", "Servers", "udp", (4500,)),
    Policy("Names", "Staff", "Servers", "udp", (53,)),
    Policy("Ping", "Staff", "Servers", "icmp", bidirectional=True),
    Policy("Batch jobs", "Staff", "Servers", "tcp", port_range=(9000, 9099)),
    Policy("Maintenance", "Staff", "Servers", "tcp", port_range=(20, 29)),
    Policy("No telnet", "Staff", "Servers", "tcp", (23,), action="drop"),
    Policy("Phones to gateway", "Phones", "Gateways", "tcp", (7070,)),
    CONSOLE,
    Policy("Database", "Laptops", "Databases", "tcp", (5432, 5433)),
    Policy("Plant", "Laptops", "Plants", "tcp", (5432,)),
    Policy("Reports", "Staff", "Reports", "tcp", (8080,)),
    LAST,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """What stands behind the router."""

    name: str
    address: str
    group: str


NETWORKS = {
    "Office": (
        True,
        (
            Resource("database", str(LAN_V4[10]), "Databases"),
            Resource("database-v6", str(LAN_V6[0x10]), "Databases"),
            Resource("reports", DATABASE_NAME, "Reports"),
        ),
    ),
    "Plant": (False, (Resource("plant", str(PLAIN_V4), "Plants"),)),
}
"""Networks: whether the router translates into them, and their resources."""


class Organisation:
    """What the lab's server is told. Ids come from its answers."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._groups: dict[str, str] = {}
        self._policies: dict[str, str] = {}
        self._versions: dict[str, int] = {}

    def prepare(self) -> dict[str, str]:
        """Settings, groups, networks; an enrolment key for each peer, by its name."""
        self.set({})
        self._groups = {group["name"]: group["id"] for group in self._api.get("/api/groups")}
        names = [name for groups in GROUPS.values() for name in groups]
        names += [resource.group for _, resources in NETWORKS.values() for resource in resources]
        for name in dict.fromkeys(names):
            self._groups[name] = self._api.post("/api/groups", {"name": name})["id"]
        for name, (masquerade, resources) in NETWORKS.items():
            self._network(name, masquerade, resources)
        return {name: self._key(name, groups) for name, groups in GROUPS.items()}

    def complete(self) -> str:
        """The policies, when the peers are there; how the last one is known in the rules of a peer."""
        for policy in POLICIES:
            made = self._api.post("/api/policies", self._shape(policy))
            self._policies[policy.name], self._versions[policy.name] = made["id"], 1
        return self._marker(LAST.name)

    def group(self, name: str) -> str:
        """The id of a group."""
        return self._groups[name]

    def set(self, changed: dict[str, Any]) -> None:
        """The lab's settings, with some of them changed."""
        self._api.put("/api/v1/settings", SETTINGS | changed)

    def remove_peer(self, name: str) -> None:
        """Take a peer out of the organisation."""
        (peer,) = (peer for peer in self._api.get("/api/peers") if peer["name"] == name)
        self._api.call("DELETE", f"/api/peers/{peer['id']}")

    def change(self, name: str, to: Policy) -> str:
        """Replace the policy that was made under this name; how its new version is known in the rules of a peer."""
        self._api.put(f"/api/policies/{self._policies[name]}", self._shape(to))
        self._versions[name] += 1
        return self._marker(name)

    def _marker(self, name: str) -> str:
        """A pattern of the comment that rules of this version of a policy have."""
        return rf"meshtrail:{re.escape(self._policies[name])}:[^@]*@{self._versions[name]}:"

    def _key(self, peer: str, groups: tuple[str, ...]) -> str:
        wanted = {
            "name": peer, "type": "one-off", "expires_in": KEY_LIFE_S, "usage_limit": 1,
            "auto_groups": [self._groups[group] for group in groups], "ephemeral": False,
        }  # fmt: skip
        return str(self._api.post("/api/setup-keys", wanted)["key"])

    def _network(self, name: str, masquerade: bool, resources: tuple[Resource, ...]) -> None:
        path = f"/api/networks/{self._api.post('/api/networks', {'name': name})['id']}"
        router = {"peer_groups": [self._groups["Routers"]], "metric": 1, "masquerade": masquerade, "enabled": True}
        self._api.post(f"{path}/routers", router)
        for resource in resources:
            body = {"name": resource.name, "address": resource.address, "groups": [self._groups[resource.group]], "enabled": True}
            self._api.post(f"{path}/resources", body)

    def _shape(self, policy: Policy) -> dict[str, Any]:
        rule: dict[str, Any] = {
            "name": policy.name, "enabled": True, "action": policy.action, "bidirectional": policy.bidirectional,
            "protocol": policy.protocol, "sources": [self._groups[policy.source]], "destinations": [self._groups[policy.destination]],
        }  # fmt: skip
        if policy.ports:
            rule["ports"] = [str(port) for port in policy.ports]
        if policy.port_range:
            rule["port_ranges"] = [{"start": policy.port_range[0], "end": policy.port_range[1]}]
        return {"name": policy.name, "enabled": True, "rules": [rule]}
