"""Limits of the control store and of what it tells agents, with their units and reasons."""

NAME_CHARACTERS_MAX = 200
"""A name of a group, policy, network, resource or peer: more does not fit on a screen."""

DESCRIPTION_CHARACTERS_MAX = 2_000
"""A description: a paragraph, not a document."""

GROUPS_MAX = 5_000
"""Groups of one organisation: they are held in memory, with their members."""

POLICIES_MAX = 2_000
"""Policies of one organisation: each peer's map is computed from all of them at every change."""

POLICY_RULES_MAX = 100
"""Rules of one policy: all of them are one document, kept again with each version."""

PORTS_MAX = 200
"""Ports, or ranges of ports, of one rule."""

NETWORKS_MAX = 1_000
"""Networks of one organisation."""

RESOURCES_MAX = 10_000
"""Resources of one organisation: each is a rule on its routing peers."""

ROUTERS_MAX = 5_000
"""Routers of one organisation."""

MEMBERS_MAX = 20_000
"""Peers, or resources, of one group in a request."""

REFERENCES_MAX = 1_000
"""Groups that one rule, router, resource or key may name."""

ENROLMENT_KEYS_MAX = 5_000
"""Enrolment keys of one organisation, the spent ones too."""

ENROLMENT_KEY_LIFETIME_S_MAX = 10 * 365 * 86_400
"""Ten years; a key without an end is made by a lifetime of 0."""

PEERS_MAX = 20_000
"""Peers of one organisation: the next one is refused, and the reason is said."""

PEER_ADDRESSES_MAX = 256
"""Addresses that a peer may say it has."""

TOKEN_LIFETIME_S = 24 * 3600
"""Life of a peer's token. It is renewed by the peer's key, so it can be short."""

TOKEN_OVERLAP_S = 600
"""How long the token before the newest one works: what is under way with it arrives."""

CLOCK_SKEW_S_MAX = 300
"""Difference between a peer's clock and ours that a proof may have."""

SEEN_STEP_S = 60
"""How exactly the last sign of life of a peer is kept; each write costs a commit."""

CONNECTED_S = 180
"""A peer that said nothing for so long counts as not connected: it polls every minute."""

SNAPSHOTS_MAX = 256
"""Organisations whose inventory is held in memory; past it the oldest is read again when it is needed."""

SERIAL_MAX = 2**62
"""Largest serial that an agent may say it knows: what comes after it still fits 64 bits."""

WAIT_S_MAX = 55
"""Longest wait for a new network map: proxies close what is silent for a minute."""

WAITERS_MAX = 10_000
"""Peers of one organisation that wait for their map at the same time: each holds a connection."""

CHANGE_LINGER_S = 0.05
"""Time after a change before maps are computed: the changes of one script come together."""

WATCH_INTERVAL_S = 1.0
"""How often the size and time of the database's log are looked at for changes by other processes."""

FAILED_PROOFS_MAX = 20
"""Failed enrolments and renewals of one address within `FAILED_PROOFS_WINDOW_S`; after that it has to wait."""

FAILED_PROOFS_WINDOW_S = 600
"""Time after which a failure is forgotten."""

THROTTLED_ADDRESSES_MAX = 10_000
"""Addresses whose failures are remembered; past it the oldest is forgotten."""

OUTBOX_ROWS_MAX = 100_000
"""Audit events that may wait to be stored. Past it nothing can be changed any more: no change goes without its event."""

assert TOKEN_OVERLAP_S < TOKEN_LIFETIME_S
assert CHANGE_LINGER_S < WAIT_S_MAX < 60
