"""The lab's network: who stands where, with which addresses, and the wires between them.

```
                 switch: two bridges
  overlay 100.90.0.0/24, fd90::/64           management 10.99.N.0/24, out of band
  laptop  phone  crm  gateway  outsider      server (this machine's own namespace)
                 router ── LANs 10.60.0.0/24, fd60::/64 (translated by the router), 10.61.0.0/24 (not) ── database
```

The overlay is a plain wire here: what a tunnel would add is of no matter to the agents, which see its inner side.
"""

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from lab.limits import EXPIRY_S, VANISH_S
from lab.namespace import LabError, Namespace, ip, remove_link

OVERLAY = "wt0"
"""Name of each node's link to the overlay."""
MANAGEMENT = "mg0"
LAN = "lan0"
PREFIX = "mtlab"
OVERLAY_V4 = ipaddress.IPv4Network("100.90.0.0/24")
OVERLAY_V6 = ipaddress.IPv6Network("fd90::/64")
LAN_V4 = ipaddress.IPv4Network("10.60.0.0/24")
LAN_V6 = ipaddress.IPv6Network("fd60::/64")
PLAIN_V4 = ipaddress.IPv4Network("10.61.0.0/24")
"""The LAN whose machines see the peers' own addresses."""
SILENT = "100.90.0.99"
"""An address of the outsider at which nothing answers."""
DATABASE_NAME = "reports.lab.internal"
"""A name that resolves to the database's address `.20`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node's number on the wires, and what it is."""

    number: int
    peer: bool = True
    """Whether it runs an agent."""
    text: str = ""


PLACES = {
    "laptop": Place(1, text="a person's machine"),
    "phone": Place(2, text="another"),
    "crm": Place(3, text="a server"),
    "router": Place(4, text="routing peer, before the LANs"),
    "gateway": Place(5, text="a peer that becomes the gateway"),
    "outsider": Place(66, peer=False, text="on the wire, but no peer"),
}
PEERS = tuple(name for name, place in PLACES.items() if place.peer)
_ESTABLISHED_SHORT = ("phone", "gateway")
"""Between these two a connection vanishes without a word."""

_SILENCE = f"""
table inet lab_silence {{
  chain input {{ type filter hook input priority 0; policy accept; ip daddr {SILENT} drop; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine."""

    name: str
    space: Namespace
    v4: str
    v6: str


def free_management() -> ipaddress.IPv4Network:
    """A network 10.99.N.0/24 that this machine has no route into: another lab may run."""
    taken = [ipaddress.ip_network(route["dst"]) for route in json.loads(ip("-4", "-j", "route", "show", "table", "all")) if _is_net(route)]
    narrow = [network for network in taken if network.prefixlen > 8]
    for number in range(256):
        wanted = ipaddress.IPv4Network(f"10.99.{number}.0/24")
        if not any(network.overlaps(wanted) for network in narrow):
            return wanted
    raise LabError("All of 10.99.0.0/16 is in use on this machine.\nRemove what is left of other labs: python -m lab clean")


def server_link(tag: str) -> str:
    """Name of the server's end of the management wire."""
    return f"mtl{tag}"


def _is_net(route: dict[str, str]) -> bool:
    return route.get("dst", "default") != "default"


