"""The addresses of domain names, looked up from time to time by threads of their own: a name server may be slow or silent.

What a name had keeps its force for a while after it is gone, because programs remember it; and when no name server answers,
everything stays as it was. Addresses that are never another machine's are left out: a name must not open the machine itself.
"""

import contextlib
import heapq
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.addresses import Address

_LOG = logging.getLogger(__name__)
Lookup = Callable[[str], Iterable[str]]
"""The addresses of a name, as text; `OSError` when there is no answer or no such name."""
WILDCARD = "*."
_NAME_CHARACTERS_MAX = 253


def system_lookup(name: str) -> list[str]:
    """What this machine's resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


class Names:
    """What is known of each name. Pure: answers and times go in, addresses come out."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Address, float]] = {}
        self.refused = 0
        """Addresses that no rule should be made of, and those above the limit."""

    def keep(self, names: Iterable[str]) -> None:
        """Forget all others."""
        wanted = set(names)
        self._seen = {name: found for name, found in self._seen.items() if name in wanted}

    def answer(self, name: str, texts: Iterable[str], now_s: float) -> bool:
        """Note an answer; whether the name's addresses are others than before."""
        before = self._seen.get(name, {})
        found = {address: seen_s for address, seen_s in before.items() if now_s - seen_s <= limits.DOMAIN_KEEP_S}
        for text in texts:
            address = _address(text)
            if address is None or (len(found) >= limits.DOMAIN_ADDRESSES_MAX and address not in found):
                self.refused += 1
            else:
                found[address] = now_s
        self._seen[name] = found
        return found.keys() != before.keys()

    def found(self, name: str) -> bool:
        """Whether the name ever had an address."""
        return bool(self._seen.get(name))

    def addresses(self) -> dict[str, frozenset[Address]]:
        """Everything that is in force."""
        return {name: frozenset(found) for name, found in self._seen.items()}


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    unusable = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    return None if unusable else address


def base(domain: str) -> str:
    """The name that is looked up: of `*.example.org` only `example.org` can be, and names below it are found by nobody."""
    return domain.removeprefix(WILDCARD)


class Domains:
    """Looks names up, and says when something changed. Inert until `start`."""

    def __init__(self, changed: Callable[[], None], lookup: Lookup = system_lookup, clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = changed
        self._lookup = lookup
        self._clock = clock
        self._names = Names()
        self._due: list[tuple[float, str]] = []
        self._wanted: dict[str, list[str]] = {}
        """Names that are looked up, and the domains that they answer for."""
        self._turn = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self.failed = 0
        """Lookups without an answer."""
        self.left_out = 0
        """Names above the limit, or that are none."""

    def start(self) -> None:
        """Begin to look up what is wanted."""
        self._threads = [
            threading.Thread(target=self._work, name=f"meshtrail-names-{number}", daemon=True) for number in range(limits.DOMAIN_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def want(self, domains: Iterable[str]) -> None:
        """Look up these from now on, and forget all others. New ones at once."""
        wanted: dict[str, list[str]] = {}
        self.left_out = 0
        for domain in dict.fromkeys(domains):
            name = base(domain)
            if not 0 < len(name) <= _NAME_CHARACTERS_MAX or len(wanted) >= limits.DOMAINS_MAX:
                self.left_out += 1
            else:
                wanted.setdefault(name, []).append(domain)
        with self._turn:
            new = wanted.keys() - self._wanted.keys()
            self._wanted = wanted
            self._names.keep(wanted)
            self._due = [each for each in self._due if each[1] in wanted]
            heapq.heapify(self._due)
            for name in sorted(new):
                heapq.heappush(self._due, (self._clock(), name))
            self._turn.notify_all()

    def addresses(self) -> dict[str, frozenset[Address]]:
        """The addresses of all wanted domains that have any."""
        with self._turn:
            known = self._names.addresses()
            return {domain: known[name] for name, domains in self._wanted.items() if name in known for domain in domains}

    def stop(self) -> None:
        """No lookups from now on; one that waits for a name server is left to itself."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()

    def _work(self) -> None:
        while (name := self._next()) is not None:
            texts = None
            with contextlib.suppress(OSError, UnicodeError):
                texts = list(self._lookup(name))
            if self._note(name, texts):
                self._changed()

    def _next(self) -> str | None:
        """The next name that is due, as soon as it is; None at the end."""
        with self._turn:
            while not self._stopping:
                wait_s = self._due[0][0] - self._clock() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._due)[1]
                self._turn.wait(wait_s)
        return None

    def _note(self, name: str, texts: list[str] | None) -> bool:
        """Note an answer, or that there is none; whether something changed."""
        with self._turn:
            if name not in self._wanted:
                return False
            now_s = self._clock()
            changed = texts is not None and self._names.answer(name, texts, now_s)
            self.failed += texts is None
            if all(each != name for _, each in self._due):
                heapq.heappush(self._due, (now_s + (limits.DOMAIN_INTERVAL_S if self._names.found(name) else limits.DOMAIN_RETRY_S), name))
            return changed and not self._stopping
