"""What a rule is called where the kernel speaks of it. Pure."""

from meshtrail.agent import prefix
from meshtrail.agent.decision import Decision
from meshtrail.model.network_map import Rule

DEFAULT_DENY = Decision(None, None, None, None, "default_deny")
"""No rule matched, and the default is to drop."""


def decision_of(rule: Rule) -> Decision:
    """What is reported of a connection that the rule decided."""
    return Decision(
        rule.policy_id, rule.policy_name, rule.rule_id, rule.policy_version, "reported", rule.resource_id, rule.resource_name
    )  # fmt: skip


def drop_prefix(rule: Rule | None) -> str:
    """The log prefix of a rule that drops; None: of the default."""
    return prefix.encode("", "", 0, "D") if rule is None else prefix.encode(rule.policy_id, rule.rule_id, rule.policy_version, "D")


def comment(rule: Rule) -> str:
    """What people see beside the rule in the output of nft; it takes 128 bytes."""
    return prefix.encode(rule.policy_id, rule.rule_id, rule.policy_version, "A" if rule.action == "accept" else "D")
