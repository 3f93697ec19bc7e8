"""What may be done, and which role may do it.

A *permission* is one word for one kind of right; every route names the one it needs. A *role* is a set of permissions that a
user has. A token names *scopes*: permissions, or the old bundles of them. What a request may do is what its token's scopes and
its user's role have in common at that moment, so that a token never outlives a right.
"""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """One right. The words are written to disk (scopes of tokens): never change one, only add."""

    doc: str
    """What it allows, in a sentence."""

    def __new__(cls, word: str, doc: str = "") -> "Permission":
        """A member: its value is the word."""
        member = str.__new__(cls, word)
        member._value_, member.doc = word, doc
        return member

    profile_read = "profile.read", "Read one's own user, tokens and sessions."
    profile_write = "profile.write", "Change one's own password; make and delete one's own tokens; end one's own sessions."
    traffic_read = "traffic.read", "Read connections and denied attempts, and follow them live."
    audit_read = "audit.read", "Read audit events: who changed or read what, from where."
    export = (
        "export",
        "Take events out in bulk, as files. No route asks for it yet: who may read a log may read all of it, and it is recorded.",
    )
    collectors_read = "collectors.read", "Read who reports, how each stands, and the state of the server."
    peers_read = "peers.read", "Read peers."
    peers_write = "peers.write", "Rename and remove peers."
    groups_read = "groups.read", "Read groups."
    groups_write = "groups.write", "Make, change and delete groups."
    policies_read = "policies.read", "Read policies, and ask what they would allow."
    policies_write = "policies.write", "Make, change and delete policies."
    networks_read = "networks.read", "Read networks with their resources and routers."
    networks_write = "networks.write", "Make, change and delete networks, resources and routers."
    enrolment_keys_read = "enrolment_keys.read", "Read enrolment keys, without their secrets."
    enrolment_keys_write = "enrolment_keys.write", "Make, change and delete enrolment keys: with one a machine becomes a peer."
    settings_read = "settings.read", "Read the settings of the organisation."
    settings_write = "settings.write", "Change the settings of the organisation: what is collected, and whether policies are enforced."
    users_read = "users.read", "Read all users."
    users_write = "users.write", "Make, change, block and delete users with no more rights than one's own; set their passwords."
    approve = "approve", "Let in users, or turn away those, that wait for it."
    tokens_read = "tokens.read", "Read the tokens of the organisation and of service users, without their secrets."
    tokens_write = "tokens.write", "Make and delete tokens of the organisation and of service users, with no more rights than one's own."
    views_share = "views.share", "Share saved views with everybody of the organisation; change and delete shared ones, whoever made them."
    ingest = "ingest", "Send events, and say what a machine is called."
    delete_logs = "delete_logs", "Delete events before their time. No route does so yet."
    organisation_write = "organisation.write", "Rename the organisation, give it another owner, delete it. No route does so yet."


class Role(StrEnum):
    """A set of permissions with a name; the words are NetBird's."""

    owner = "owner"
    admin = "admin"
    network_admin = "network_admin"
    auditor = "auditor"
    user = "user"


class Scope(StrEnum):
    """Bundles of permissions for tokens. Each permission is in exactly one of them."""

    read = "read"
    """Read events of the network and what the organisation has."""
    ingest = "ingest"
    """Send events."""
    admin = "admin"
    """Read the rest, and change what the organisation has."""


P = Permission
ALL_PERMISSIONS = frozenset(Permission)

_PROFILE = frozenset({P.profile_read, P.profile_write})
_NETWORK_READ = frozenset({P.peers_read, P.groups_read, P.policies_read, P.networks_read, P.enrolment_keys_read, P.settings_read})

ROLES: dict[Role, frozenset[Permission]] = {
    Role.owner: ALL_PERMISSIONS,
    Role.admin: ALL_PERMISSIONS - {P.organisation_write, P.delete_logs},
    Role.network_admin: _PROFILE
    | _NETWORK_READ
    | {P.traffic_read, P.collectors_read, P.audit_read, P.users_read, P.groups_write, P.policies_write, P.networks_write},
    Role.auditor: _PROFILE | _NETWORK_READ | {P.traffic_read, P.audit_read, P.export, P.collectors_read, P.users_read, P.tokens_read},
    Role.user: _PROFILE,
}
"""What each role may do."""

ROLE_NOTES: dict[Role, str] = {
    Role.owner: "Everything. Every organisation has at least one owner who can sign in.",
    Role.admin: "Everything but what destroys evidence or gives the organisation away.",
    Role.network_admin: "Groups, policies and networks; reads the rest of the network and its events.",
    Role.auditor: "Reads and exports everything, changes nothing.",
    Role.user: "Their own profile.",
}

BUNDLES: dict[Scope, frozenset[Permission]] = {
    Scope.read: _NETWORK_READ | {P.profile_read, P.traffic_read, P.collectors_read},
    Scope.ingest: frozenset({P.ingest}),
    Scope.admin: ALL_PERMISSIONS - _NETWORK_READ - {P.profile_read, P.traffic_read, P.collectors_read, P.ingest},
}
"""What the bundles stand for. `read` is what it was before audit events and users could be read: a token that was made then
shows no more today."""

_WORDS = {**{word.value: frozenset({word}) for word in Permission}, **{scope.value: BUNDLES[scope] for scope in Scope}}
SCOPE_WORDS = frozenset(_WORDS)
"""Words that a token's scopes may be."""


def permissions_of(words: Iterable[str]) -> frozenset[Permission]:
    """What scopes allow. A word that nobody knows allows nothing: a newer release may have written it."""
    return frozenset().union(*(_WORDS.get(word, frozenset()) for word in words))


assert frozenset().union(*BUNDLES.values()) == ALL_PERMISSIONS
assert sum(map(len, BUNDLES.values())) == len(ALL_PERMISSIONS), "the bundles do not overlap"
