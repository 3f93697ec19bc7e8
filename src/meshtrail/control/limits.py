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

VIEWS_PER_USER_MAX = 100
"""Saved views of one user: they are a menu, not an archive."""

VIEWS_SHARED_MAX = 200
"""Saved views of one organisation that everybody sees in that menu, below their own."""

VIEW_NAME_CHARACTERS_MAX = 80
"""A saved view's name: a line of the menu on a phone wraps once."""

VIEW_QUERY_CHARACTERS_MAX = 16_384
"""The query string of a saved view: a link that browsers and proxies pass on."""

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
"""How often the size and time of SQLite's log are looked at for changes by other processes; with PostgreSQL, the pause before
listening again when the connection was lost."""

WATCH_PROOF_S = 15.0
"""Silence on the connection that listens to PostgreSQL after which it has to prove that it is still there."""

WRITE_WAIT_S_MAX = 5
"""How long a write waits for its turn, or anybody for a connection to the database, before the answer is 503."""

CONNECT_S_MAX = 5
"""How long the PostgreSQL server may take to let us in: longer than a slow network, shorter than a person's patience."""

STATEMENT_S_MAX = 30
"""Longest statement in PostgreSQL: none of ours takes a second unless something is wrong, and then it should not pile up."""

TRANSACTION_IDLE_S_MAX = 60
"""How long a transaction in PostgreSQL may do nothing: a server that hangs does not keep others from writing for ever."""

MIGRATION_S_MAX = 3_600
"""Longest step that changes tables in PostgreSQL, and the longest wait for others to finish before it."""

CONNECTIONS_READ_MAX = 8
"""Connections to PostgreSQL for reading, by each server: a read takes about a millisecond."""

CONNECTIONS_WRITE_MAX = 4
"""Connections to PostgreSQL for writing, by each server: writes of one organisation come one after another anyway. One more
listens."""

FAILED_PROOFS_MAX = 20
"""Failed enrolments and renewals of one address within `FAILED_PROOFS_WINDOW_S`; after that it has to wait."""

FAILED_PROOFS_WINDOW_S = 600
"""Time after which a failure is forgotten."""

THROTTLED_ADDRESSES_MAX = 10_000
"""Addresses whose failures are remembered; past it the oldest is forgotten."""

MEMBER_EVENTS_MAX = 200
"""Members that come into or leave a group in one step with an audit event each; more are told together."""

MEMBERS_PER_EVENT_MAX = 1_000
"""Ids of members in one audit event: about 30 KB, which a value of an event may have."""

DOCUMENT_BYTES_MAX = 16 * 1_048_576
"""An inventory as one document: 10,000 resources and as many members take about 5 MB."""

IDEMPOTENCY_KEY_S = 24 * 3600
"""How long an `Idempotency-Key` stands for what was made with it: who asks again does so within the hour."""

IDEMPOTENCY_KEYS_MAX = 10_000
"""Such keys of one organisation: as many things as can be made in a day by hand and by scripts."""

OUTBOX_ROWS_MAX = 100_000
"""Audit events that may wait to be stored. Past it nothing can be changed any more: no change goes without its event."""

OUTBOX_BATCH_ROWS = 256
"""Audit events that are taken to the store at once: at their largest some 100 MB in memory."""

OUTBOX_INTERVAL_S = 1.0
"""How often the outbox is looked at unasked: commands on the server's machine write to it too."""

OUTBOX_RETRY_S = 1.0
OUTBOX_RETRY_S_MAX = 30.0
"""Pause after the store did not take events; it doubles up to the larger one."""

OUTBOX_REFUSED_RETRY_S = 3_600
"""Pause after which events that the store refused are tried again, as after each start: those from a clock that ran ahead fit then."""

USERS_MAX = 20_000
"""Users of one organisation: the list is one answer."""

EMAIL_CHARACTERS_MAX = 320
"""The longest address that can exist (RFC 3696, erratum 1690)."""

TOKENS_PER_USER_MAX = 100
"""Tokens of one user."""

TOKENS_MAX = 1_000
"""Tokens of an organisation that belong to no user."""

SESSIONS_PER_USER_MAX = 50
"""Sessions of one user, or of one token, at the same time: browsers of a person. The next one ends the oldest."""

