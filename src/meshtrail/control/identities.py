"""Who asks, and with which rights: the looks behind a token or a session."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ForbiddenError, PeerRemovedError, UnauthenticatedError
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.hashing import hashed
from meshtrail.control.limits import LAST_USED_STEP_S
from meshtrail.control.permissions import ROLES, Permission, Role, permissions_of
from meshtrail.control.tables import peer_tokens, peers, sessions, tokens, users
from meshtrail.control.user import User, user_of

PEER_TOKEN_PREFIX = "mtp_"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: an organisation, rights in it, and who has them."""

    org_id: str
    permissions: frozenset[Permission]
    """What the request may do: what role and scopes have in common."""
    token_id: str | None = None
    token_name: str | None = None
    user: User | None = None
    """None: a token of the organisation, or a peer's."""
    session_id: str | None = None
    """Not the session's secret."""
    peer_id: str | None = None
    """The peer whose token it is; it may then speak for this peer only."""

    @property
    def role(self) -> Role | None:
        """The user's role."""
        return None if self.user is None else self.user.role


class Identities:
    """Looks up tokens and sessions. Thread-safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def token_identity(self, secret: str) -> Identity:
        """Who holds the token; `UnauthenticatedError` when nobody does or it has expired, `ForbiddenError` when its user is
        blocked."""
        if secret.startswith(PEER_TOKEN_PREFIX):
            return self._peer_identity(secret)
        with self._database.read() as transaction:
            row = _token(transaction, tokens.c.hash == hashed(secret))
        if row is None or _over(row.expires_at, self._clock()):
            raise UnauthenticatedError("The token is unknown or has expired.", "Make one with: meshtrail token create")
        self._note_use(row)
        return _of_token(row)

    def session_identity(self, secret: str) -> Identity:
        """Who the session belongs to; `UnauthenticatedError` when it is over, or the token that it was started with is gone;
        `ForbiddenError` when its user is blocked."""
        with self._database.read() as transaction:
            session = transaction.execute(select(sessions).where(sessions.c.hash == hashed(secret))).first()
            if session is None or _over(session.expires_at, self._clock()):
                raise UnauthenticatedError("The session is over.", "Sign in again.")
            found = _behind(transaction, session)
        if found is None or (session.token_id is not None and _over(found.expires_at, self._clock())):
            raise UnauthenticatedError("The session is over.", "Sign in again.")
        if session.token_id is not None:
            return _of_token(found, session.id)
        user = user_of(found)
        _check_standing(user)
        return Identity(session.org_id, ROLES[user.role], user=user, session_id=session.id)

    def _note_use(self, row: AnyRow) -> None:
        now = self._clock()
        if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP_S * 1_000_000:
            self._database.note_aside(update(tokens).where(tokens.c.id == row.token_id).values(last_used_at=now))

    def _peer_identity(self, secret: str) -> Identity:
        with self._database.read() as transaction:
            row = transaction.execute(
                select(peer_tokens.c.org_id, peer_tokens.c.peer_id, peer_tokens.c.expires_at, peers.c.removed_at)
                .join(peers, (peers.c.org_id == peer_tokens.c.org_id) & (peers.c.id == peer_tokens.c.peer_id))
                .where(peer_tokens.c.hash == hashed(secret))
            ).first()
        if row is not None and row.removed_at is not None:
            raise PeerRemovedError(row.peer_id).about(row.org_id, row.peer_id, None, "agent")
        if row is None or _over(row.expires_at, self._clock()):
            raise UnauthenticatedError("The peer's token is unknown or has expired.", "The peer renews it: POST /api/v1/agent/token")
        return Identity(row.org_id, frozenset({Permission.ingest}), peer_id=row.peer_id)


def _over(expires_at: int | None, now: int) -> bool:
    return expires_at is not None and expires_at <= now


def _token(transaction: Connection, which: ColumnElement[bool]) -> AnyRow | None:
    """The token and its user, if it has one, in one row."""
    of = and_(users.c.org_id == tokens.c.org_id, users.c.id == tokens.c.user_id)
    own = (
        tokens.c.id.label("token_id"), tokens.c.name.label("token_name"), tokens.c.org_id.label("token_org_id"), tokens.c.user_id,
        tokens.c.scopes, tokens.c.expires_at, tokens.c.last_used_at,
    )  # fmt: skip
    return transaction.execute(select(*own, *users.columns).select_from(tokens.outerjoin(users, of)).where(which)).first()


def _behind(transaction: Connection, session: AnyRow) -> AnyRow | None:
    """What gives the session its rights: the token, or the user."""
    if session.token_id is not None:
        return _token(transaction, tokens.c.id == session.token_id)
    mine = (users.c.org_id == session.org_id) & (users.c.id == session.user_id)
    return transaction.execute(select(users).where(mine)).first()


def _of_token(row: AnyRow, session_id: str | None = None) -> Identity:
    """A token of the organisation has its scopes; a user's has what they and the user's role have in common."""
    allowed = permissions_of(row.scopes.split())
    if row.user_id is None:
        return Identity(row.token_org_id, allowed, row.token_id, row.token_name, session_id=session_id)
    user = user_of(row)
    _check_standing(user)
    rights = ROLES[user.role] & allowed if row.scopes else ROLES[user.role]
    return Identity(row.token_org_id, rights, row.token_id, row.token_name, user, session_id)


def _check_standing(user: User) -> None:
    """NetBird's clients look for the words `blocked` and `pending`."""
    if user.blocked_at is not None:
        raise ForbiddenError("The user is blocked.", "Ask an administrator.").about(user.org_id, user.id, user.name, "user")
    if user.pending:
        raise ForbiddenError("The user is pending approval.", "Ask an administrator.").about(user.org_id, user.id, user.name, "user")
