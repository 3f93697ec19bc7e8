"""Reads somebody else's ruleset: which marks and log prefixes lead to which rule. Pure: a listing in, a table out.

A rule of a listing has a handle, perhaps a comment, and statements. Those that write a constant into the connection's mark, or
log with a prefix, tie what happens to the rule; what iptables' extensions do is not in the listing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.nft import Statement

MARK_BITS = 0xFFFFFFFF
OURS = frozenset({"meshtrail", "meshtrail_track"})
"""Tables of the agent itself, in the family inet."""


@dataclass(slots=True)
class Observed:
    """What one ruleset says."""

    marks: dict[int, dict[int, Decision]] = field(default_factory=dict)
    """By the bits that are written, and what is written there; most bits first."""
    prefixes: dict[str, Decision] = field(default_factory=dict)
    unreadable: int = 0
    """Rules that write a mark that is not a constant, and extensions of iptables that mark or log."""
    left_out: int = 0
    """Marks and prefixes above the limit."""

    def by_mark(self, mark: int) -> Decision | None:
        """The rule that wrote this mark."""
        for bits, values in self.marks.items():
            decision = values.get(mark & bits)
            if decision is not None:
                return decision
        return None

    def by_prefix(self, text: str) -> Decision | None:
        """The rule that logs with this prefix."""
        return self.prefixes.get(text)


def observe(listing: Iterable[Statement]) -> Observed:
    """The table of a listing (`nft -j -a list ruleset`). Entries that are not as nft writes them are passed over."""
    made = Observed()
    count = 0
    for each in listing:
        rule = each.get("rule")
        if not isinstance(rule, dict) or not isinstance(rule.get("expr"), list) or _is_ours(rule):
            continue
        for expression in rule["expr"]:
            if not isinstance(expression, dict):
                continue
            if count >= limits.OBSERVED_MAX:
                made.left_out += _says_something(expression)
            else:
                count += _note(made, rule, expression)
    made.marks = dict(sorted(made.marks.items(), key=lambda item: -item[0].bit_count()))
    return made


def _is_ours(rule: Statement) -> bool:
    return rule.get("family") == "inet" and rule.get("table") in OURS


def _says_something(expression: Statement) -> bool:
    return "mangle" in expression or "log" in expression


def _note(made: Observed, rule: Statement, expression: Statement) -> bool:
    """Note what one statement ties to its rule; whether there was something."""
    written = _written(expression.get("mangle"))
    if written is not None:
        bits, value = written
        if value:
            _put(made.marks.setdefault(bits, {}), value, _decision(rule, None))
        return bool(value)
    made.unreadable += _is_ct_mark(expression.get("mangle")) or _is_opaque(expression.get("xt"))
    log = expression.get("log")
    prefix = log.get("prefix") if isinstance(log, dict) else None
    if not isinstance(prefix, str):
        return False
    _put(made.prefixes, prefix, _decision(rule, prefix))
    return True


def _put(table: dict[Any, Decision], key: int | str, decision: Decision) -> None:
    """When several rules do the same, only what they share is known."""
    known = table.get(key)
    if known is not None and known != decision:
        name = known.policy_name if known.policy_name == decision.policy_name else None
        decision = Decision(None, name, None, None, "reported" if name else "none")
    table[key] = decision


def _decision(rule: Statement, prefix: str | None) -> Decision:
    """A rule is named by its place; the comment is the name for people, and a prefix where there is none."""
    place = "/".join(str(rule.get(part, "")) for part in ("family", "table", "chain", "handle"))
    comment = rule.get("comment")
    name = comment if isinstance(comment, str) else (prefix or "").strip(" :[]") or None
    return Decision(None, name, place, None, "reported")


def _is_ct_mark(mangle: object) -> bool:
    return isinstance(mangle, dict) and mangle.get("key") == {"ct": {"key": "mark"}}


def _is_opaque(extension: object) -> bool:
    return isinstance(extension, dict) and extension.get("name") in {"CONNMARK", "NFLOG"}


def _written(mangle: object) -> tuple[int, int] | None:
    """The bits of the connection's mark that a statement writes, and their value; None when it is no constant."""
    if not isinstance(mangle, dict) or not _is_ct_mark(mangle):
        return None
    value = mangle.get("value")
    if _is_mark(value):
        return MARK_BITS, value
    match list(_operands(value, "|")):
        case [kept, int(written)] if _is_mark(written):
            match list(_operands(kept, "&")):
                case [{"ct": {"key": "mark"}}, int(mask)] if _is_mark(mask):
                    bits = (MARK_BITS & ~mask) | written
                    return bits, written
                case _ if kept == {"ct": {"key": "mark"}}:
                    return written, written
    return None


def _is_mark(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MARK_BITS


def _operands(expression: object, operator: str) -> Iterator[object]:
    found = expression.get(operator) if isinstance(expression, dict) else None
    return iter(found if isinstance(found, list) else [])
