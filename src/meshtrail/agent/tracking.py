"""Makes sure that the kernel tracks connections at all.

Without a rule that uses conntrack nothing is tracked in a network namespace. The agent then adds a table of its own with
one rule that matches connection states and does nothing, and removes it when it stops. Where it cannot tell whether some
rule tracks (iptables extensions that nft does not name), it adds the table too: it harms nothing.
"""

import json
from enum import StrEnum
from typing import Any

from meshtrail.agent.firewall import nft, ruleset

TABLE = "meshtrail_track"
_OURS = {TABLE, ruleset.TABLE}
"""The firewall's table tracks too, but goes when the mode changes."""


_RULES = f"""
add table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
  comment "meshtrail: keeps connection tracking on, changes nothing"
  chain input {{ type filter hook input priority 300; policy accept; ct state new counter; }}
  chain output {{ type filter hook output priority 300; policy accept; ct state new counter; }}
  chain forward {{ type filter hook forward priority 300; policy accept; ct state new counter; }}
}}
"""
_TRACKING_STATEMENTS = {"masquerade", "snat", "dnat", "redirect", "ct helper", "ct timeout", "ct expectation", "flow"}
_TRACKING_EXTENSIONS = {
    "conntrack", "state", "connmark", "connlimit", "connbytes", "CONNMARK", "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "CT",
}  # fmt: skip
IPTABLES_REMEDY = "iptables -A INPUT -m conntrack --ctstate NEW (and the same for ip6tables)"


class Tracked(StrEnum):
    """What tracks connections in this network namespace."""

    by_others = "by others"
    by_us = "by us"
    by_nobody = "by nobody"
    unknown = "unknown"


def _uses(expression: Any) -> bool:
    """Whether a part of a rule needs conntrack."""
    if isinstance(expression, list):
        return any(_uses(each) for each in expression)
    if not isinstance(expression, dict):
        return False
    for word, content in expression.items():
        if word == "ct" or word in _TRACKING_STATEMENTS:
            return True
        if word == "xt" and isinstance(content, dict) and content.get("name") in _TRACKING_EXTENSIONS:
            return True
        if _uses(content):
            return True
    return False


def tracked_by(listed: str) -> Tracked:
    """Who tracks, from the output of `nft -j list ruleset`."""
    try:
        found = json.loads(listed or "{}").get("nftables", [])
    except (ValueError, AttributeError):
        return Tracked.unknown
    rules = [each["rule"] for each in found if isinstance(each, dict) and "rule" in each]
    if any(_uses(rule.get("expr", [])) for rule in rules if rule.get("table") not in _OURS):
        return Tracked.by_others
    return Tracked.by_us if any(rule.get("table") == TABLE for rule in rules) else Tracked.by_nobody


def look() -> Tracked:
    """Who tracks in this network namespace now."""
    status, listed, _ = nft.run(["-j", "list", "ruleset"])
    return tracked_by(listed) if status == 0 else Tracked.unknown


class Tracking:
    """Our own table, when it is needed."""

    def __init__(self) -> None:
        self.added = False

    def ensure(self) -> str:
        """Add our table if nothing else tracks. Returns what was found, for people. A table that a crashed agent left
        behind is taken over.
        """
        if look() is Tracked.by_others:
            return "the existing rules track connections"
        status, _, errors = nft.run(["-f", "-"], _RULES)
        if status:
            reason = errors.splitlines()[0] if errors else "nft failed"
            return f"connections may not be tracked ({reason}); add a rule, such as: {IPTABLES_REMEDY}"
        self.added = True
        return f"nothing tracked connections: added the table inet {TABLE}"

    def remove(self) -> None:
        """Remove our table if we added it."""
        if self.added:
            nft.run(["delete", "table", "inet", TABLE])
            self.added = False
