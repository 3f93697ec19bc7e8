"""Browser sessions and the one-time links that start one."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ForbiddenError, UnauthenticatedError, UnusableError
from meshtrail.control import checks
from meshtrail.control.actor import NOWHERE, Actor, Origin
from meshtrail.control.audit import record
from meshtrail.control.database import Database
from meshtrail.control.hashing import hashed, new_secret
from meshtrail.control.ids import new_id
from meshtrail.control.limits import INVITE_S, SESSION_S, SESSIONS_PER_USER_MAX, SIGN_IN_LINK_S
from meshtrail.control.owners import owner_of
from meshtrail.control.permissions import Permission
from meshtrail.control.tables import passwords, sessions, sign_in_links, tokens, users
from meshtrail.control.user import User, UserKind
from meshtrail.control.user_rows import actor_of, end_sessions, found_user, refuse_above, target_of, this_user
from meshtrail.model.activities import Activity

_ADDRESS_CHARACTERS_MAX = 100
_USER_AGENT_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session without its secret. Times in microseconds."""

    id: str
    created_at: int
    expires_at: int
    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Started:
    """A new session."""

    secret: str
    """What the cookie holds; it is nowhere else."""
    id: str
    org_id: str


class Sessions:
    """Starts and ends sessions. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def start(self, user: User, method: str, where: Origin = NOWHERE, kept: str | None = None) -> Started:
        """Start a session of a user who has proved to be it, by `method` (`password`, `oidc`, …); always with a new id and a new
        secret. `kept`: the password's hash that was compared, which has to be the user's still."""
        with self._database.write() as transaction:
            if kept is not None:
                mine = (passwords.c.org_id == user.org_id) & (passwords.c.user_id == user.id) & (passwords.c.hash == kept)
                if transaction.execute(select(passwords.c.user_id).where(mine)).first() is None:
                    raise UnauthenticatedError("The password was changed at this moment.", "Sign in again.")
            return self._start_of(transaction, found_user(transaction, user.org_id, user.id), method, where)

    def start_with_token(self, token_id: str, org_id: str, by: Actor, where: Origin = NOWHERE) -> Started:
        """Start a session with the rights of an API token. It ends with the token."""
        with self._database.write() as transaction:
            row = transaction.execute(select(tokens).where(tokens.c.id == token_id, tokens.c.org_id == org_id)).first()
            owner = checks.there(row, "token", token_id)
            _make_room(transaction, (sessions.c.org_id == org_id) & (sessions.c.token_id == token_id))
            started = self._insert(transaction, org_id, None, token_id, where)
            target = None if owner.user_id is None else target_of(found_user(transaction, org_id, owner.user_id))
            record(transaction, by, Activity.dashboard_login, target, meta={"method": "token", "token_id": token_id})
            return started

    def _start_of(self, transaction: Connection, user: User, method: str, where: Origin) -> Started:
        _make_room(transaction, (sessions.c.org_id == user.org_id) & (sessions.c.user_id == user.id))
        started = self._insert(transaction, user.org_id, user.id, None, where)
        transaction.execute(update(users).where(this_user(user.org_id, user.id)).values(last_login_at=self._clock()))
        record(transaction, actor_of(user, where, started.id), Activity.dashboard_login, target_of(user), meta={"method": method})
        return started

    def _insert(self, transaction: Connection, org_id: str, user_id: str | None, token_id: str | None, where: Origin) -> Started:
        secret, now = new_secret(), self._clock()
        identifier = new_id(now)
        transaction.execute(delete(sessions).where(sessions.c.expires_at <= now))
        transaction.execute(
            insert(sessions).values(
                hash=hashed(secret), id=identifier, org_id=org_id, user_id=user_id, token_id=token_id, created_at=now,
                expires_at=now + SESSION_S * 1_000_000, address=(where.address or "")[:_ADDRESS_CHARACTERS_MAX] or None,
                user_agent=(where.user_agent or "")[:_USER_AGENT_CHARACTERS_MAX] or None,
            )
        )  # fmt: skip
        return Started(secret, identifier, org_id)

    def list_of(self, org_id: str, user_id: str) -> list[SessionInfo]:
        """A user's sessions, newest first."""
        mine = (sessions.c.org_id == org_id) & (sessions.c.user_id == user_id) & (sessions.c.expires_at > self._clock())
        with self._database.read() as transaction:
            found_user(transaction, org_id, user_id)
            rows = transaction.execute(select(sessions).where(mine).order_by(sessions.c.created_at.desc(), sessions.c.id))
            return [SessionInfo(row.id, row.created_at, row.expires_at, row.address, row.user_agent) for row in rows]

    def end(self, by: Actor, secret: str) -> None:
        """Sign out: the session's own holder ends it. Nothing happens when there is no such session."""
        with self._database.write() as transaction:
            row = transaction.execute(select(sessions).where(sessions.c.hash == hashed(secret))).first()
            if row is None:
                return
            transaction.execute(delete(sessions).where(sessions.c.hash == row.hash))
            user = None if row.user_id is None else found_user(transaction, row.org_id, row.user_id)
            record(transaction, by, Activity.session_end, None if user is None else target_of(user), meta={"session_id": row.id})

    def revoke(self, by: Actor, rights: frozenset[Permission], user_id: str, identifier: str) -> None:
        """End one of a user's sessions from elsewhere; `NotFoundError` when the user has no such one."""
        mine = (sessions.c.org_id == by.org_id) & (sessions.c.user_id == user_id) & (sessions.c.id == identifier)
        with self._database.write() as transaction:
            user = found_user(transaction, by.org_id, user_id)
            if by.id != user_id:
                refuse_above(rights, user.role)
            checks.there(transaction.execute(delete(sessions).where(mine)).rowcount, "session", identifier)
            record(transaction, by, Activity.session_revoke, target_of(user), meta={"session_id": identifier})

    def add_link(self, by: Actor, user_id: str | None = None) -> str:
        """Make a one-time code for `/sign-in/{code}` that signs the user in; without one, the owner."""
        code = new_secret()
        with self._database.write() as transaction:
            user = found_user(transaction, by.org_id, user_id or owner_of(transaction, by.org_id))
            now = self._clock()
            transaction.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now))
            transaction.execute(
                insert(sign_in_links).values(
                    hash=hashed(code), org_id=by.org_id, user_id=user.id, expires_at=now + SIGN_IN_LINK_S * 1_000_000
                )
            )
            record(transaction, by, Activity.sign_in_link_create, meta={"user_id": user.id, "user": user.name})
        return code

    def invite(self, by: Actor, rights: frozenset[Permission], user_id: str) -> tuple[str, int]:
        """Make a one-time code for somebody who never signed in, and when it expires (microseconds). A password that was made up for
        the user is forgotten: the user sets the first one. Codes of before end."""
        code = new_secret()
        with self._database.write() as transaction:
            user = found_user(transaction, by.org_id, user_id)
            refuse_above(rights, user.role)
            if user.kind is not UserKind.local or user.status != "invited":
                raise UnusableError("id: only who never signed in, and is not blocked, can be invited.", "Set a password instead.")
            end_sessions(transaction, by.org_id, user_id)
            transaction.execute(delete(passwords).where(passwords.c.org_id == by.org_id, passwords.c.user_id == user_id))
            expires_at = self._clock() + INVITE_S * 1_000_000
            values = {"hash": hashed(code), "org_id": by.org_id, "user_id": user.id, "expires_at": expires_at}
            transaction.execute(insert(sign_in_links).values(**values))
            record(transaction, by, Activity.user_invite, target_of(user), meta={"email": user.email or ""})
        return code, expires_at

    def use_link(self, code: str, where: Origin = NOWHERE) -> Started:
        """Turn a code into a session. A code works once and for a short time; `UnauthenticatedError` else."""
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
            user = found_user(transaction, row.org_id, row.user_id)
            if user.blocked_at is not None or user.pending:
                raise ForbiddenError("The user is blocked.", "Unblock the user with: meshtrail users block --undo")
            started = self._start_of(transaction, user, "link", where)
            record(transaction, actor_of(user, where, started.id), Activity.sign_in_link_use, meta={"user_id": user.id})
        return started


def _make_room(transaction: Connection, mine: ColumnElement[bool]) -> None:
    """End the oldest of these sessions, so that there is room for one more."""
    newest = select(sessions.c.hash).where(mine).order_by(sessions.c.created_at.desc()).offset(SESSIONS_PER_USER_MAX - 1)
    too_many = transaction.execute(newest).scalars().all()
    transaction.execute(delete(sessions).where(sessions.c.hash.in_(too_many)))
