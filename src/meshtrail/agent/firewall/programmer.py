"""Puts maps in the kernel: addresses of names, numbers and the compiled ruleset come together here. For one thread at a time."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from meshtrail.agent.firewall.compile import Endpoint, Options, compile_map
from meshtrail.agent.firewall.domains import Domains
from meshtrail.agent.firewall.numbers import Numbers
from meshtrail.agent.firewall.table import Table
from meshtrail.common.clock import Clock
from meshtrail.model.network_map import Governed, Mode, NetworkMap, ResourceType, Rule

_LOG = logging.getLogger(__name__)
NUMBERS_FILE = "rule-numbers.json"


@dataclass(slots=True)
class FirewallCounters:
    """What the firewall counts."""

    maps_applied: int = 0
    maps_failed: int = 0
    """Times that the kernel refused a map, or could not be asked."""
    maps_reverted: int = 0
    """Times that a map was taken back, because the server did not answer over it."""
    maps_postponed: int = 0
    """Times that such a map was offered again too early."""
    rules_changed_under_us: int = 0
    """Times that somebody removed or changed our table."""
    rulesets_loaded: int = 0
    rules: int = 0
    """Rules in force."""
    rules_unnumbered: int = 0
    """Of these, accepting ones for which the mark has no number: their connections carry no policy."""
    errors: int = 0


class Programmer:
    """The table, and what it is made of."""

    def __init__(self, options: Options, state_folder: Path | None, domains: Domains, counters: FirewallCounters, clock: Clock) -> None:
        self.options = options
        self.table = Table()
        self.domains = domains
        self.numbers = Numbers(options.mask, options.capacity, state_folder / NUMBERS_FILE if state_folder else None)
        self._counters = counters
        self._clock = clock

    def put(self, network_map: NetworkMap | None) -> None:
        """Make the kernel's rules those of a map; None: none. `NftError` or `OSError` when it cannot be done; then the rules
        are as before."""
        if network_map is None or network_map.mode is Mode.observe:
            self.domains.want(())
            self.remove()
            return
        parts: list[Rule | Governed] = [*network_map.rules, *network_map.governed]
        names = [name for each in parts for name in each.domains]
        names += [each.address for each in network_map.resources if each.masquerade and each.type is ResourceType.domain]
        self.domains.want(names)
        if self._load(network_map):
            self._load(network_map)

    def _load(self, network_map: NetworkMap) -> bool:
        """Load the ruleset; whether numbers became free by it that rules without one can have."""
        plan = self.numbers.plan(network_map.rules, self._clock())
        self.table.put(compile_map(network_map, plan.numbers, self.domains.addresses(), self.options))
        self.numbers.settle(plan)
        counters = self._counters
        counters.rulesets_loaded += 1
        counters.rules = len(network_map.rules)
        if plan.unnumbered > counters.rules_unnumbered and not plan.waiting:
            _LOG.warning(
                "%d rules have no number: connections that they accept carry no policy.\n"
                "Give the agent a mask of the connection mark with more bits.", plan.unnumbered,
            )  # fmt: skip
        counters.rules_unnumbered = plan.unnumbered
        return plan.waiting

    def set_servers(self, servers: tuple[Endpoint, ...]) -> bool:
        """The server's addresses for the next ruleset; whether they are others."""
        changed = servers != self.options.servers
        self.options = replace(self.options, servers=servers)
        return changed

    def remove(self) -> None:
        """Take our table away. `NftError` when the kernel refuses."""
        self.table.remove()
        self._counters.rules = self._counters.rules_unnumbered = 0
