"""Counters of the resolver; no name of a person, peer or address."""

from prometheus_client import Counter

RESOLVED = Counter(
    "meshtrail_resolver_rows",
    "Rows without attribution that the resolver looked at, by what it found: rule, candidates, default_deny, default_allow, nothing.",
    ["found"],
)
SKIPPED = Counter(
    "meshtrail_resolver_skipped_rows",
    "Rows that the resolver did not look at, by cause: unknown_past (before anything is known of the organisation), busy (too many"
    " moments of the past at once).",
    ["cause"],
)
