"""The rules in plain Python and the rules in the kernel agree, for random maps and random packets."""

import contextlib
import random
import socket
import struct
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.decide import ICMP, ICMPV6, TCP, UDP, Asked, Judge
from meshtrail.agent.netlink.packet import parse
from meshtrail.agent.sources.conntrack import Conntrack
from meshtrail.agent.sources.nflog import Nflog
from meshtrail.model.network_map import Action, Chain, Governed, NetworkMap, Protocol, Rule
from tests.agent.firewall.bench import START_US, Bench
from tests.agent.firewall.maps import governed, network_map, rule
from tests.agent.netns import Pair, until

pytestmark = pytest.mark.netns
MAPS, PACKETS = 40, 50
OTHER = 253
"""A protocol that nobody uses (RFC 3692)."""
FARS = {4: [f"10.77.0.{number}" for number in range(2, 10)], 6: [f"fd77::{number}" for number in range(2, 10)]}
NEARS = {4: ["10.77.0.1", "10.77.9.1"], 6: ["fd77::1", "fd77::9:1"]}
BEHINDS = {4: ["10.88.0.5", "10.88.9.5"], 6: ["fd88::5", "fd88::9:5"]}
PORTS = [22, 80, 81, 82, 443, 8_000, 8_080]
NETWORKS = [
    "10.77.0.0/29", "10.77.0.4/30", "10.77.0.2/32", "10.77.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "10.77.0.8/32", "10.77.9.0/24",
    "10.88.9.0/24", "10.88.0.5", "fd77::/64", "fd77::4/126", "fd77::3/128", "fd00::/8", "::/0", "fd88::5/128", "fd77::9:0/112",
    "fd88::9:0/112",
]  # fmt: skip
DOMAINS = {"a.test": ["10.88.0.5", "fd88::5"], "b.test": ["10.77.9.1"], "none.test": []}
RESOLVED = {name: [ip_address(text) for text in texts] for name, texts in DOMAINS.items()}
Key = tuple[int, bytes, bytes, int | None, int | None]


def _some(chance: random.Random, values: Any, most: int) -> tuple[Any, ...]:
    return tuple(chance.sample(list(values), chance.randint(0, most)))


def _places(chance: random.Random) -> dict[str, Any]:
    return {
        "sources": _some(chance, NETWORKS, 4) if chance.random() < 0.5 else tuple(chance.sample(["10.0.0.0/8", "fd00::/8"], 2)),
        "destinations": _some(chance, NETWORKS, 3) if chance.random() < 0.4 else (),
        "domains": _some(chance, DOMAINS, 2) if chance.random() < 0.2 else (),
        "chain": chance.choice(list(Chain)),
    }


def _rule(chance: random.Random, number: int) -> Rule:
    ports = [chance.choice([port, (port, port + chance.randint(0, 100)), (0, 65_535)]) for port in _some(chance, PORTS, 3)]
    action = chance.choice([Action.accept, Action.accept, Action.drop])
    return rule(str(number), *ports, action=action, protocol=chance.choice(list(Protocol)), **_places(chance))


def _governed(chance: random.Random) -> Governed:
    return governed(default=chance.choice(list(Action)), **_places(chance))


def _map(chance: random.Random, serial: int) -> NetworkMap:
    rules = (_rule(chance, number) for number in range(chance.randint(0, 12)))
    return network_map(*rules, serial=serial, on=tuple(_governed(chance) for _ in range(chance.randint(0, 6))))


def _asked(chance: random.Random) -> Asked:
    chain, version = chance.choice(list(Chain)), chance.choice([4, 6])
    protocol = chance.choice([TCP, UDP, ICMP if version == 4 else ICMPV6, OTHER])
    source = chance.choice(NEARS[version] if chain is Chain.output else FARS[version])
    destination = chance.choice({Chain.input: NEARS, Chain.forward: BEHINDS, Chain.output: FARS}[chain][version])
    port = chance.choice([*PORTS, 90, 9_999]) if protocol in {TCP, UDP} else None
    kind = {ICMP: 8, ICMPV6: 128}.get(protocol)
    return Asked(chain, ip_address(source), ip_address(destination), protocol, port, kind)


def _send(pair: Pair, asked: Asked) -> socket.socket:
    """Send the first packet of a connection."""
    family = socket.AF_INET if asked.source.version == 4 else socket.AF_INET6
    kind = {TCP: socket.SOCK_STREAM, UDP: socket.SOCK_DGRAM}.get(asked.protocol, socket.SOCK_RAW)
    sender = (pair.near if asked.chain is Chain.output else pair.far).open(family, kind, 0 if kind != socket.SOCK_RAW else asked.protocol)
    sender.setblocking(False)
    sender.bind((str(asked.source), 0))
    where = str(asked.destination), asked.port or 0
    with contextlib.suppress(BlockingIOError):
        if asked.protocol == TCP:
            sender.connect(where)
        else:
            echo = struct.pack(">BBHHH", 8, 0, 0xF7FD, 1, 1) if asked.protocol == ICMP else struct.pack(">BBHHH", 128, 0, 0, 1, 1)
            sender.sendto(b"x" if asked.port or asked.protocol == OTHER else echo, where)
    return sender


