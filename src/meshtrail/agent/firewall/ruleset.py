"""A compiled ruleset, and the transactions that put it in the kernel and take it away. Pure."""

from dataclasses import dataclass, field

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.nft import Statement

TABLE = "meshtrail"
FAMILY = "inet"
COUNTER_DENIED, COUNTER_LOGGED, LIMIT_DENIALS = "denied", "logged", "denials"
_TABLE: Statement = {"table": {"family": FAMILY, "name": TABLE}}


def named(name: str) -> Statement:
    """An object of our table."""
    return {"family": FAMILY, "table": TABLE, "name": name}


@dataclass(slots=True)
class Ruleset:
    """A compiled map, in the order in which nft needs it."""

    objects: list[Statement] = field(default_factory=list)
    """Counters and limits."""
    sets: dict[str, Statement] = field(default_factory=dict)
    """By name, which says the content."""
    hooks: dict[str, Statement] = field(default_factory=dict)
    """Chains that the kernel calls, by name."""
    chains: dict[str, Statement] = field(default_factory=dict)
    """Chains without a hook, by name."""
    rules: list[Statement] = field(default_factory=list)

    def change_from(self, before: "Ruleset") -> list[Statement] | None:
        """What replaces all rules of `before`, which must be what is in the kernel; table and counters live on. None where it
        would take longer than to make everything again."""
        gone = [name for name in before.sets if name not in self.sets]
        new = [statement for name, statement in self.sets.items() if name not in before.sets]
        if len(gone) + len(new) > limits.SETS_CHANGED_MAX:
            return None
        stays = self.hooks.keys() | self.chains.keys()
        removed: list[Statement] = [{"delete": {"chain": named(name)}} for name in (*before.hooks, *before.chains) if name not in stays]
        removed += [{"delete": {"set": named(name)}} for name in gone]
        return [{"flush": _TABLE}, *removed, *new, *self.hooks.values(), *self.chains.values(), *self.rules]

    def afresh(self) -> list[Statement]:
        """What replaces the table, whatever it holds; its counters begin at zero."""
        return [*removal(), {"add": _TABLE}, *self.objects, *self.sets.values(), *self.hooks.values(), *self.chains.values(), *self.rules]


def removal() -> list[Statement]:
    """What removes the table, whether it is there or not."""
    return [{"add": _TABLE}, {"delete": _TABLE}]
