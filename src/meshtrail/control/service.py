"""The relational store and what may be asked of it."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
from sqlalchemy import Engine, create_engine, delete, event, insert, select, update

from meshtrail.common.clock import Clock, wall_clock
from meshtrail.common.errors import NotFoundError, UnauthenticatedError, UnavailableError
from meshtrail.control.tables import metadata, organisations, peers, sessions, sign_in_links, tokens, versions
from meshtrail.enrich.directory import Directory, Peer

VERSION = 1
"""Version of the tables."""

TOKEN_PREFIX = "mt_"
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
    """Read events."""
    ingest = "ingest"
    """Send events."""
    admin = "admin"
    """Make and delete tokens."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: an organisation and rights in it."""

    org_id: str
    scopes: frozenset[Scope]
    token_id: str | None = None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token without its secret. Times in microseconds."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    last_used_at: int | None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in text.split())


class Control:
    """Organisations, tokens, sessions, peers. Thread-safe; every call is one transaction."""

    def __init__(self, path: Path, clock: Clock = wall_clock) -> None:
        self._path = path
        self._clock = clock
        self._engine: Engine | None = None

    def open(self) -> None:
        """Open the database and bring its tables to this release's version."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{self._path}")
        event.listen(engine, "connect", _configure)
        self._engine = engine
        metadata.create_all(engine)
        with engine.begin() as transaction:
            found = transaction.execute(select(versions.c.version)).scalar()
            if found is None:
                transaction.execute(insert(versions).values(version=VERSION))
            elif found > VERSION:
                raise UnavailableError(f"{self._path} has version {found}, this release knows {VERSION}: install the newer release again.")

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def _db(self) -> Engine:
        if self._engine is None:
            raise UnavailableError("The control store is not open.")
        return self._engine

    def first_organisation(self, name: str = "main") -> tuple[str, bool]:
        """Id of the oldest organisation, made when there is none; and whether it was made now."""
        with self._db.begin() as transaction:
            found = transaction.execute(select(organisations.c.id).order_by(organisations.c.created_at)).scalar()
            if found is not None:
                return str(found), False
            identifier = str(uuid.uuid4())
            transaction.execute(insert(organisations).values(id=identifier, name=name, created_at=self._clock()))
            return identifier, True

    def add_organisation(self, name: str) -> str:
        """Make an organisation; returns its id."""
        identifier = str(uuid.uuid4())
        with self._db.begin() as transaction:
            transaction.execute(insert(organisations).values(id=identifier, name=name, created_at=self._clock()))
        return identifier

    def add_token(self, org_id: str, name: str, scopes: set[Scope], lifetime_s: int | None = None) -> tuple[str, str]:
        """Make a token; returns its id and its secret, which is shown this once."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        identifier = str(uuid.uuid4())
        now = self._clock()
        with self._db.begin() as transaction:
            transaction.execute(
                insert(tokens).values(
                    id=identifier,
                    org_id=org_id,
                    name=name,
                    hash=_hash(secret),
                    scopes=" ".join(sorted(scopes)),
                    created_at=now,
                    expires_at=None if lifetime_s is None else now + lifetime_s * 1_000_000,
                )
            )
        return identifier, secret

    def list_tokens(self, org_id: str) -> list[TokenInfo]:
        """The organisation's tokens, oldest first."""
        with self._db.begin() as transaction:
            rows = transaction.execute(select(tokens).where(tokens.c.org_id == org_id).order_by(tokens.c.created_at))
            return [
                TokenInfo(row.id, row.name, tuple(row.scopes.split()), row.created_at, row.expires_at, row.last_used_at) for row in rows
            ]

    def delete_token(self, org_id: str, identifier: str) -> None:
        """Delete a token of the organisation; `NotFoundError` when it has no such token."""
        with self._db.begin() as transaction:
            gone = transaction.execute(delete(tokens).where(tokens.c.org_id == org_id, tokens.c.id == identifier))
            if not gone.rowcount:
                raise NotFoundError(f"There is no token {identifier}.")

    def token_identity(self, secret: str) -> Identity:
        """Who holds the token; `UnauthenticatedError` when nobody does or it has expired."""
        now = self._clock()
        with self._db.begin() as transaction:
            row = transaction.execute(select(tokens).where(tokens.c.hash == _hash(secret))).first()
            if row is None or (row.expires_at is not None and row.expires_at <= now):
                raise UnauthenticatedError("The token is unknown or has expired.", "Make one with: meshtrail token create")
            if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP_S * 1_000_000:
                transaction.execute(update(tokens).where(tokens.c.id == row.id).values(last_used_at=now))
        return Identity(row.org_id, _scopes(row.scopes), row.id)

    def add_sign_in_link(self, org_id: str) -> str:
        """Make a one-time code for `/sign-in/{code}`."""
        code = secrets.token_urlsafe(SECRET_BYTES)
        expires = self._clock() + SIGN_IN_LINK_S * 1_000_000
        with self._db.begin() as transaction:
            transaction.execute(insert(sign_in_links).values(hash=_hash(code), org_id=org_id, expires_at=expires))
        return code

    def use_sign_in_link(self, code: str) -> str:
        """Turn a code into a session; returns the session's secret. A code works once and for a short time."""
        now = self._clock()
        with self._db.begin() as transaction:
            used = transaction.execute(
                update(sign_in_links)
                .where(sign_in_links.c.hash == _hash(code), sign_in_links.c.used_at.is_(None), sign_in_links.c.expires_at > now)
                .values(used_at=now)
            )
            if not used.rowcount:
                raise UnauthenticatedError("The sign-in link was used before or has expired.", "Make a new one with: meshtrail token link")
            row = transaction.execute(select(sign_in_links).where(sign_in_links.c.hash == _hash(code))).one()
        return self.add_session(Identity(row.org_id, frozenset(Scope)))

    def add_session(self, identity: Identity) -> str:
        """Start a session with the identity's rights; returns its secret."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock()
        with self._db.begin() as transaction:
            transaction.execute(delete(sessions).where(sessions.c.expires_at <= now))
            transaction.execute(
                insert(sessions).values(
                    hash=_hash(secret),
                    org_id=identity.org_id,
                    scopes=" ".join(sorted(identity.scopes)),
                    created_at=now,
                    expires_at=now + SESSION_S * 1_000_000,
                )
            )
        return secret

    def session_identity(self, secret: str) -> Identity:
        """Who the session belongs to; `UnauthenticatedError` when it is over."""
        with self._db.begin() as transaction:
            row = transaction.execute(select(sessions).where(sessions.c.hash == _hash(secret))).first()
        if row is None or row.expires_at <= self._clock():
            raise UnauthenticatedError("The session is over.", "Sign in again.")
        return Identity(row.org_id, _scopes(row.scopes))

    def end_session(self, secret: str) -> None:
        """End the session, if it exists."""
        with self._db.begin() as transaction:
            transaction.execute(delete(sessions).where(sessions.c.hash == _hash(secret)))

    def put_peer(self, org_id: str, peer: Peer) -> None:
        """Remember what a peer said of itself."""
        facts = msgspec.json.encode(peer).decode()
        with self._db.begin() as transaction:
            transaction.execute(delete(peers).where(peers.c.org_id == org_id, peers.c.id == peer.id))
            transaction.execute(insert(peers).values(org_id=org_id, id=peer.id, facts=facts, seen_at=self._clock()))

    def directory(self, org_id: str) -> Directory:
        """The peers of an organisation."""
        with self._db.begin() as transaction:
            rows = transaction.execute(select(peers.c.facts).where(peers.c.org_id == org_id).order_by(peers.c.seen_at))
            return Directory.of(msgspec.json.decode(row.facts, type=Peer) for row in rows)


def _configure(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for statement in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {statement}")
    cursor.close()
