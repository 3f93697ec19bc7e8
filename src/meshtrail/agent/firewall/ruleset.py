"""A compiled ruleset, and the transactions that put it in the kernel and take it away. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.nft import Statement

TABLE = "meshtrail"
FAMILY = "inet"
COUNTER_DENIED, COUNTER_LOGGED, LIMIT_DENIALS = "denied", "logged", "denials"
_TABLE: Statement = {"table": {"family": FAMILY, "name": TABLE}}


def named(name: str) -> Statement:
    """An object of our table."""
    return {"family": FAMILY, "table": TABLE, "name": name}


class Names(NamedTuple):
    """The names in a ruleset: what has to be known of it to replace it."""

    hooks: frozenset[str] = frozenset()
    chains: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()


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

    @property
    def names(self) -> Names:
        """What has to be remembered of it."""
        return Names(frozenset(self.hooks), frozenset(self.chains), frozenset(self.sets))

    def change_from(self, before: Names) -> list[Statement] | None:
        """What replaces the ruleset with these names, which must be what is in the kernel; table and counters live on. None where it
        would take longer than to make everything again."""
        gone = sorted(name for name in before.sets if name not in self.sets)
        new = [statement for name, statement in self.sets.items() if name not in before.sets]
        if len(gone) + len(new) > limits.SETS_CHANGED_MAX:
            return None
        stay = self.hooks.keys() | self.chains.keys()
        go = sorted((before.hooks | before.chains) - stay)
        removed: list[Statement] = [{"delete": {"chain": named(name)}} for name in go]
        removed += [{"delete": {"set": named(name)}} for name in gone]
        return [{"flush": _TABLE}, *removed, *new, *self.hooks.values(), *self.chains.values(), *self.rules]

    def afresh(self) -> list[Statement]:
        """What replaces the table, whatever it holds; its counters begin at zero."""
        return [*removal(), {"add": _TABLE}, *self.objects, *self.sets.values(), *self.hooks.values(), *self.chains.values(), *self.rules]


def removal() -> list[Statement]:
    """What removes the table, whether it is there or not."""
    return [{"add": _TABLE}, {"delete": _TABLE}]