SESSION_S = 12 * 3600
"""A working day, then sign in again."""

SIGN_IN_LINK_S = 15 * 60
"""Time to walk from the terminal to the browser."""

INVITE_S = 3 * 86_400
"""Time to find an invitation, over a weekend."""

LAST_USED_STEP_S = 60
"""How exactly a token's last use is known; each write costs a commit."""

PASSWORD_CHARACTERS_MIN = 12
"""Shortest password. Length is what counts (NIST SP 800-63B); kinds of characters are not asked for."""

PASSWORD_CHARACTERS_MAX = 256
"""Longest password: sentences fit, and nobody lets us hash megabytes."""

ARGON2_MEMORY_KIB = 64 * 1024
"""Memory of one password's hash, 64 MiB: the second recommended option of RFC 9106 (section 4), for servers without 2 GiB to spare."""

ARGON2_PASSES = 3
"""Passes over that memory, of the same option: about 0.2 s on one core."""

ARGON2_LANES = 4
"""Parallel lanes, of the same option."""

PASSWORD_HASHES_MAX = 2
"""Passwords that are hashed at the same time: 128 MiB at the most, in a server that is to stay below 450 MB."""

PASSWORD_WAIT_S = 10
"""Longest wait for a place among them; then the caller is told to try again."""

SIGN_INS_WAITING_MAX = 32
"""Sign-ins that wait for their turn: 32 take about four seconds. The next one is told to try again."""

SIGN_IN_CANDIDATES_MAX = 8
"""Users of one e-mail address, each in an organisation of its own, whose passwords are tried."""

SIGN_IN_FAILURES_MAX = 10
"""Failed sign-ins for one e-mail address within `SIGN_IN_WINDOW_S`, whether somebody has it or not."""

SIGN_IN_FAILURES_OF_ADDRESS_MAX = 30
"""Failed sign-ins from one network address within `SIGN_IN_WINDOW_S`: an office of people behind one address mistypes."""

SIGN_IN_WINDOW_S = 900
"""Time after which a failed sign-in is forgotten: ten guesses in fifteen minutes are 350,000 a year, far from any password that is
taken."""

assert TOKEN_OVERLAP_S < TOKEN_LIFETIME_S
REFUSAL_WINDOW_S = 600
"""Refused attempts of one initiator at one route within this time are told together, after the first few."""

REFUSALS_TOLD_SINGLY = 5
"""Those first few: a person's mistakes are told one by one, a program's loop is counted."""

REFUSAL_EVENTS_MAX = 600
"""Events about refused attempts of one organisation in a window, above which they are only counted: a flood of them from ever new
addresses fills neither the store nor the list."""

READING_WINDOW_S = 900
"""Readings of one log by one initiator within this time are told together, after the first one."""

READING_EVENTS_MAX = 2_000
"""Events about readings of one organisation in a window: each is of a person or token that was let in."""

WITNESS_KEYS_MAX = 5_000
"""Initiators and routes that are kept apart at the same time: 30 MB at the worst."""

WITNESS_DETAILS_MAX = 10
"""Different paths, or filters, that an event tells which stands for many attempts or readings."""

WITNESS_PENDING_MAX = 5_000
"""Events that wait to be written to the outbox; further ones are lost and counted, which happens when the database is away."""

WITNESS_BATCH = 500
"""Such events in one transaction: others wait for it."""

WITNESS_INTERVAL_S = 1.0
"""Pause after the outbox took none."""

WITNESS_TURN_S = 5.0
"""How often it is looked for windows that are over."""

assert REFUSALS_TOLD_SINGLY < REFUSAL_EVENTS_MAX
assert REFUSAL_EVENTS_MAX + READING_EVENTS_MAX < OUTBOX_ROWS_MAX
assert OUTBOX_BATCH_ROWS < OUTBOX_ROWS_MAX
assert OUTBOX_RETRY_S <= OUTBOX_RETRY_S_MAX
assert CHANGE_LINGER_S < WAIT_S_MAX < 60
assert PASSWORD_HASHES_MAX * ARGON2_MEMORY_KIB <= 128 * 1024
assert SIGN_IN_FAILURES_MAX < SIGN_IN_FAILURES_OF_ADDRESS_MAX
