"""Kinds of traffic: connections of one kind match the same rules as far as protocol and port go."""

from collections.abc import Sequence

import numpy as np

from meshtrail.enrich.resolver import bits
from meshtrail.enrich.resolver.material import Rule

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
HARMLESS_TYPES = (*range(130, 138), 143)
"""Types of ICMPv6 that rules let through unseen where it ends: neighbour and multicast listener discovery (RFC 4861, RFC 3810)."""

NO_PORT = -1
_PORTS = 65_536
_OTHER, _ICMP, _TCP, _UDP = range(4)
"""Kinds before those of ports: any other protocol, ICMP of the family, and TCP and UDP whose port is not known."""


class Kinds:
    """The kinds of a book's rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._tables: dict[int, np.ndarray] = {}
        plain = bits.pack((_plain(rule) for rule in rules), 4)
        parts = [plain]
        for protocol, name in ((TCP, "tcp"), (UDP, "udp")):
            table, rows = _by_port([rule.ports if rule.protocol in {name, "all"} else None for rule in rules])
            self._tables[protocol] = table + sum(map(len, parts))
            parts.append(rows)
        self.rows = np.concatenate(parts)
        """The rules of each kind."""

    def of(self, protocols: np.ndarray, ports: np.ndarray, is_v4: np.ndarray) -> np.ndarray:
        """The kind of each connection. A port is `NO_PORT` where none is known."""
        found = np.full(len(protocols), _OTHER, dtype=np.int32)
        found[protocols == np.where(is_v4, ICMP, ICMPV6)] = _ICMP
        for protocol, unknown in ((TCP, _TCP), (UDP, _UDP)):
            mine = np.flatnonzero(protocols == protocol)
            wanted = ports[mine]
            found[mine] = np.where(wanted == NO_PORT, unknown, self._tables[protocol][wanted])
        return found


def _plain(rule: Rule) -> np.ndarray:
    everything = rule.protocol == "all" and not rule.ports
    without_ports = not rule.ports
    return np.array(
        [
            everything,
            everything or rule.protocol == "icmp",
            without_ports and rule.protocol in {"all", "tcp"},
            without_ports and rule.protocol in {"all", "udp"},
        ]
    )


def _by_port(ports: Sequence[tuple[tuple[int, int], ...] | None]) -> tuple[np.ndarray, np.ndarray]:
    """For each port the number of its rules' row, and these rows. None: the rule is of another protocol."""
    cuts = {0, *(cut for ranges in ports if ranges for start, end in ranges for cut in (start, end + 1))}
    starts = np.array(sorted(cut for cut in cuts if cut < _PORTS))
    rows, which = bits.distinct(bits.pack((_between(starts, ranges) for ranges in ports), len(starts)))
    return np.repeat(which, np.diff([*starts, _PORTS])), rows


def _between(starts: np.ndarray, ranges: tuple[tuple[int, int], ...] | None) -> np.ndarray:
    flags = np.full(len(starts), ranges == ())
    for start, end in ranges or ():
        flags[np.searchsorted(starts, start) : np.searchsorted(starts, end, "right")] = True
    return flags
