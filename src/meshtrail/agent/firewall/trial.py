"""Whether a new map may stay: it may cut the machine off from the server that could repair it. Pure: times in, decisions out.

A map is on trial until the server has answered over it. If that does not happen in time, the map before it is put back; the
new one is tried again when the server answers, later each time.
"""

from dataclasses import dataclass

from meshtrail.agent.firewall import limits
from meshtrail.model.network_map import NetworkMap


@dataclass(slots=True)
class Trial:
    """The maps of the moment. Times are monotonic, in seconds."""

    trial_s: float = limits.TRIAL_S
    in_force: NetworkMap | None = None
    confirmed: NetworkMap | None = None
    """The last one over which the server answered; None: without any rules it was reachable."""
    taken_back: NetworkMap | None = None
    """One that did not prove itself, and is tried again."""
    deadline_s: float | None = None
    """When the map in force has to be confirmed; None: it is."""
    again_s: float = 0.0
    """Earliest time of the next try."""
    _wait_s: float = limits.TRIAL_AGAIN_S_MIN

    def begin(self, network_map: NetworkMap, now_s: float, *, trial: bool) -> None:
        """A map is in force now."""
        self.in_force = network_map
        if self.taken_back is not None and network_map.serial != self.taken_back.serial:
            self._wait_s = limits.TRIAL_AGAIN_S_MIN
        self.taken_back = None
        if trial:
            self.deadline_s = now_s + self.trial_s
        else:
            self.deadline_s, self.confirmed = None, network_map

    def refuses(self, network_map: NetworkMap, now_s: float) -> bool:
        """Whether a map was taken back and its next try is not due."""
        return self.taken_back is not None and self.taken_back.serial == network_map.serial and now_s < self.again_s

    def confirm(self, now_s: float) -> NetworkMap | None:
        """The server answered. Returns the map that is to be tried again now."""
        if self.deadline_s is not None:
            self.deadline_s, self.confirmed = None, self.in_force
            self._wait_s = limits.TRIAL_AGAIN_S_MIN
        return self.taken_back if self.taken_back is not None and now_s >= self.again_s else None

    def overdue(self, now_s: float) -> bool:
        """Whether the map in force has to go."""
        return self.deadline_s is not None and now_s >= self.deadline_s

    def take_back(self, now_s: float) -> NetworkMap | None:
        """The map in force goes. Returns the one that takes its place; None: no rules."""
        self.taken_back, self.in_force, self.deadline_s = self.in_force, self.confirmed, None
        self.again_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, limits.TRIAL_AGAIN_S_MAX)
        return self.in_force
