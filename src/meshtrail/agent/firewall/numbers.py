"""The numbers of rules: few, because they are bits of a mark, and so given again; never without a note from when on.

A number belongs to what is reported of a connection (a *decision*: one version of one rule, and the resource it leads to). It
stays as long as the rule is in the map, and comes back with it if nobody else had it since; a number that was given up waits
behind all others, so that a connection that still carries it is attributed by the rules of its own time.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from meshtrail.agent import prefix
from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.files import read_file, write_file
from meshtrail.agent.firewall.naming import DEFAULT_DENY, decision_of, drop_prefix
from meshtrail.agent.firewall.timeline import Timeline
from meshtrail.model.network_map import Action, Rule

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers for the accepting rules of one ruleset."""

    numbers: dict[Decision, int]
    unnumbered: int
    """Rules for which there was none."""
    waiting: bool
    """Whether numbers become free by this plan, so that another one after it can give them to the unnumbered."""


class _Stored(msgspec.Struct):
    """The file."""

    mask: int
    active: list[int]
    retired: list[int]
    meanings: list[tuple[int, int, Decision]]


class Numbers:
    """Gives numbers, and knows what they meant. One thread plans and settles; others may ask."""

    def __init__(self, mask: int, capacity: int, file: Path | None) -> None:
        self._mask = mask
        self._capacity = capacity
        self._file = file
        self._meanings: Timeline[int] = Timeline(limits.HISTORY_MAX)
        self._prefixes: Timeline[str] = Timeline(limits.PREFIXES_MAX)
        self._prefixes.add(drop_prefix(None), 0, DEFAULT_DENY)
        self._active: dict[Decision, int] = {}
        self._retired: list[int] = []
        """Given up, the longest ago first."""
        self._unused = 1
        """The smallest number that was never given."""
        self.damaged = 0
        """Files of numbers that could not be used."""
        self.unsaved = 0
        """Times that the file could not be written."""

    def load(self) -> None:
        """Read the file of an earlier run, if there is one. A damaged one is set aside: what it said is not known any more."""
        if self._file is None:
            return
        try:
            content = read_file(self._file, limits.STATE_BYTES_MAX)
            stored = msgspec.json.decode(content, type=_Stored) if content is not None else None
            if stored is not None and stored.mask == self._mask:
                self._take(stored)
        except (OSError, ValueError) as error:
            self.damaged += 1
            _LOG.warning("the rule numbers in %s cannot be used; connections from before this start have no rule: %s", self._file, error)

    def plan(self, rules: Iterable[Rule], at_us: int) -> Plan:
        """Numbers for rules. They mean what they say from now on, and are on disk before they are used; numbers of the ruleset
        in force are not given to others before `settle`."""
        rules = list(rules)
        wanted = dict.fromkeys(decision_of(rule) for rule in rules if rule.action is Action.accept)
        numbers = {decision: self._active[decision] for decision in wanted if decision in self._active}
        retired = {self._meanings.now(number): number for number in self._retired}
        numbers |= {decision: retired[decision] for decision in wanted if decision in retired}
        free = self._free(set(numbers.values()))
        for decision in wanted:
            if decision not in numbers and (number := next(free, None)) is not None:
                numbers[decision] = number
        new = [(decision, number) for decision, number in numbers.items() if self._meanings.now(number) != decision]
        for decision, number in new:
            self._meanings.add(number, at_us, decision)
        self._note_prefixes(rules, at_us)
        unnumbered = len(wanted) - len(numbers)
        plan = Plan(numbers, unnumbered, bool(unnumbered and self._active.keys() - wanted.keys()))
        if new:
            self._save()
        return plan

    def settle(self, plan: Plan) -> None:
        """The kernel has the ruleset of this plan: numbers that it does not have are free from now on."""
        taken = set(plan.numbers.values())
        given_up = [number for decision, number in self._active.items() if decision not in plan.numbers]
        self._retired = [number for number in self._retired if number not in taken] + given_up
        self._unused = max(self._unused, max(taken, default=0) + 1)
        changed, self._active = self._active != plan.numbers, plan.numbers
        if changed:
            self._save()

    def decision(self, number: int, at_us: int, now_us: int | None = None) -> Decision | None:
        """What a number meant for a connection that began then; None: nothing that is known. `now_us` shows a clock that went back."""
        return self._meanings.at(number, at_us, now_us)

    def by_prefix(self, text: str, at_us: int, now_us: int | None = None) -> Decision | None:
        """What dropped a packet with this log prefix; a prefix of a rule that is not known says at least its ids."""
        known = self._prefixes.at(text, at_us, now_us)
        if known is not None:
            return known
        read = prefix.decode(text.encode("utf-8", "replace"))
        if read is None or read.shortened:
            return None
        return DEFAULT_DENY if read.is_default else Decision(read.policy_id, None, read.rule_id, read.version, "reported")

    def _free(self, taken: set[int]) -> Iterator[int]:
        """Numbers that nobody has: those never given first, then those given up, the longest ago first."""
        yield from (number for number in range(self._unused, self._capacity + 1) if number not in taken)
        yield from (number for number in self._retired if number not in taken)

    def _note_prefixes(self, rules: list[Rule], at_us: int) -> None:
        """Rules that lead to several resources have one prefix: then the resource is left open."""
        found: dict[str, Decision] = {}
        for rule in rules:
            if rule.action is Action.drop:
                text, decision = drop_prefix(rule), decision_of(rule)
                same = found.setdefault(text, decision) == decision
                found[text] = decision if same else replace(decision, resource_id=None, resource_name=None)
        for text, meant in found.items():
            if self._prefixes.now(text) != meant:
                self._prefixes.add(text, at_us, meant)

    def _take(self, stored: _Stored) -> None:
        """What an earlier run left. `ValueError` when it makes no sense; then nothing is taken."""
        used = [*stored.active, *stored.retired]
        if len(set(used)) != len(used) or not all(0 < number <= self._capacity for number in used):
            raise ValueError("numbers come twice or are too large")
        meanings: Timeline[int] = Timeline(limits.HISTORY_MAX)
        for number, since_us, decision in stored.meanings:
            meanings.add(number, since_us, decision)
        active = {meant: number for number in stored.active if (meant := meanings.now(number)) is not None}
        self._meanings, self._active, self._retired = meanings, active, stored.retired
        self._unused = max(used, default=0) + 1

    def _save(self) -> None:
        """Best effort: without the file the numbers of this run mean nothing to the next."""
        if self._file is None:
            return
        stored = _Stored(self._mask, list(self._active.values()), self._retired, list(self._meanings))
        try:
            write_file(self._file, msgspec.json.encode(stored))
        except OSError as error:
            self.unsaved += 1
            _LOG.warning("the rule numbers could not be saved; after a restart older connections may have no rule: %s", error)
