"""Who asks: organisations, API tokens, browser sessions, and the tokens of peers. Secrets are kept as hashes only."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ForbiddenError, NotFoundError, PeerRemovedError, UnauthenticatedError
from meshtrail.control.database import Database
from meshtrail.control.groups import add_built_in_groups
from meshtrail.control.tables import organisations, peer_tokens, peers, sessions, sign_in_links, tokens

TOKEN_PREFIX = "mt_"
PEER_TOKEN_PREFIX = "mtp_"
SECRET_BYTES = 32
SESSION_S = 12 * 3600
"""A working day, then sign in again."""

SIGN_IN_LINK_S = 15 * 60
"""Time to walk from the terminal to the browser."""

LAST_USED_STEP_S = 60
"""How exactly a token's last use is known; each write costs a commit."""


class Scope(StrEnum):
    """What a token or session may do."""

    read = "read"
    """Read events and what the organisation has."""
    ingest = "ingest"
    """Send events."""
    admin = "admin"
    """Change what the organisation has: tokens, groups, policies, networks, peers, settings."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: an organisation and rights in it."""

    org_id: str
    scopes: frozenset[Scope]
    token_id: str | None = None
    peer_id: str | None = None
    """The peer whose token it is; it may then speak for this peer only."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant."""

    id: str
    name: str
    created_at: int
    """Microseconds."""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token without its secret. Times in microseconds."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    last_used_at: int | None