class Kernel:
    """What the kernel did with each packet."""

    def __init__(self, pair: Pair, bench: Bench) -> None:
        self._pair, self._bench = pair, bench
        self._log = pair.near.inside(Nflog)
        self._conntrack = pair.near.inside(Conntrack)
        self._seen: dict[Key, tuple[Action, Decision | None]] = {}

    def forget(self) -> None:
        """Begin with no connections."""
        self._log.read()
        self._pair.near.inside(self._conntrack.read)
        self._pair.near.run("conntrack", "-F")
        self._seen = {}

    def judged(self, asked: Asked, port: int) -> tuple[Action, Decision | None] | None:
        """The verdict on a packet, and what decided; None: not yet."""
        if asked.port is not None:
            key: Key = (asked.protocol, asked.source.packed, asked.destination.packed, port, asked.port)
        else:
            key = (asked.protocol, asked.source.packed, asked.destination.packed, None, None)
        return self._seen.get(key)

    def missing(self, sent: list[tuple[Asked, int]]) -> list[Asked]:
        """Packets of which nothing is seen yet, after another look at the log of denials and at new connections."""
        self._look()
        return [asked for asked, port in sent if self.judged(asked, port) is None]

    def _look(self) -> None:
        now = START_US + 10**12
        for logged in self._log.read().packets:
            packet = parse(logged.payload)
            assert packet is not None
            ports = (packet.source_port, packet.destination_port) if packet.protocol in {TCP, UDP} else (None, None)
            decision = self._bench.firewall.by_prefix(logged.prefix.decode(), now)
            self._seen[packet.protocol, packet.source, packet.destination, *ports] = Action.drop, decision
        for entry in self._conntrack.read().starts:
            ports = (entry.source_port, entry.destination_port) if entry.protocol in {TCP, UDP} else (None, None)
            decision = self._bench.firewall.by_mark(entry.mark or 0, now)
            self._seen[entry.protocol, entry.source, entry.destination, *ports] = Action.accept, decision

    def close(self) -> None:
        """Give the sockets back."""
        self._log.close()
        self._conntrack.close()


def _prepare(pair: Pair) -> None:
    """Addresses, and a way through the near namespace and back to the far one, where it ends."""
    for namespace, addresses, link in ((pair.far, FARS, pair.far_link), (pair.near, NEARS, pair.near_link)):
        for address in (*addresses[4][1:], *addresses[6][1:]):
            namespace.ip("addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))
    settings = ("ipv4.ip_forward=1", "ipv6.conf.all.forwarding=1", "ipv4.conf.all.send_redirects=0", "ipv4.conf.all.rp_filter=0")
    pair.near.run("sysctl", "-q", "-w", *(f"net.{each}" for each in settings))
    pair.far.ip("route", "add", "10.77.9.0/24", "via", "10.77.0.1")
    pair.far.ip("route", "add", "10.88.0.0/16", "via", "10.77.0.1")
    pair.near.ip("route", "add", "10.88.0.0/16", "via", "10.77.0.2")
    pair.far.ip("-6", "route", "add", "fd88::/16", "via", "fd77::1")
    pair.near.ip("-6", "route", "add", "fd88::/16", "via", "fd77::2")


def _all_seen(kernel: Kernel, sent: list[tuple[Asked, int]]) -> bool:
    return not kernel.missing(sent)


def _packets(chance: random.Random) -> list[Asked]:
    """Packets that are connections of their own: without ports the way back is the same one."""
    packets = {(frozenset((asked.source, asked.destination)), *asked[3:], asked.port and asked.source): asked
               for asked in (_asked(chance) for _ in range(PACKETS))}  # fmt: skip
    return list(packets.values())


def _resolve(bench: Bench, tried: NetworkMap) -> None:
    """Wait until the names of a map are resolved, and let the firewall use them."""
    parts: list[Rule | Governed] = [*tried.rules, *tried.governed]
    wanted = {name for each in parts for name in each.domains if DOMAINS[name]}
    until(lambda: wanted == {name for name, found in bench.firewall._domains.addresses().items() if found}, "names are resolved")
    bench.turn()


@pytest.mark.parametrize("seed", [20_260_807, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8))])
def test_kernel_agrees(pair: Pair, bench: Bench, seed: int) -> None:
    """Forty maps and fifty packets for each: the verdict, the rule, and its number or prefix are those that `decide` gives."""
    chance = random.Random(seed)
    _prepare(pair)
    bench.names |= DOMAINS
    bench.firewall._domains.start()
    kernel = Kernel(pair, bench)
    seen = set()
    try:
        for serial in range(1, MAPS + 1):
            tried = _map(chance, serial)
            bench.now_s += 100
            bench.apply(tried)
            _resolve(bench, tried)
            kernel.forget()
            judge = Judge(tried, RESOLVED)
            packets = _packets(chance)
            senders = [_send(pair, asked) for asked in packets]
            sent = [(asked, sender.getsockname()[1]) for asked, sender in zip(packets, senders, strict=True)]
            until(partial(_all_seen, kernel, sent), "all packets judged")
            for sender in senders:
                sender.close()
            for asked, port in sent:
                expected = judge.judge(asked)
                decision = expected.decision if expected.decision.attribution != "none" else None
                assert kernel.judged(asked, port) == (expected.action, decision), (asked, expected, tried)
                seen.add((expected.action, expected.decision.attribution, asked.chain, asked.protocol, expected.governed is None))
    finally:
        kernel.close()
    assert {(action, attribution) for action, attribution, *_ in seen} == {
        (Action.accept, "none"), (Action.accept, "reported"), (Action.drop, "reported"), (Action.drop, "default_deny"),
    }  # fmt: skip
    assert len(seen) > 40, "the packets cover most combinations"
