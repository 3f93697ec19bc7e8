"""Tables of the relational store. All times are microseconds since the epoch.

A change here needs a revision that makes it so in stores that are there: `make revision NAME="peers have colours"` writes
it, to be read and committed with the change.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()


def _org_id() -> Column[str]:
    return Column("org_id", String(36), ForeignKey("organisations.id"), primary_key=True)


organisations = Table(
    "organisations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="0"),
)
"""Tenants. `revision` grows with every change of what the organisation has."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("org_id", String(36), ForeignKey("organisations.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("user_id", String(36)),
    Column("created_by", String(200)),
    ForeignKeyConstraint(["org_id", "user_id"], ["users.org_id", "users.id"], name="tokens_of_users"),
    Index("tokens_by_user", "org_id", "user_id"),
)
"""API tokens; `hash` is SHA-256 of the secret, `scopes` are words joined by blanks. A token with a `user_id` is a user's own and
has no more rights than the user; without scopes it has all of them. One without is the organisation's."""

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("org_id", String(36), ForeignKey("organisations.id"), nullable=False),
    Column("user_id", String(36)),
    Column("token_id", String(36)),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("address", String(100)),
    Column("user_agent", String(500)),
    ForeignKeyConstraint(["org_id", "user_id"], ["users.org_id", "users.id"]),
    ForeignKeyConstraint(["token_id"], ["tokens.id"]),
    Index("sessions_by_user", "org_id", "user_id"),
    Index("sessions_by_token", "token_id"),
)
"""Browser sessions, of a user or of an API token; the cookie holds the secret of which `hash` is SHA-256. `id` may be shown."""

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("org_id", String(36), ForeignKey("organisations.id"), nullable=False),
    Column("user_id", String(36), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    ForeignKeyConstraint(["org_id", "user_id"], ["users.org_id", "users.id"]),
)
"""One-time links printed in the terminal; each signs one user in."""

