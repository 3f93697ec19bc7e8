"""What decided: the peer's own firewall, and the rules of others that are in the kernel.

Our own rules answer first; their marks and prefixes are ours alone. What they do not know may be a rule of somebody else, whose
comment or log prefix says which.
"""

import dataclasses

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.observer import Observer
from meshtrail.agent.metrics import Metrics
from meshtrail.agent.peer import Peer
from meshtrail.agent.prefix import decode


class Rules:
    """The rules of this machine. Inert until `start`."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer
        self._observer = Observer()
        self._meddled = 0

    def start(self) -> None:
        """Enforce what is known, and follow the rules of others. `OSError` when the kernel tells of no rules."""
        if self._peer is not None:
            self._peer.start()
        self._observer.start()

    def by_mark(self, mark: int, at_us: int) -> Decision | None:
        """The rule that let a connection with this mark pass when it began; None: it is not known."""
        found = self._peer.by_mark(mark, at_us) if self._peer is not None else None
        return found if found is not None else self._observer.by_mark(mark, at_us)

    def by_prefix(self, text: str, at_us: int) -> Decision | None:
        """The rule that logged with this prefix then; None: it is not known."""
        found = self._peer.firewall.by_prefix(text, at_us) if self._peer is not None else None
        is_ours = found is not None or decode(text.encode()) is not None
        return found if is_ours else self._observer.by_prefix(text, at_us)

    def suppressed(self) -> int:
        """Denials since the last call that our rules counted and did not log, because they were too many."""
        return self._peer.firewall.suppressed() if self._peer is not None else 0

    def logged(self) -> int | None:
        """Denials that our rules have logged so far; None: there are no such rules, or they cannot be asked now."""
        return self._peer.firewall.logged() if self._peer is not None else None

    def meddled(self) -> bool:
        """Whether somebody has changed our table since the last call; it is made again then."""
        before = self._meddled
        self._meddled = self._peer.firewall.counters.rules_changed_under_us if self._peer is not None else 0
        return self._meddled > before

    @property
    def local_ports(self) -> frozenset[int]:
        """Local ports of the connection that brings the network map."""
        return self._peer.local_ports if self._peer is not None else frozenset()

    def metrics(self) -> Metrics:
        """Everything that was counted."""
        seen = {f"others_rules_{name}": value for name, value in dataclasses.asdict(self._observer.counters).items()}
        return seen | (self._peer.metrics() if self._peer is not None else {})

    def stop(self) -> None:
        """Follow no rules any more, and take ours away."""
        self._observer.stop()
        if self._peer is not None:
            self._peer.stop()
