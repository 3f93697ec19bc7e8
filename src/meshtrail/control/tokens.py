"""API tokens: of the organisation, and of users. A token's secret is in one answer and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ForbiddenError, UnusableError
from meshtrail.control import checks
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, record
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.hashing import hashed, new_secret
from meshtrail.control.ids import new_id
from meshtrail.control.limits import TOKENS_MAX, TOKENS_PER_USER_MAX
from meshtrail.control.permissions import ROLES, SCOPE_WORDS, Permission, permissions_of
from meshtrail.control.tables import sessions, tokens
from meshtrail.control.user_rows import found_user, refuse_above, target_of
from meshtrail.control.views import forget_private
from meshtrail.model.activities import Activity

TOKEN_PREFIX = "mt_"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token without its secret. Times in microseconds."""

    id: str
    name: str
    scopes: tuple[str, ...]
    """None: all that its user may."""
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    created_by: str | None
    """Id of who made it; None for tokens that are older than users."""
    user_id: str | None = None


def _info(row: AnyRow) -> TokenInfo:
    return TokenInfo(
        row.id, row.name, tuple(row.scopes.split()), row.created_at, row.expires_at, row.last_used_at, row.created_by, row.user_id
    )


class Tokens:
    """Makes and deletes tokens. Thread-safe; every call is one transaction. `rights` are those of who asks: a token never has
    more."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(
        self, by: Actor, rights: frozenset[Permission], name: str, scopes: Iterable[str], lifetime_s: int | None = None
    ) -> tuple[str, str]:
        """Make a token of the organisation; returns its id and its secret, which is shown this once."""
        words = _checked_scopes(scopes)
        if not words:
            raise UnusableError("scopes: a token of the organisation needs at least one.", "Use read, ingest or admin, or single rights.")
        _refuse_more(permissions_of(words), rights)
        with self._database.write() as transaction:
            return self._insert(transaction, by, name, words, lifetime_s, None, Activity.token_create)

    def create_for(
        self, by: Actor, rights: frozenset[Permission], user_id: str, name: str, scopes: Iterable[str] = (), lifetime_s: int | None = None
    ) -> tuple[str, str]:
        """Make a token of a user; returns its id and its secret, which is shown this once. Without scopes it may what the user
        may, also later; who asks with fewer rights than the user's has to name them."""
        words = _checked_scopes(scopes)
        with self._database.write() as transaction:
            user = found_user(transaction, by.org_id, user_id)
            if by.id != user.id:
                refuse_above(rights, user.role)
            _refuse_more(permissions_of(words) if words else ROLES[user.role], rights)
            return self._insert(transaction, by, name, words, lifetime_s, user_id, Activity.personal_access_token_create)

    def _insert(
        self, transaction: Connection, by: Actor, name: str, words: tuple[str, ...], lifetime_s: int | None, user_id: str | None,
        activity: Activity,
    ) -> tuple[str, str]:  # fmt: skip
        _check_room(transaction, by.org_id, user_id)
        secret, now = new_secret(TOKEN_PREFIX), self._clock()
        identifier, called = new_id(now), checks.name(name)
        expires_at = None if lifetime_s is None else now + lifetime_s * 1_000_000
        transaction.execute(
            insert(tokens).values(
                id=identifier, org_id=by.org_id, name=called, hash=hashed(secret), scopes=" ".join(words), created_at=now,
                expires_at=expires_at, user_id=user_id, created_by=by.id,
            )
        )  # fmt: skip
        after = {"name": called, "scopes": list(words), "expires_at": expires_at, "user_id": user_id}
        record(transaction, by, activity, Target(identifier, called), after=after, meta=_meta(transaction, by.org_id, called, user_id))
        return identifier, secret

    def list_all(self, org_id: str) -> list[TokenInfo]:
        """The tokens of the organisation itself, oldest first."""
        return self._listed((tokens.c.org_id == org_id) & tokens.c.user_id.is_(None))

    def list_of(self, org_id: str, user_id: str) -> list[TokenInfo]:
        """A user's tokens, oldest first; `NotFoundError` without such a user."""
        with self._database.read() as transaction:
            found_user(transaction, org_id, user_id)
        return self._listed(_of(org_id, user_id))

    def _listed(self, which: ColumnElement[bool]) -> list[TokenInfo]:
        with self._database.read() as transaction:
            query = select(tokens).where(which).order_by(tokens.c.created_at, tokens.c.id)
            return [_info(row) for row in transaction.execute(query)]

    def get_of(self, org_id: str, user_id: str, identifier: str) -> TokenInfo:
        """One of a user's tokens; `NotFoundError` when the user has no such one."""
        with self._database.read() as transaction:
            found_user(transaction, org_id, user_id)
            row = transaction.execute(select(tokens).where(_of(org_id, user_id), tokens.c.id == identifier)).first()
        return _info(checks.there(row, "token", identifier))

    def delete(self, by: Actor, identifier: str) -> None:
        """Delete a token of the organisation, and end the sessions that were started with it; `NotFoundError` when it has no such
        token."""
        with self._database.write() as transaction:
            self._remove(transaction, by, (tokens.c.org_id == by.org_id) & tokens.c.user_id.is_(None), identifier, Activity.token_delete)

    def delete_of(self, by: Actor, rights: frozenset[Permission], user_id: str, identifier: str) -> None:
        """The same of a user's token."""
        with self._database.write() as transaction:
            user = found_user(transaction, by.org_id, user_id)
            if by.id != user.id:
                refuse_above(rights, user.role)
            self._remove(transaction, by, _of(by.org_id, user_id), identifier, Activity.personal_access_token_delete)

    def _remove(
        self, transaction: Connection, by: Actor, which: ColumnElement[bool], identifier: str, activity: Activity
    ) -> None:  # fmt: skip
        row = transaction.execute(select(tokens).where(which, tokens.c.id == identifier)).first()
        known = _info(checks.there(row, "token", identifier))
        transaction.execute(delete(sessions).where(sessions.c.token_id == identifier))
        forget_private(transaction, by.org_id, identifier)
        transaction.execute(delete(tokens).where(tokens.c.id == identifier))
        before = {"name": known.name, "scopes": list(known.scopes), "expires_at": known.expires_at, "user_id": known.user_id}
        meta = _meta(transaction, by.org_id, known.name, known.user_id)
        record(transaction, by, activity, Target(identifier, known.name), before=before, meta=meta)


