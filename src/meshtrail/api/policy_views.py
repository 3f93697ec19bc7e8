"""A policy in words: its rules as sentences, and what differs between its versions."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from meshtrail.common.clock import rfc3339
from meshtrail.control.inventory import Policy, PolicyRule, PolicyVersion, Snapshot
from meshtrail.control.rule_text import reference_name, rule_text
from meshtrail.control.snapshots import Snapshots
from meshtrail.model.network_map import Action
from meshtrail.web.changes import changes
from meshtrail.web.inventory_lines import Author, RuleLine, VersionLine

_SAYS = "says"
"""Of a rule: all of it in a sentence, which differs whenever anything does."""


def rule_lines(snapshot: Snapshot, policy: Policy) -> tuple[RuleLine, ...]:
    """The rules in sentences, with the names of the snapshot."""
    return tuple(RuleLine(rule.name, rule_text(snapshot, rule), rule.enabled, rule.action is Action.accept) for rule in policy.rules)


def version_lines(
    snapshots: Snapshots, now: Snapshot, versions: Sequence[PolicyVersion], authors: Mapping[int, Author]
) -> tuple[VersionLine, ...]:  # fmt: skip
    """The versions, newest first, each compared with the one before it in the sequence (oldest first). Names are those of today;
    of a version that names what is gone, those of when it began."""
    named = [_names(snapshots, now, each) for each in versions]
    labels = _labels(each.policy for each in versions)
    told = [_told(snapshot, each.policy, labels) for snapshot, each in zip(named, versions, strict=True)]
    differing = [(), *(changes(*_differing(before, after)) for before, after in pairwise(told))]
    lines = [
        VersionLine(
            each.policy.version, each.policy.name, each.policy.enabled, rule_lines(snapshot, each.policy), rfc3339(each.valid_from),
            "" if each.valid_until is None else rfc3339(each.valid_until), authors.get(each.policy.version), changed,
        )
        for snapshot, each, changed in zip(named, versions, differing, strict=True)
    ]  # fmt: skip
    return tuple(reversed(lines))


def _names(snapshots: Snapshots, now: Snapshot, version: PolicyVersion) -> Snapshot:
    """A snapshot that knows what the version names."""
    if all(each in now.groups for rule in version.policy.rules for each in (*rule.sources, *rule.destinations)):
        return now
    revision = snapshots.revision(now.org_id, version.valid_from)
    return now if revision is None else snapshots.at(now.org_id, revision.number)


def _labels(policies: Iterable[Policy]) -> dict[str, str]:
    """A word for each rule, by its id: its newest name, and where several have it, the end of the id."""
    names = {rule.id: rule.name for policy in policies for rule in policy.rules}
    often = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {each: f"{name} ({each[-4:]})" if name in often else name for each, name in names.items()}


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs, field by field; a rule that came or went is its sentence. The order of rules is said only when it alone
    differs."""
    old, new = dict(before), dict(after)
    for name in dict.fromkeys((*before, *after)):
        was, became = before.get(name), after.get(name)
        if isinstance(was, Mapping) and isinstance(became, Mapping):
            old[name], new[name] = _differing(was, became)
        elif isinstance(was, Mapping) or isinstance(became, Mapping):
            side = old if isinstance(was, Mapping) else new
            side[name] = side[name][_SAYS]
        if name == _SAYS or (name in old and name in new and old[name] == new[name]):
            old.pop(name, None)
            new.pop(name, None)
    if "rules" in old and set(before["rules"]) != set(after["rules"]):
        old.pop("order of rules", None)
        new.pop("order of rules", None)
    return old, new


def _told(snapshot: Snapshot, policy: Policy, labels: Mapping[str, str]) -> dict[str, Any]:
    rules = {labels[rule.id]: _rule(snapshot, rule) for rule in policy.rules}
    return {
        "name": policy.name, "description": policy.description, "enabled": policy.enabled,
        "posture checks": policy.posture_checks, "rules": rules, "order of rules": ", ".join(rules),
    }  # fmt: skip


def _rule(snapshot: Snapshot, rule: PolicyRule) -> dict[str, Any]:
    ports = [str(port) for port in rule.ports] + [f"{each.start}-{each.end}" for each in rule.port_ranges]
    return {
        _SAYS: rule_text(snapshot, rule), "name": rule.name, "description": rule.description, "enabled": rule.enabled,
        "action": "allow" if rule.action is Action.accept else "deny", "from": _end(snapshot, rule.sources, rule.source_resource),
        "to": _end(snapshot, rule.destinations, rule.destination_resource), "protocol": rule.protocol.value,
        "ports": ports or ["any"], "both ways": rule.bidirectional,
    }  # fmt: skip


def _end(snapshot: Snapshot, groups: Iterable[str], reference: Any) -> list[str]:
    if reference is not None:
        return [reference_name(snapshot, reference)]
    return [snapshot.groups[each].name if each in snapshot.groups else each for each in groups]
