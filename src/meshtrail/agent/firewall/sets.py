"""The sets of one ruleset: named, and each content once. The kernel takes half a millisecond for each anonymous one, and a
name costs a walk over all others, so that sharing is what keeps loading fast. A name is a hash of the content, so that a
change of rules leaves alone what stays. Pure."""

import hashlib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from meshtrail.agent.firewall.matches import element, port_value
from meshtrail.agent.firewall.nft import Statement
from meshtrail.agent.firewall.ruleset import named

_HASH_BYTES = 8


class Sets:
    """Collects sets; a reference to one is its name behind an `@`."""

    def __init__(self) -> None:
        self.statements: dict[str, Statement] = {}
        self._known: dict[tuple[object, ...], str] = {}

    def networks(self, found: Sequence[IPv4Network] | Sequence[IPv6Network]) -> str:
        """A set of networks of one family."""
        content = tuple(found)
        return self._known.get(content) or self._add(content, f"ipv{found[0].version}_addr", [element(each) for each in found])

    def ports(self, ranges: Sequence[tuple[int, int]]) -> str:
        """A set of ranges of ports."""
        content = tuple(ranges)
        return self._known.get(content) or self._add(content, "inet_service", [port_value(*each) for each in ranges])

    def _add(self, content: tuple[object, ...], kind: str, elements: list[object]) -> str:
        name = f"{kind}_{hashlib.blake2b(repr(elements).encode(), digest_size=_HASH_BYTES).hexdigest()}"
        self.statements[name] = {"add": {"set": {**named(name), "type": kind, "flags": ["interval"], "elem": elements}}}
        self._known[content] = f"@{name}"
        return f"@{name}"