def _of(org_id: str, user_id: str) -> ColumnElement[bool]:
    return (tokens.c.org_id == org_id) & (tokens.c.user_id == user_id)


def _meta(transaction: Connection, org_id: str, name: str, user_id: str | None) -> dict[str, str]:
    """NetBird's readers look for `name` and `username`."""
    if user_id is None:
        return {"name": name}
    return {"name": name, "username": target_of(found_user(transaction, org_id, user_id)).name or ""}


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    words = checks.few(scopes, len(SCOPE_WORDS), "scopes")
    for word in words:
        if word not in SCOPE_WORDS:
            raise UnusableError(f"scopes: {word[:40]!r} is none of {', '.join(sorted(SCOPE_WORDS))}.")
    return tuple(sorted(words))


def _refuse_more(wanted: frozenset[Permission], rights: frozenset[Permission]) -> None:
    missing = wanted - rights
    if missing:
        raise ForbiddenError(f"The token would have a right that you lack: {min(missing)}.", "Name scopes that you have.")


def _check_room(transaction: Connection, org_id: str, user_id: str | None) -> None:
    most = TOKENS_MAX if user_id is None else TOKENS_PER_USER_MAX
    which = tokens.c.user_id.is_(None) if user_id is None else tokens.c.user_id == user_id
    count = transaction.execute(select(func.count()).select_from(tokens).where(tokens.c.org_id == org_id, which)).scalar() or 0
    if count >= most:
        raise UnusableError(f"tokens: there are {count}, more are not possible.", "Delete some.")
