"""A firewall on the real kernel, and packets that try it."""

import contextlib
import json
import re
import socket
import struct
from pathlib import Path
from typing import Any

from meshtrail.agent.firewall.compile import Endpoint, Options
from meshtrail.agent.firewall.ruleset import COUNTER_DENIED, COUNTER_LOGGED
from meshtrail.agent.firewall.service import Firewall, Outcome
from meshtrail.model.network_map import NetworkMap
from tests.agent.netns import Namespace, Pair, until

START_US = 1_795_234_698_000_000


class Bench:
    """A firewall in the near namespace of a pair. Time moves only when the test moves it."""

    def __init__(self, pair: Pair, folder: Path, **options: Any) -> None:
        self.pair = pair
        self.folder = folder
        self.now_s = 1_000.0
        self.names: dict[str, list[str]] = {}
        self.firewall = self.another(**options)
        pair.near.inside(self.firewall.open)

    def another(self, **options: Any) -> Firewall:
        """One more firewall with the same state on disk: an agent that starts again."""
        made = Firewall(Options(**options), self.folder, clock=self._clock, monotonic=lambda: self.now_s, lookup=self._lookup)
        made.load()
        return made

    def _clock(self) -> int:
        return START_US + round(self.now_s * 1_000_000)

    def _lookup(self, name: str) -> list[str]:
        if name not in self.names:
            raise OSError(f"no such name: {name}")
        return self.names[name]

    def apply(self, network_map: NetworkMap, *, trial: bool = False) -> Outcome:
        """Apply a map in the namespace."""
        return self.pair.near.inside(lambda: self.firewall.apply(network_map, trial=trial))

    def turn(self, passed_s: float = 0.0, wait_s: float = 0.0) -> None:
        """Let time pass, and the firewall do what is due."""
        self.now_s += passed_s
        self.pair.near.inside(lambda: self.firewall.turn(wait_s))

    def set_servers(self, *servers: Endpoint) -> None:
        """Tell the server's addresses and load them."""
        self.firewall.set_servers(servers)
        self.turn()

    def counter(self, name: str) -> int:
        """Packets of a named counter."""
        found = json.loads(self.pair.near.run("nft", "-j", "list", "counter", "inet", "meshtrail", name))
        return next(int(each["counter"]["packets"]) for each in found["nftables"] if "counter" in each)

    @property
    def denied(self) -> int:
        """Denied packets."""
        return self.counter(COUNTER_DENIED)

    @property
    def logged(self) -> int:
        """Denied packets that were logged."""
        return self.counter(COUNTER_LOGGED)

    def marks(self, *filters: str) -> list[int]:
        """Marks of the near namespace's connections."""
        return [int(mark) for mark in re.findall(r"mark=(\d+)", self.pair.near.run("conntrack", "-L", *filters))]

    def tables(self) -> set[str]:
        """Names of all tables."""
        return set(re.findall(r"table \w+ (\w+)", self.pair.near.run("nft", "list", "tables")))

    def close(self) -> None:
        """End it."""
        self.pair.near.inside(self.firewall.stop)


def connects(source: Namespace, address: str, port: int, bench: Bench) -> bool:
    """Whether a TCP connection comes about, to a listener that is there; what does not is counted as denied."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    before = bench.denied
    with source.open(family) as client:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect((address, port))
        return until(lambda: _state(client) or (bench.denied > before and "denied"), "connected, or denied") == "connected"


def _state(client: socket.socket) -> str:
    try:
        client.getpeername()
    except OSError:
        return ""
    return "connected"


def pings(source: Namespace, address: str, number: int) -> bool:
    """Send an echo request; whether an answer is there when the kernel has done with it. Without a delay on the way, that is
    when the request is sent."""
    six = ":" in address
    family, protocol = (socket.AF_INET6, socket.getprotobyname("ipv6-icmp")) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    body = struct.pack(">BBHHH", 128 if six else 8, 0, 0, number, 1)
    if not six:
        total = sum(struct.unpack(">4H", body))
        body = struct.pack(">BBHHH", 8, 0, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF, number, 1)
    with source.open(family, socket.SOCK_RAW, protocol) as opened:
        opened.sendto(body, (address, 0))
        opened.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while True:
                answer = opened.recv(2_048)[0 if six else 20 :]
                if answer[0] in {0, 129} and struct.unpack_from(">H", answer, 4)[0] == number:
                    return True
    return False
