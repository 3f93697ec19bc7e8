"""Policies and all their versions."""

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import UnusableError
from meshtrail.control import checks
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.database import Database
from meshtrail.control.ids import new_id
from meshtrail.control.inventory import Policy, PolicyRule, PolicyVersion, Reference
from meshtrail.control.limits import POLICIES_MAX, POLICY_RULES_MAX, PORTS_MAX, REFERENCES_MAX
from meshtrail.control.tables import groups, peers, policies, policy_versions, resources
from meshtrail.model.activities import Activity
from meshtrail.model.network_map import PortRange, Protocol

_PORT_MAX = 65_535


class Policies:
    """Changes policies. A change makes a new version; the old one is kept with the time during which it was in force.
    Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, by: Actor, wanted: Policy) -> str:
        """Make a policy; its id, version and rule ids are given here. Returns the id."""
        with self._database.change(by.org_id) as transaction:
            checks.room(transaction, policies, by.org_id, POLICIES_MAX, "policies")
            now = self._clock()
            identifier = new_id(now)
            policy = _checked(transaction, by.org_id, wanted, None, now)
            policy = msgspec.structs.replace(policy, id=identifier, version=1, created_at=now)
            document = msgspec.json.encode(policy).decode()
            transaction.execute(insert(policies).values(org_id=by.org_id, id=identifier, version=1, created_at=now, document=document))
            _open_version(transaction, by.org_id, policy, document, now)
            _tell(transaction, by, Activity.policy_add, None, policy)
        return identifier

    def update(self, by: Actor, identifier: str, wanted: Policy) -> None:
        """Replace a policy; a rule keeps its id when it comes with it. Nothing is written when nothing differs."""
        with self._database.change(by.org_id) as transaction:
            now = self._clock()
            old = _current(transaction, by.org_id, identifier)
            policy = _checked(transaction, by.org_id, wanted, {rule.id for rule in old.rules}, now)
            policy = msgspec.structs.replace(policy, id=old.id, version=old.version, created_at=old.created_at)
            if policy == old:
                return
            policy = msgspec.structs.replace(policy, version=old.version + 1)
            document = msgspec.json.encode(policy).decode()
            _close_version(transaction, by.org_id, identifier, now)
            _open_version(transaction, by.org_id, policy, document, now)
            this = (policies.c.org_id == by.org_id) & (policies.c.id == identifier)
            transaction.execute(update(policies).where(this).values(version=policy.version, document=document))
            _tell(transaction, by, Activity.policy_update, old, policy)

    def delete(self, by: Actor, identifier: str) -> None:
        """Take a policy out of force; its versions stay."""
        with self._database.change(by.org_id) as transaction:
            old = _current(transaction, by.org_id, identifier)
            _close_version(transaction, by.org_id, identifier, self._clock())
            transaction.execute(delete(policies).where(policies.c.org_id == by.org_id, policies.c.id == identifier))
            _tell(transaction, by, Activity.policy_delete, old, None)

    def versions(self, org_id: str, identifier: str) -> list[PolicyVersion]:
        """Every version of a policy, also of one that was deleted; oldest first."""
        mine = (policy_versions.c.org_id == org_id) & (policy_versions.c.policy_id == identifier)
        with self._database.read() as transaction:
            rows = transaction.execute(select(policy_versions).where(mine).order_by(policy_versions.c.version))
            return [PolicyVersion(msgspec.json.decode(row.document, type=Policy), row.valid_from, row.valid_until) for row in rows]


def _tell(transaction: Connection, by: Actor, activity: Activity, old: Policy | None, new: Policy | None) -> None:
    """What became of a policy."""
    policy = new or old
    assert policy is not None, "either is there"
    before, after = difference(_told(old), _told(new))
    meta = {"name": policy.name, **_names(transaction, by.org_id, *(each for each in (old, new) if each is not None))}
    record(transaction, by, activity, Target(policy.id, policy.name), before=before, after=after, meta=meta)


def _names(transaction: Connection, org_id: str, *versions: Policy) -> dict[str, dict[str, str]]:
    """What the ids in a policy are called at this moment: its rules, and the groups that they name."""
    rules = [rule for version in versions for rule in version.rules]
    ids = {group for rule in rules for group in (*rule.sources, *rule.destinations)}
    query = select(groups.c.id, groups.c.name).where(groups.c.org_id == org_id, groups.c.id.in_(ids))
    return {"rules": {rule.id: rule.name for rule in rules}, "groups": {row.id: row.name for row in transaction.execute(query)}}


def _told(policy: Policy | None) -> dict[str, Any] | None:
    """The policy with its rules by id, so that a difference shows which one differs in what; and their order, which counts."""
    if policy is None:
        return None
    fields: dict[str, Any] = msgspec.to_builtins(policy)
    fields["rules"] = {rule.pop("id"): rule for rule in fields["rules"]}
    return {**fields, "rule_order": list(fields["rules"])}


def _current(transaction: Connection, org_id: str, identifier: str) -> Policy:
    document = transaction.execute(select(policies.c.document).where(policies.c.org_id == org_id, policies.c.id == identifier)).scalar()
    return msgspec.json.decode(checks.there(document, "policy", identifier), type=Policy)


def _open_version(transaction: Connection, org_id: str, policy: Policy, document: str, now: int) -> None:
    transaction.execute(
        insert(policy_versions).values(org_id=org_id, policy_id=policy.id, version=policy.version, document=document, valid_from=now)
    )


def _close_version(transaction: Connection, org_id: str, identifier: str, now: int) -> None:
    mine = (policy_versions.c.org_id == org_id) & (policy_versions.c.policy_id == identifier) & policy_versions.c.valid_until.is_(None)
    transaction.execute(update(policy_versions).where(mine).values(valid_until=now))


def _checked(transaction: Connection, org_id: str, wanted: Policy, rule_ids: set[str] | None, now: int) -> Policy:
    """The policy with names that can be shown and rules that mean something; every problem names its field. `rule_ids`: those
    that may be kept; None: none are looked at."""
    if not wanted.rules:
        raise UnusableError("rules: a policy needs at least one rule.")
    if len(wanted.rules) > POLICY_RULES_MAX:
        raise UnusableError(f"rules: there are {len(wanted.rules)}, at most {POLICY_RULES_MAX} are possible.")
    free = set(rule_ids or ())
    rules: list[PolicyRule] = []
    for position, rule in enumerate(wanted.rules):
        field = f"rules[{position}]"
        if rule_ids is not None and rule.id and rule.id not in free:
            raise UnusableError(f"{field}.id: the policy has no rule {rule.id[:60]!r}, or has it once.", "Leave the id out for a new rule.")
        identifier = rule.id if rule.id in free else new_id(now)
        free.discard(rule.id)
        rules.append(msgspec.structs.replace(_checked_rule(transaction, org_id, rule, field), id=identifier))
    return msgspec.structs.replace(
        wanted,
        name=checks.name(wanted.name),
        description=checks.description(wanted.description),
        posture_checks=checks.few(wanted.posture_checks, REFERENCES_MAX, "source_posture_checks"),
        rules=tuple(rules),
    )


def _checked_rule(transaction: Connection, org_id: str, rule: PolicyRule, field: str) -> PolicyRule:
    _check_ports(rule, field)
    for end, ids, reference in (
        ("source", rule.sources, rule.source_resource),
        ("destination", rule.destinations, rule.destination_resource),
    ):
        if bool(ids) == (reference is not None):
            raise UnusableError(f"{field}.{end}s: exactly one of {end}s and {end}Resource is needed.")
        checks.few(ids, REFERENCES_MAX, f"{field}.{end}s")
        checks.known(transaction, groups, org_id, ids, f"{field}.{end}s")
        if reference is not None:
            _check_reference(transaction, org_id, reference, f"{field}.{end}Resource")
    if rule.source_resource is not None and rule.source_resource.type != "peer":
        raise UnusableError(f"{field}.sourceResource: only a peer can be a source; a resource opens no connections.")
    return msgspec.structs.replace(
        rule,
        name=checks.name(rule.name, f"{field}.name"),
        description=checks.description(rule.description, f"{field}.description"),
        sources=tuple(dict.fromkeys(rule.sources)),
        destinations=tuple(dict.fromkeys(rule.destinations)),
    )


def _check_ports(rule: PolicyRule, field: str) -> None:
    if rule.ports and rule.port_ranges:
        raise UnusableError(f"{field}.ports: either ports or port_ranges.")
    if (rule.ports or rule.port_ranges) and rule.protocol in {Protocol.all, Protocol.icmp}:
        raise UnusableError(f"{field}.ports: the protocol {rule.protocol} has no ports.", "Use tcp or udp.")
    if len(rule.ports) + len(rule.port_ranges) > PORTS_MAX:
        raise UnusableError(f"{field}.ports: at most {PORTS_MAX} are possible.")
    ranges = (*(PortRange(port, port) for port in rule.ports), *rule.port_ranges)
    for each in ranges:
        if not 1 <= each.start <= each.end <= _PORT_MAX:
            raise UnusableError(f"{field}.ports: {each.start} to {each.end} is no range from 1 to {_PORT_MAX}.")


def _check_reference(transaction: Connection, org_id: str, reference: Reference, field: str) -> None:
    if reference.type not in {"host", "subnet", "domain", "peer"}:
        raise UnusableError(f"{field}.type: {reference.type[:20]!r} is none of host, subnet, domain, peer.")
    checks.known(transaction, peers if reference.type == "peer" else resources, org_id, [reference.id], f"{field}.id")
