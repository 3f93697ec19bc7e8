"""Makes sure that the kernel tracks connections at all.

Without a rule that uses conntrack nothing is tracked in a network namespace. The agent then adds a table of its own with
one rule that matches connection states and does nothing, and removes it when it stops.
"""

import json
import shutil
import subprocess

TABLE = "meshtrail_track"
NFT_TIMEOUT_S = 20

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


def _nft(arguments: list[str], text: str | None = None) -> subprocess.CompletedProcess[str] | None:
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return None
    return subprocess.run([program, *arguments], input=text, capture_output=True, text=True, timeout=NFT_TIMEOUT_S, check=False)


def uses_conntrack(ruleset: str) -> bool:
    """Whether a ruleset (nft -j list ruleset) has a rule that uses conntrack; our own does not count."""
    found = json.loads(ruleset or "{}").get("nftables", [])
    rules = [each["rule"] for each in found if "rule" in each and each["rule"].get("table") != TABLE]
    return any(
        word in json.dumps(rule.get("expr", []))
        for rule in rules
        for word in ('"ct"', '"masquerade"', '"snat"', '"dnat"', '"redirect"', '"xt"')
    )


class Tracking:
    """Our own table, when it is needed."""

    def __init__(self) -> None:
        self.added = False

    def ensure(self) -> str:
        """Add our table if nothing else tracks. Returns what was found, for people."""
        listed = _nft(["-j", "list", "ruleset"])
        if listed is None:
            return "nft is not installed: whether connections are tracked is unknown"
        if listed.returncode == 0 and uses_conntrack(listed.stdout):
            return "the existing rules track connections"
        done = _nft(["-f", "-"], _RULES)
        if done is None or done.returncode:
            return (
                f"connections may not be tracked: {done.stderr.strip().splitlines()[0] if done and done.stderr else 'nft failed'}"
            )
        self.added = True
        return f"nothing tracked connections: added the table inet {TABLE}"

    def remove(self) -> None:
        """Remove our table if we added it."""
        if self.added:
            _nft(["delete", "table", "inet", TABLE])
            self.added = False
