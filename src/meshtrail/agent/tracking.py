"""Makes sure that the kernel tracks connections at all.

Without a rule that uses conntrack nothing is tracked in a network namespace. The agent then adds a table of its own with
one rule that matches connection states and does nothing, and removes it when it stops. Where it cannot tell whether some
rule tracks (iptables extensions that nft does not name), it adds the table too: it harms nothing. When rules are flushed while
the agent runs, what tracked may be gone: whenever rules have changed, it looks again.
"""

import json
import logging
import time
from enum import StrEnum
from typing import Any

from meshtrail.agent.firewall import limits, nft, ruleset
from meshtrail.agent.firewall.watch import Watch

_LOG = logging.getLogger(__name__)
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
    status, listed, _ = nft.run(["-j", "-t", "list", "ruleset"])
    return tracked_by(listed) if status == 0 else Tracked.unknown


class Tracking:
    """Our own table, when it is needed. `keep` does nothing before `ensure`."""

    def __init__(self) -> None:
        self.added = False
        self._watch: Watch | None = None
        self._look_s = 0.0

    def ensure(self) -> str:
        """Add our table if nothing else tracks. Returns what was found, for people. A table that a crashed agent left
        behind is taken over.
        """
        if self._watch is None:
            self._watch = Watch()
        if look() is Tracked.by_others:
            return "the existing rules track connections"
        return self._add()

    def _add(self) -> str:
        status, _, errors = nft.run(["-f", "-"], _RULES)
        if status:
            reason = errors.splitlines()[0] if errors else "nft failed"
            return f"connections may not be tracked ({reason}); add a rule, such as: {IPTABLES_REMEDY}"
        self.added = True
        return f"nothing tracked connections: added the table inet {TABLE}"

    def keep(self) -> bool:
        """Look again if rules have changed; whether nothing tracked any more. A look that has to wait, because looks would take
        too large a share of the time, is made later. OSError when the kernel does not tell of changes."""
        if self._watch is None or time.monotonic() < self._look_s or self._watch.read() == ([], False):
            return False
        began_s = time.monotonic()
        gone = not self._is_there() and look() is Tracked.by_nobody
        if gone:
            _LOG.warning("nobody tracked connections any more, somebody took the rule away; %s", self._add())
        now_s = time.monotonic()
        self._look_s = now_s + (now_s - began_s) / limits.WATCH_TIME_SHARE_MAX
        return gone

    def _is_there(self) -> bool:
        """Whether our table is; asked first, because it is cheaper than a look at all rules."""
        return self.added and "ct state" in nft.run(["list", "table", "inet", TABLE]).output

    def remove(self) -> None:
        """Remove our table if we added it, and look no more."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self.added:
            nft.run(["delete", "table", "inet", TABLE])
            self.added = False
