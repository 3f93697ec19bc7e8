"""A little traffic that goes on, so that the dashboard of a lab that is left running has something to show."""

import random
import threading
from collections.abc import Callable

from lab import traffic
from lab.lab import Lab
from lab.limits import CHATTER_PAUSE_S
from lab.namespace import LabError
from lab.topology import LAN_V4, Network

Act = Callable[[Network, random.Random], object]


def _page(network: Network, chance: random.Random) -> object:
    crm = network["crm"]
    return traffic.exchange(network["laptop"], crm, crm.v4, 443, chance.randint(300, 3_000), chance.randint(2_000, 900_000))


def _call(network: Network, chance: random.Random) -> object:
    crm = network["crm"]
    packets = chance.randint(3, 60)
    return traffic.datagrams(network["laptop"], crm, crm.v6, 4500, [160] * packets, [160] * packets)


def _ping(network: Network, _: random.Random) -> object:
    return traffic.ping(network["crm"], network["laptop"].v4, 3, 56)


def _query(network: Network, chance: random.Random) -> object:
    return traffic.exchange(network["laptop"], network["database"], str(LAN_V4[10]), 5432, 400, chance.randint(1_000, 200_000))


def _forbidden_query(network: Network, _: random.Random) -> object:
    return traffic.attempt(network["gateway"], str(LAN_V4[10]), 5432)


def _knock(network: Network, chance: random.Random) -> object:
    return traffic.attempt(network["outsider"], network["crm"].v4, chance.choice((22, 443, 3389)))


ACTS: tuple[Act, ...] = (_page, _page, _page, _call, _ping, _query, _query, _forbidden_query, _knock)
"""Some come more often than others."""


class Chatter(threading.Thread):
    """Connects from time to time until it is stopped."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(name="chatter", daemon=True)
        self._lab = lab
        self._chance = random.Random()  # noqa: S311  sizes of pages are no secrets
        self._stopping = threading.Event()
        self.played = 0
        self.failed = 0

    def run(self) -> None:
        """Loop. A connection that fails is not the last one."""
        while not self._stopping.wait(self._chance.uniform(0, 2 * CHATTER_PAUSE_S)):
            try:
                self._chance.choice(ACTS)(self._lab.network, self._chance)
                self.played += 1
            except (OSError, LabError):
                self.failed += 1

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join()