class Network:
    """All namespaces and wires of one lab. Construction builds; `close` removes all of it."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.management = free_management()
        self.server_address = str(self.management[254])
        self.nodes: dict[str, Node] = {}
        self._spaces: list[Namespace] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def peers(self) -> Iterable[Node]:
        """The nodes that run an agent."""
        return [self.nodes[name] for name in PEERS]

    def close(self) -> None:
        """Remove the namespaces; the links in them go too."""
        remove_link(server_link(self.tag))
        while self._spaces:
            self._spaces.pop().close()

    def _space(self, name: str) -> Namespace:
        made = Namespace(f"{PREFIX}{self.tag}-{name}")
        self._spaces.append(made)
        return made

    def _build(self) -> None:
        self._switch = self._space("switch")
        self._switch.batch([f"link add {bridge} type bridge mcast_snooping 0" for bridge in ("overlay", "manage")])
        self._switch.batch([f"link set {bridge} up" for bridge in ("overlay", "manage")])
        self._join_server()
        for name, place in PLACES.items():
            self._join(name, place)
        self._join_database()
        self["outsider"].space.batch([f"addr add {SILENT}/24 dev {OVERLAY}"])
        self["outsider"].space.nft(_SILENCE)
        for name in ("laptop", "phone", "crm", "gateway"):
            self._route(name)

    def _join_server(self) -> None:
        near, far = server_link(self.tag), "server"
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self._switch.name)
        self._switch.batch([f"link set {far} master manage up"])
        ip("addr", "add", f"{self.server_address}/24", "dev", near)
        ip("link", "set", near, "up")

    def _join(self, name: str, place: Place) -> None:
        space = self._space(name)
        v4, v6 = str(OVERLAY_V4[place.number]), str(OVERLAY_V6[place.number])
        self.nodes[name] = Node(name, space, v4, v6)
        wires = {OVERLAY: ("overlay", f"o-{name}")} | ({MANAGEMENT: ("manage", f"m-{name}")} if place.peer else {})
        for link, (bridge, port) in wires.items():
            ip("link", "add", link, "netns", space.name, "type", "veth", "peer", "name", port, "netns", self._switch.name)
            self._switch.batch([f"link set {port} master {bridge} up"])
        commands = [f"addr add {v4}/24 dev {OVERLAY}", f"addr add {v6}/64 dev {OVERLAY} nodad", f"link set {OVERLAY} up"]
        if place.peer:
            commands += [f"addr add {self.management[place.number]}/24 dev {MANAGEMENT}", f"link set {MANAGEMENT} up"]
        space.batch(commands)
        self._settle(name, space)

    def _settle(self, name: str, space: Namespace) -> None:
        """Patience in seconds where the kernel has minutes and days, so that ends can be waited for."""
        short = (
            "udp_timeout", "udp_timeout_stream", "icmp_timeout", "icmpv6_timeout", "tcp_timeout_syn_sent", "tcp_timeout_syn_recv",
        )  # fmt: skip
        space.sysctl(**{f"net__netfilter__nf_conntrack_{name}": EXPIRY_S for name in short})
        if name in _ESTABLISHED_SHORT:
            space.sysctl(net__netfilter__nf_conntrack_tcp_timeout_established=VANISH_S)
        space.file("hosts", f"127.0.0.1 localhost\n::1 localhost\n{LAN_V4[20]} {DATABASE_NAME}\n")

    def _join_database(self) -> None:
        space, router = self._space("database"), self["router"].space
        self.nodes["database"] = Node("database", space, str(LAN_V4[10]), str(LAN_V6[0x10]))
        ip("link", "add", LAN, "netns", space.name, "type", "veth", "peer", "name", LAN, "netns", router.name)
        lans = [(str(net[1]), net.prefixlen) for net in (LAN_V4, LAN_V6, PLAIN_V4)]
        router.batch([_address(address, length) for address, length in lans] + [f"link set {LAN} up"])
        hosts = [(LAN_V4[10], 24), (LAN_V4[20], 24), (LAN_V6[0x10], 64), (PLAIN_V4[10], 24)]
        space.batch([_address(str(address), length) for address, length in hosts] + [f"link set {LAN} up"])
        space.batch([f"route add {OVERLAY_V4} via {PLAIN_V4[1]}", f"route add {OVERLAY_V6} via {LAN_V6[1]}"])
        router.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)

    def _route(self, name: str) -> None:
        router = self["router"]
        routes = [f"route add {net} via {router.v4}" for net in (LAN_V4, PLAIN_V4)]
        self[name].space.batch([*routes, f"route add {LAN_V6} via {router.v6}"])


def _address(address: str, length: int) -> str:
    return f"addr add {address}/{length} dev {LAN}" + (" nodad" if ":" in address else "")
