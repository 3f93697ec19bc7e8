"""Limits of enforcement, with their units and reasons."""

NFT_TIMEOUT_S = 20.0
"""One run of nft: listing or loading many thousand rules takes a second."""

NFT_OUTPUT_BYTES_MAX = 128 * 1024**2
"""What nft may list: a rule takes some 350 bytes, so a third of a million rules."""

NFT_BISECT_RUNS_MAX = 16
"""Dry runs to find the statement that the kernel refused; they halve what is left, so 65,536 statements."""

SETS_CHANGED_MAX = 1_000
"""Sets that a change of rules makes and removes one by one; the kernel walks over all others for each, so that with more it
is faster to make the whole table again."""

GOVERNED_MAX = 1_000
"""Kinds of governed traffic in a map; each new connection is compared with all of them."""

NETWORKS_MAX = 1_000_000
"""Networks in all rules of a map together: what compiles within some seconds and 200 MB."""

DOMAINS_MAX = 1_000
"""Names that are resolved; above it names are left out, counted."""

DOMAIN_ADDRESSES_MAX = 256
"""Addresses of one name that are in force at a time."""

DOMAIN_INTERVAL_S = 60.0
"""Time between two lookups of a name."""

DOMAIN_RETRY_S = 10.0
"""The same while a name has never been found."""

DOMAIN_KEEP_S = 600.0
"""How long an address that a name no longer has stays in force: programs remember answers longer than they should."""

DOMAIN_THREADS = 4
"""Lookups at the same time: a dead name server holds each for ten seconds."""

DENIALS_PER_S_MAX = 500
"""Denied packets that are logged each second; above it they are counted only."""

DENIALS_BURST = 1_000
"""Denied packets that are logged at once after a quiet time."""

LOG_BYTES = 96
"""Bytes of a denied packet that are logged: headers of IPv6 and TCP with room for extensions."""

LOG_BATCH = 64
"""Denied packets that the kernel collects before it wakes the reader."""

NUMBERS_MAX = 65_535
"""Rule numbers in use at a time, however wide the mask."""

HISTORY_MAX = 20_000
"""Meanings of numbers that are remembered, so that a connection of last week is still attributed; five megabytes of file."""

PREFIXES_MAX = 40_000
"""Prefixes that are remembered: four maps of the largest size."""

MEANING_SLACK_US = 2_000_000
"""How long before its first meaning a number already means it: the clocks of kernel and agent are read at different moments."""

STATE_BYTES_MAX = 64 * 1024**2
"""A file of state that is larger is not ours."""

TRIAL_S = 30.0
"""How long a new map is in force before the server must have answered over it."""

TRIAL_AGAIN_S_MIN, TRIAL_AGAIN_S_MAX = 60.0, 3_600.0
"""Wait before a map that was taken back is tried again, doubled each time."""

WATCH_SETTLE_S = 0.2
"""Wait after the first word of changed rules: a change is often several transactions."""

WATCH_TIME_SHARE_MAX = 0.05
"""Share of one core that looking at changed rules may take over time."""

WATCH_BYTES = 262_144
"""Asked socket buffer for the watch: two hundred generations while the reader stalls; more are one overrun."""

PROGRAM_ATTEMPTS_MAX = 3
"""Times that rules are loaded when another program changes its own at the same moment, so that what is compared later is ours."""

PROGRAM_AGAIN_S_MIN, PROGRAM_AGAIN_S_MAX = 1.0, 60.0
"""Wait before rules that the kernel refused are loaded again, doubled each time."""

WAKE_BYTES = 4_096
"""Words to wake up that are read at once; more only mean another turn."""

TURN_S = 1.0
"""Longest wait of the firewall's thread: a stop is noticed this soon at the latest."""

STOP_S_MAX = 25.0
"""Wait for the firewall's thread at the end: a run of nft may have to end first."""

VERSIONS_MAX = 64
"""Rulesets of others that are remembered, the newest."""

OBSERVED_MAX = 20_000
"""Rules of others that are remembered in one version; more are counted and not attributed."""

ENVELOPE_BYTES_MAX = 64 * 1024**2
"""An envelope: a map of the largest size has some ten megabytes."""

assert TRIAL_AGAIN_S_MIN > TRIAL_S
assert DOMAIN_RETRY_S < DOMAIN_INTERVAL_S < DOMAIN_KEEP_S
assert STOP_S_MAX > NFT_TIMEOUT_S