def hashed(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret(prefix: str) -> str:
    """A secret that nobody guesses, with a prefix that says what it is for."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in text.split())


class Identities:
    """Tokens, sessions and sign-in links. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add_organisation(self, name: str) -> str:
        """Make an organisation; returns its id."""
        with self._database.write() as transaction:
            return self._insert_organisation(transaction, name)

    def first_organisation(self, name: str = "main") -> tuple[str, bool]:
        """Id of the oldest organisation, made when there is none; and whether it was made now."""
        with self._database.write() as transaction:
            found = transaction.execute(select(organisations.c.id).order_by(organisations.c.created_at)).scalar()
            if found is not None:
                return str(found), False
            return self._insert_organisation(transaction, name), True

    def organisation(self, org_id: str) -> Organisation:
        """The organisation with this id; `NotFoundError` without one."""
        with self._database.read() as transaction:
            row = transaction.execute(select(organisations).where(organisations.c.id == org_id)).first()
        if row is None:
            raise NotFoundError(f"There is no organisation {org_id}.")
        return Organisation(row.id, row.name, row.created_at)

    def _insert_organisation(self, transaction: Connection, name: str) -> str:
        identifier = str(uuid.uuid4())
        now = self._clock()
        transaction.execute(insert(organisations).values(id=identifier, name=name, created_at=now))
        add_built_in_groups(transaction, now)
        return identifier

    def add_token(self, org_id: str, name: str, scopes: set[Scope], lifetime_s: int | None = None) -> tuple[str, str]:
        """Make a token; returns its id and its secret, which is shown this once."""
        secret = new_secret(TOKEN_PREFIX)
        identifier = str(uuid.uuid4())
        now = self._clock()
        with self._database.write() as transaction:
            transaction.execute(
                insert(tokens).values(
                    id=identifier,
                    org_id=org_id,
                    name=name,
                    hash=hashed(secret),
                    scopes=" ".join(sorted(scopes)),
                    created_at=now,
                    expires_at=None if lifetime_s is None else now + lifetime_s * 1_000_000,
                )
            )
        return identifier, secret

    def list_tokens(self, org_id: str) -> list[TokenInfo]:
        """The organisation's tokens, oldest first."""
        with self._database.read() as transaction:
            rows = transaction.execute(select(tokens).where(tokens.c.org_id == org_id).order_by(tokens.c.created_at))
            return [
                TokenInfo(row.id, row.name, tuple(row.scopes.split()), row.created_at, row.expires_at, row.last_used_at) for row in rows
            ]

    def delete_token(self, org_id: str, identifier: str) -> None:
        """Delete a token of the organisation; `NotFoundError` when it has no such token."""
        with self._database.write() as transaction:
            gone = transaction.execute(delete(tokens).where(tokens.c.org_id == org_id, tokens.c.id == identifier))
            if not gone.rowcount:
                raise NotFoundError(f"There is no token {identifier}.")

    def token_identity(self, secret: str) -> Identity:
        """Who holds the token; `UnauthenticatedError` when nobody does or it has expired."""
        if secret.startswith(PEER_TOKEN_PREFIX):
            return self._peer_identity(secret)
        now = self._clock()
        with self._database.read() as transaction:
            row = transaction.execute(select(tokens).where(tokens.c.hash == hashed(secret))).first()
        if row is None or (row.expires_at is not None and row.expires_at <= now):
            raise UnauthenticatedError("The token is unknown or has expired.", "Make one with: meshtrail token create")
        if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP_S * 1_000_000:
            with self._database.note() as transaction:
                transaction.execute(update(tokens).where(tokens.c.id == row.id).values(last_used_at=now))
        return Identity(row.org_id, _scopes(row.scopes), row.id)

    def _peer_identity(self, secret: str) -> Identity:
        with self._database.read() as transaction:
            row = transaction.execute(
                select(peer_tokens.c.org_id, peer_tokens.c.peer_id, peer_tokens.c.expires_at, peers.c.removed_at)
                .join(peers, (peers.c.org_id == peer_tokens.c.org_id) & (peers.c.id == peer_tokens.c.peer_id))
                .where(peer_tokens.c.hash == hashed(secret))
            ).first()
        if row is not None and row.removed_at is not None:
            raise PeerRemovedError(row.peer_id)
        if row is None or row.expires_at <= self._clock():
            raise UnauthenticatedError("The peer's token is unknown or has expired.", "The peer renews it: POST /api/v1/agent/token")
        return Identity(row.org_id, frozenset({Scope.ingest}), None, row.peer_id)

    def add_sign_in_link(self, org_id: str) -> str:
        """Make a one-time code for `/sign-in/{code}`."""
        code = secrets.token_urlsafe(SECRET_BYTES)
        expires = self._clock() + SIGN_IN_LINK_S * 1_000_000
        with self._database.write() as transaction:
            transaction.execute(insert(sign_in_links).values(hash=hashed(code), org_id=org_id, expires_at=expires))
        return code

    def use_sign_in_link(self, code: str) -> str:
        """Turn a code into a session; returns the session's secret. A code works once and for a short time."""
        now = self._clock()
        with self._database.write() as transaction:
            used = transaction.execute(
                update(sign_in_links)
                .where(sign_in_links.c.hash == hashed(code), sign_in_links.c.used_at.is_(None), sign_in_links.c.expires_at > now)
                .values(used_at=now)
            )
            if not used.rowcount:
                raise UnauthenticatedError("The sign-in link was used before or has expired.", "Make a new one with: meshtrail token link")
            row = transaction.execute(select(sign_in_links).where(sign_in_links.c.hash == hashed(code))).one()
        return self.add_session(Identity(row.org_id, frozenset(Scope)))

    def add_session(self, identity: Identity) -> str:
        """Start a session with the identity's rights; returns its secret. A peer gets none: it would not be bound to it."""
        if identity.peer_id is not None:
            raise ForbiddenError("A peer's token starts no session.", "Use an API token.")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock()
        with self._database.write() as transaction:
            transaction.execute(delete(sessions).where(sessions.c.expires_at <= now))
            transaction.execute(
                insert(sessions).values(
                    hash=hashed(secret),
                    org_id=identity.org_id,
                    scopes=" ".join(sorted(identity.scopes)),
                    created_at=now,
                    expires_at=now + SESSION_S * 1_000_000,
                )
            )
        return secret

    def session_identity(self, secret: str) -> Identity:
        """Who the session belongs to; `UnauthenticatedError` when it is over."""
        with self._database.read() as transaction:
            row = transaction.execute(select(sessions).where(sessions.c.hash == hashed(secret))).first()
        if row is None or row.expires_at <= self._clock():
            raise UnauthenticatedError("The session is over.", "Sign in again.")
        return Identity(row.org_id, _scopes(row.scopes))

    def end_session(self, secret: str) -> None:
        """End the session, if it exists."""
        with self._database.write() as transaction:
            transaction.execute(delete(sessions).where(sessions.c.hash == hashed(secret)))
