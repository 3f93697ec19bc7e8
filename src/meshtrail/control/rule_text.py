"""A rule in a sentence, with the names of its moment. Pure."""

from collections.abc import Iterable

from meshtrail.control.inventory import PolicyRule, Reference, Snapshot
from meshtrail.model.network_map import Action, Protocol


def rule_text(snapshot: Snapshot, rule: PolicyRule) -> str:
    """For example "Staff may reach Servers by TCP on ports 443, 9000-9099, and back"."""
    sources = _end(snapshot, rule.sources, rule.source_resource)
    destinations = _end(snapshot, rule.destinations, rule.destination_resource)
    verb = "may reach" if rule.action is Action.accept else "may not reach"
    back = ", and back" if rule.bidirectional else ""
    return f"{sources} {verb} {destinations} {_traffic(rule)}{back}"


def _end(snapshot: Snapshot, groups: Iterable[str], reference: Reference | None) -> str:
    if reference is not None:
        return reference_name(snapshot, reference)
    names = [snapshot.groups[each].name if each in snapshot.groups else each for each in groups]
    return ", ".join(names) or "nobody"


def reference_name(snapshot: Snapshot, reference: Reference) -> str:
    """The name of a peer or resource, its id where it is gone."""
    known = snapshot.machines if reference.type == "peer" else snapshot.resources
    found = known.get(reference.id)
    return found.name if found is not None else reference.id


def _traffic(rule: PolicyRule) -> str:
    kinds = {Protocol.all: "by any protocol", Protocol.tcp: "by TCP", Protocol.udp: "by UDP", Protocol.icmp: "by ICMP"}
    ports = [str(port) for port in rule.ports] + [f"{each.start}-{each.end}" for each in rule.port_ranges]
    if not ports:
        return kinds[rule.protocol]
    kind = "by TCP or UDP" if rule.protocol is Protocol.all else kinds[rule.protocol]
    return f"{kind} on port{'s' if len(ports) > 1 or '-' in ports[0] else ''} {', '.join(ports)}"