peers = Table(
    "peers",
    metadata,
    _org_id(),
    Column("id", String(200), primary_key=True),
    Column("facts", String, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("name", String(200)),
    Column("public_key", LargeBinary),
    Column("enrolled_at", BigInteger),
    Column("enrolment_key_id", String(36)),
    Column("proved_at", BigInteger),
    Column("removed_at", BigInteger),
    Column("claims", String),
)
"""Machines that report. `facts` (JSON) is what an agent said of its machine last. A peer has a `public_key` (Ed25519): the
others only report, with an API token. `name` is what people call the peer; `proved_at` the peer's own time of its newest
proof, so that none counts twice; `claims` (JSON) since when it says that it has which address."""

peer_tokens = Table(
    "peer_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("org_id", String(36), nullable=False),
    Column("peer_id", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["org_id", "peer_id"], ["peers.org_id", "peers.id"]),
    Index("peer_tokens_by_peer", "org_id", "peer_id"),
)
"""Tokens of peers. A removed peer's stay until they expire, so that it is told why it is refused."""

network_map_serials = Table(
    "network_map_serials",
    metadata,
    _org_id(),
    Column("peer_id", String(200), primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""The serial of each peer's map, and SHA-256 of its content: a restart of the server changes no serial."""

enrolment_keys = Table(
    "enrolment_keys",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("hint", String(20), nullable=False),
    Column("reusable", Boolean, nullable=False),
    Column("usage_limit", Integer, nullable=False),
    Column("used_times", Integer, nullable=False),
    Column("auto_groups", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)
"""Keys that turn a machine into a peer (NetBird: setup keys); `hash` is SHA-256 of the key, `hint` its first characters.
A `usage_limit` of 0 is none."""

groups = Table(
    "groups",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("built_in", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("groups_by_name", "org_id", "name", unique=True),
)
"""Groups of peers and resources. The built-in one, `All`, holds every peer without saying so in `group_peers`."""

group_peers = Table("group_peers", metadata, _org_id(), Column("group_id", String(36), primary_key=True),
                    Column("peer_id", String(200), primary_key=True))  # fmt: skip
"""Which peers are in which groups."""

group_resources = Table("group_resources", metadata, _org_id(), Column("group_id", String(36), primary_key=True),
                        Column("resource_id", String(36), primary_key=True))  # fmt: skip
"""Which resources are in which groups."""

policies = Table(
    "policies",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("document", String, nullable=False),
)
"""Policies as they are now; `document` is the policy with its rules (JSON of `inventory.Policy`)."""

policy_versions = Table(
    "policy_versions",
    metadata,
    _org_id(),
    Column("policy_id", String(36), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", String, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger),
)
"""Every version that a policy ever had, and when it was in force; rows are added and closed, never changed or deleted."""

networks = Table(
    "networks",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("description", String, nullable=False),
    Column("default_action", String(10)),
    Column("created_at", BigInteger, nullable=False),
)
"""Networks behind routing peers; `default_action` is null where the overlay's default holds."""

resources = Table(
    "resources",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("network_id", String(36), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", String, nullable=False),
    Column("type", String(10), nullable=False),
    Column("address", String(300), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""What stands in a network: a host or subnet (CIDR), or a domain."""

routers = Table(
    "routers",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("network_id", String(36), nullable=False),
    Column("peer_id", String(200)),
    Column("peer_groups", String, nullable=False),
    Column("metric", Integer, nullable=False),
    Column("masquerade", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""Which peer, or the peers of which groups (JSON list), lead into a network."""

settings = Table("settings", metadata, _org_id(), Column("document", String, nullable=False),
                 Column("updated_at", BigInteger, nullable=False))  # fmt: skip
"""What an organisation has set (JSON of `inventory.Settings`); without a row all is as it comes."""

outbox = Table(
    "outbox",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("org_id", String(36), nullable=False),
    Column("event_id", String(36), nullable=False, unique=True),
    Column("occurred_at", BigInteger, nullable=False),
    Column("document", String, nullable=False),
    Column("refused", String),
    sqlite_autoincrement=True,
)
"""Audit events on their way to the store, in the order of their changes; `document` is the event (JSON), `refused` why the
store would not have it. A row is deleted when the event is durable there; its number is never given again."""

users = Table(
    "users",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("email", String(320)),
    Column("email_key", String(320), index=True),
    Column("role", String(20), nullable=False),
    Column("auto_groups", String, nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("blocked_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(200)),
    Column("last_login_at", BigInteger),
    Column("issuer", String(500)),
    Column("subject", String(300)),
    Column("claimed_groups", String, nullable=False),
    Index("users_by_email", "org_id", "email_key", unique=True),
    Index("users_by_subject", "org_id", "issuer", "subject", unique=True),
)
"""Users: `local` with a password, `external` ones of an identity provider (issuer and subject), and `service` users for programs.
`email_key` is the address in the form that is compared. A `pending` user waits to be let in."""

passwords = Table(
    "passwords",
    metadata,
    _org_id(),
    Column("user_id", String(36), primary_key=True),
    Column("hash", String(200), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["org_id", "user_id"], ["users.org_id", "users.id"]),
)
"""Passwords of local users (argon2id, encoded with its parameters), apart from the users, so that no list of them holds one."""

views = Table(
    "views",
    metadata,
    _org_id(),
    Column("id", String(36), primary_key=True),
    Column("owner_id", String(36), nullable=False),
    Column("family", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("query", String, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("views_by_name", "org_id", "owner_id", "family", "name", unique=True),
)
"""Saved views of lists. The owner is a user, or a token of the organisation; a shared view stays when its owner goes. `query` is
the query string of the list's address."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _org_id(),
    Column("actor_id", String(200), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("made", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""Keys that came with creates (SHA-256), of which request (SHA-256), and the id of what was made; each for a day."""

versions = Table("schema_version", metadata, Column("version", Integer, primary_key=True))
