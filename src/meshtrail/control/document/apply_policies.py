"""The section `policies`."""

from meshtrail.control.document.entries import PolicyEntry, RuleEntry
from meshtrail.control.document.matching import matched
from meshtrail.control.document.places import at
from meshtrail.control.document.work import Work, items
from meshtrail.control.inventory import Policy, PolicyRule, Reference


def apply_policies(work: Work, entries: tuple[PolicyEntry, ...]) -> None:
    """Policies. Groups, peers and resources that rules name are there by now."""
    known = work.export.policies()
    found = matched(entries, known, "policies")
    for entry, (place, identifier) in zip(entries, found, strict=True):
        old = known.get(identifier or "")
        wanted = work.merge.policy(entry, old, place)
        if work.changes("policy", place, old, wanted, wanted.name):
            with at(place):
                policy = _policy(work, wanted, work.snapshot.policies.get(identifier or ""))
                if identifier is None:
                    work.stores.policies.create(work.by, policy)
                else:
                    work.stores.policies.update(work.by, identifier, policy)
    work.leave_out("policy", known, found, lambda each: work.stores.policies.delete(work.by, each))


def _policy(work: Work, entry: PolicyEntry, old: Policy | None) -> Policy:
    """The policy in ids. A rule that keeps its name keeps its id."""
    left = list(old.rules) if old is not None else []
    rules = []
    for rule in items(entry.rules):
        before = next((each for each in left if each.name == rule.name), None)
        if before is not None:
            left.remove(before)
        rules.append(_rule(work, rule, before.id if before is not None else ""))
    return Policy(
        id="", name=entry.name, description=str(entry.description), enabled=bool(entry.enabled),
        posture_checks=items(entry.posture_checks), rules=tuple(rules),
    )  # fmt: skip


def _rule(work: Work, rule: RuleEntry, identifier: str) -> PolicyRule:
    names = work.names
    destination = None
    if rule.destination_peer:
        destination = Reference(names.peers.id_of(rule.destination_peer, "destination_peer"), "peer")
    elif rule.destination_resource:
        found = names.resources.id_of(rule.destination_resource, "destination_resource")
        destination = Reference(found, names.resources.types[found])
    return PolicyRule(
        id=identifier, name=rule.name, description=rule.description, enabled=rule.enabled, action=rule.action,
        bidirectional=rule.bidirectional, protocol=rule.protocol, ports=rule.ports, port_ranges=rule.port_ranges,
        sources=names.groups.ids_of(rule.sources, "sources"), destinations=names.groups.ids_of(rule.destinations, "destinations"),
        source_resource=Reference(names.peers.id_of(rule.source_peer, "source_peer"), "peer") if rule.source_peer else None,
        destination_resource=destination,
    )  # fmt: skip
