"""Signing in, and changing the password: where guessing has to be slow, dear and without an answer to `who is there?`."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import BusyError, ForbiddenError, ThrottledError, UnauthenticatedError, UnusableError
from meshtrail.control import passwords
from meshtrail.control.actor import NOWHERE, Actor, Origin
from meshtrail.control.audit import record
from meshtrail.control.database import Database
from meshtrail.control.emails import email_key
from meshtrail.control.limits import (
    EMAIL_CHARACTERS_MAX,
    SIGN_IN_CANDIDATES_MAX,
    SIGN_IN_FAILURES_MAX,
    SIGN_IN_FAILURES_OF_ADDRESS_MAX,
    SIGN_IN_WINDOW_S,
)
from meshtrail.control.permissions import Permission
from meshtrail.control.sessions import Sessions, Started
from meshtrail.control.tables import organisations, users
from meshtrail.control.tables import passwords as kept_passwords
from meshtrail.control.throttle import Throttle
from meshtrail.control.user import User, UserKind, user_of
from meshtrail.control.user_rows import actor_of, end_sessions, found_user, refuse_above, target_of
from meshtrail.model.activities import Activity
from meshtrail.model.enums import InitiatorType, Outcome

UNKNOWN_ID = "unknown"
"""Initiator of a sign-in of which nobody knows whose it is."""

_WRONG = "The e-mail address or the password is wrong."


@dataclass(frozen=True, slots=True)
class _Candidate:
    user: User
    kept: str


class SignIn:
    """Checks passwords. Thread-safe; calls take as long as a hash takes, and the failures are counted in memory."""

    def __init__(self, database: Database, sessions: Sessions, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._accounts = Throttle(clock, SIGN_IN_FAILURES_MAX, SIGN_IN_WINDOW_S, "sign-ins for this address")
        self._addresses = Throttle(clock, SIGN_IN_FAILURES_OF_ADDRESS_MAX, SIGN_IN_WINDOW_S, "sign-ins from here")

    def with_password(self, email: str, password: str, where: Origin = NOWHERE) -> Started:
        """Start a session for whoever has this address and password. `UnauthenticatedError`, the same and after the same time,
        whether the address is unknown, has no password or another one; `ThrottledError` after too many failures;
        `ForbiddenError` for a blocked user, who learns it only with the right password."""
        key = email_key(email[:EMAIL_CHARACTERS_MAX]) or ""
        candidates = self._candidates(key)
        last = self._begin(key, where)
        found = self._matching(candidates, password, key, where)
        if found is None:
            self._record_failure(candidates, email, where, "wrong address or password", last)
            raise UnauthenticatedError(_WRONG, "Passwords are reset by an administrator, or with: meshtrail users password").told()
        self._forgive(key, where)
        if found.user.blocked_at is not None or found.user.pending:
            reason = "blocked" if found.user.blocked_at is not None else "pending approval"
            self._record_failure([found], email, where, reason)
            raise ForbiddenError(f"The user is {reason}.", "Ask an administrator.").told()
        kept = self._renewed(found, password) if passwords.is_outdated(found.kept) else found.kept
        return self._sessions.start(found.user, "password", where, kept)

    def _matching(self, candidates: list[_Candidate], password: str, key: str, where: Origin) -> _Candidate | None:
        """Whose password it is; the others are compared too, and nobody's when there is nobody. What could not be compared at all
        was no failure."""
        found = None
        try:
            for each in candidates or (None,):
                right = passwords.matches(password, each.kept if each is not None else passwords.NOBODYS)
                if right and each is not None and found is None:
                    found = each
        except BusyError:
            self._accounts.forgive(key)
            self._addresses.forgive(where.address or "")
            raise
        return found

    def change_password(self, by: Actor, user_id: str, old: str, new: str) -> None:
        """Another password for oneself, proved by the old one; it counts as a sign-in when it is wrong. All other sessions end. Who has
        none yet, and is signed in by a link, sets the first one with an empty old one."""
        with self._database.read() as transaction:
            user = found_user(transaction, by.org_id, user_id)
            candidate = _kept(transaction, user)
        oneself = by.session_id is not None and by.token_id is None
        if candidate is None and user.kind is UserKind.local and oneself and not old:
            return self._replace(by, user, new, Activity.user_password_change, but=by.session_id)
        if candidate is None:
            raise UnusableError("old_password: the user has no password.", "Sign in by a link and leave it empty to set the first one.")
        where, key = Origin(by.address, by.user_agent, by.request_id), email_key(user.email) or user.id
        last = self._begin(key, where)
        if self._matching([candidate], old, key, where) is None:
            self._record_failure([candidate], user.email or "", where, "wrong old password", last)
            remedy = "Sign out and ask an administrator when you have forgotten it."
            raise ForbiddenError("The old password is wrong.", remedy).told()
        self._forgive(key, where)
        return self._replace(by, user, new, Activity.user_password_change, but=by.session_id)

    def reset_password(self, by: Actor, rights: frozenset[Permission], user_id: str, new: str) -> None:
        """Another password for somebody else. All sessions of that user end."""
        with self._database.read() as transaction:
            user = found_user(transaction, by.org_id, user_id)
        refuse_above(rights, user.role)
        if user.kind is not UserKind.local:
            raise UnusableError("password: only a local user has one.")
        if by.id == user.id:
            raise UnusableError("password: your own is changed with the old one.", "PUT /api/users/{id}/password")
        self._replace(by, user, new, Activity.user_password_reset)

    def _replace(self, by: Actor, user: User, new: str, activity: Activity, but: str | None = None) -> None:
        kept = passwords.hashed(passwords.checked(new, user.name, user.email))
        with self._database.write() as transaction:
            found_user(transaction, user.org_id, user.id)
            self._put(transaction, user, kept)
            ended = end_sessions(transaction, user.org_id, user.id, but)
            record(transaction, by, activity, target_of(user), meta={"sessions_ended": str(ended)})

    def _put(self, transaction: Connection, user: User, kept: str) -> None:
        mine = (kept_passwords.c.org_id == user.org_id) & (kept_passwords.c.user_id == user.id)
        transaction.execute(delete(kept_passwords).where(mine))
        transaction.execute(insert(kept_passwords).values(org_id=user.org_id, user_id=user.id, hash=kept, changed_at=self._clock()))

    def _renewed(self, found: _Candidate, password: str) -> str:
        """Keep the same password with the parameters of today, unless it was changed meanwhile; what is kept."""
        kept = passwords.hashed(password)
        mine = (kept_passwords.c.org_id == found.user.org_id) & (kept_passwords.c.user_id == found.user.id)
        with self._database.write() as transaction:
            transaction.execute(update(kept_passwords).where(mine, kept_passwords.c.hash == found.kept).values(hash=kept))
        return kept

    def _candidates(self, key: str) -> list[_Candidate]:
        with self._database.read() as transaction:
            same = (kept_passwords.c.org_id == users.c.org_id) & (kept_passwords.c.user_id == users.c.id)
            query = (
                select(users, kept_passwords.c.hash.label("kept")).join(kept_passwords, same)
                .where(users.c.email_key == key, users.c.kind == UserKind.local.value)
                .order_by(users.c.created_at, users.c.id).limit(SIGN_IN_CANDIDATES_MAX)
            )  # fmt: skip
            return [_Candidate(user_of(row), row.kept) for row in transaction.execute(query)]

    def _begin(self, key: str, where: Origin) -> bool:
        """Count the attempt as failed until it is forgiven; whether it is the last one for a while, should it fail."""
        self._addresses.check(where.address or "")
        last = self._accounts.begin(key)
        try:
            last |= self._addresses.begin(where.address or "")
        except ThrottledError:
            self._accounts.forgive(key)
            raise
        return last

    def _forgive(self, key: str, where: Origin) -> None:
        self._accounts.forgive(key, all_of_them=True)
        self._addresses.forgive(where.address or "")

    def _record_failure(self, candidates: list[_Candidate], email: str, where: Origin, reason: str, last: bool = False) -> None:
        self._record(candidates, email, where, Activity.sign_in_fail, reason)
        if last:
            self._record(candidates, email, where, Activity.sign_in_throttle, "too many failures")

    def _record(self, candidates: list[_Candidate], email: str, where: Origin, activity: Activity, reason: str) -> None:
        """Tell the organisations of those who have the address. When nobody has it, the oldest organisation is told, which is
        the one of those who run the server; of the address only if there is no other whose it may be."""
        with self._database.write() as transaction:
            for each in candidates:
                record(
                    transaction, actor_of(each.user, where), activity, target_of(each.user), outcome=Outcome.failure, error=reason,
                    meta={"email": email[:EMAIL_CHARACTERS_MAX]},
                )  # fmt: skip
            if candidates:
                return
            oldest = transaction.execute(select(organisations.c.id).order_by(organisations.c.created_at)).scalar()
            if oldest is None:
                return
            alone = transaction.execute(select(func.count()).select_from(organisations)).scalar() == 1
            meta = {"email": email[:EMAIL_CHARACTERS_MAX]} if alone else {}
            by = where.actor(oldest, UNKNOWN_ID, InitiatorType.unknown)
            record(transaction, by, activity, outcome=Outcome.failure, error=reason, meta=meta)


def _kept(transaction: Connection, user: User) -> _Candidate | None:
    mine = (kept_passwords.c.org_id == user.org_id) & (kept_passwords.c.user_id == user.id)
    kept = transaction.execute(select(kept_passwords.c.hash).where(mine)).scalar()
    return None if kept is None else _Candidate(user, kept)
