"""Users: who is in an organisation, in which role."""

import secrets
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ConflictError, UnusableError
from meshtrail.control import checks, external, passwords
from meshtrail.control.actor import NOWHERE, Actor, Origin
from meshtrail.control.audit import difference, record
from meshtrail.control.database import Database
from meshtrail.control.emails import checked_email, email_key
from meshtrail.control.groups import refuse_built_in
from meshtrail.control.ids import new_id
from meshtrail.control.limits import REFERENCES_MAX, USERS_MAX
from meshtrail.control.owners import refuse_without_owner
from meshtrail.control.permissions import Permission, Role
from meshtrail.control.tables import groups, tokens, users
from meshtrail.control.tables import passwords as kept_passwords
from meshtrail.control.user import User, UserKind, user_of
from meshtrail.control.user_rows import end_sessions, found_user, refuse_above, target_of, this_user
from meshtrail.control.views import forget_private
from meshtrail.model.activities import Activity

_GENERATED_BYTES = 15


class UserChange(msgspec.Struct):
    """What is to be different of a user. What is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    email: str | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    auto_groups: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    blocked: bool | msgspec.UnsetType = msgspec.UNSET


class Users:
    """Reads and changes users. Thread-safe; every call is one transaction. `rights` are those of who asks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, org_id: str) -> "list[User]":
        """All users, oldest first."""
        with self._database.read() as transaction:
            query = select(users).where(users.c.org_id == org_id).order_by(users.c.created_at, users.c.id)
            return [user_of(row) for row in transaction.execute(query)]

    def get(self, org_id: str, identifier: str) -> User:
        """One user; `NotFoundError` when the organisation has no such one."""
        with self._database.read() as transaction:
            return found_user(transaction, org_id, identifier)

    def create(
        self, by: Actor, rights: frozenset[Permission], *, name: str = "", email: str | None = None, role: Role = Role.user,
        auto_groups: Iterable[str] = (), service: bool = False, password: str | None = None,
    ) -> tuple[str, str | None]:  # fmt: skip
        """Make a user; returns the id and, when a local user was made without `password`, the one that was made up, which is shown
        this once."""
        refuse_above(rights, role)
        address = None if service else checked_email(email)
        called = checks.name(name or address or "")
        made_up = None if service or password is not None else secrets.token_urlsafe(_GENERATED_BYTES)
        kept = None if service else passwords.hashed(made_up or passwords.checked(password or "", called, address))
        with self._database.write() as transaction:
            checks.room(transaction, users, by.org_id, USERS_MAX, "users")
            refuse_taken(transaction, by.org_id, address)
            now = self._clock()
            identifier = new_id(now)
            kind = UserKind.service if service else UserKind.local
            transaction.execute(
                insert(users).values(
                    org_id=by.org_id, id=identifier, kind=kind.value, name=called, email=address, email_key=email_key(address),
                    role=role.value, auto_groups=_checked_groups(transaction, by.org_id, auto_groups), pending=False, created_at=now,
                    created_by=by.id, claimed_groups="[]",
                )
            )  # fmt: skip
            if kept is not None:
                transaction.execute(insert(kept_passwords).values(org_id=by.org_id, user_id=identifier, hash=kept, changed_at=now))
            made = found_user(transaction, by.org_id, identifier)
            code = Activity.service_user_create if service else Activity.user_create
            record(transaction, by, code, target_of(made), after=_told(made), meta={"name": made.name, "email": made.email or ""})
        return identifier, made_up

    def update(self, by: Actor, rights: frozenset[Permission], identifier: str, change: UserChange) -> None:
        """Change a user: each kind of change leaves its event. A user who is blocked is signed out."""
        with self._database.write() as transaction:
            before = found_user(transaction, by.org_id, identifier)
            refuse_above(rights, before.role)
            values = self._values(transaction, by, rights, before, change)
            if not values:
                return
            transaction.execute(update(users).where(this_user(by.org_id, identifier)).values(**values))
            after = found_user(transaction, by.org_id, identifier)
            refuse_without_owner(transaction, by.org_id)
            if after.blocked_at is not None and before.blocked_at is None:
                end_sessions(transaction, by.org_id, identifier)
            _record_changes(transaction, by, before, after)

    def _values(
        self, transaction: Connection, by: Actor, rights: frozenset[Permission], before: User, change: UserChange
    ) -> dict[str, object]:
        """Columns that change, with their new values."""
        values: dict[str, object] = {}
        if change.name is not msgspec.UNSET and change.name != before.name:
            values["name"] = checks.name(change.name)
        if change.email is not msgspec.UNSET and change.email != (before.email or ""):
            if before.kind is not UserKind.local:
                raise UnusableError("email: only a local user's address can be changed here.")
            values["email"] = checked_email(change.email)
            values["email_key"] = email_key(change.email)
            refuse_taken(transaction, by.org_id, change.email, before.id)
        if change.role is not msgspec.UNSET and change.role is not before.role:
            refuse_above(rights, change.role)
            _refuse_oneself(by, before, "role")
            values["role"] = change.role.value
        if change.auto_groups is not msgspec.UNSET and change.auto_groups != before.auto_groups:
            values["auto_groups"] = _checked_groups(transaction, by.org_id, change.auto_groups)
        if change.blocked is not msgspec.UNSET and change.blocked is not (before.blocked_at is not None):
            _refuse_oneself(by, before, "is_blocked")
            values["blocked_at"] = self._clock() if change.blocked else None
        return values

    def sign_in_external(
        self, org_id: str, issuer: str, subject: str, email: str | None, name: str, groups: Sequence[str] = (), *,
        email_verified: bool = False, role: Role | None = None, new_role: Role = Role.user, new_waits: bool = False,
        where: Origin = NOWHERE,
    ) -> User:  # fmt: skip
        """The user whom an identity provider vouches for (issuer and subject, whose signature the caller has checked), made at the
        first time and brought to what the provider says today. `groups` are names that it claims, `role` what they lead to (None:
        the role stays, at first `new_role`), `new_waits` whether somebody new has to be let in. `ForbiddenError` for who is blocked
        or waits; the attempt is written down. Then `Sessions.start(user, "oidc", where)`."""
        said = external.checked(
            external.External(issuer, subject, email, name, tuple(groups), email_verified, role, new_role, new_waits)
        )  # fmt: skip
        with self._database.write() as transaction:
            user = external.admitted(transaction, org_id, said, where, self._clock())
            refused = external.standing(transaction, user, where)
        if refused is not None:
            raise refused
        return user

    def delete(self, by: Actor, rights: frozenset[Permission], identifier: str) -> None:
        """Delete a user with tokens and sessions; what the user did stays known."""
        with self._database.write() as transaction:
            user = found_user(transaction, by.org_id, identifier)
            refuse_above(rights, user.role)
            _refuse_oneself(by, user, "id")
            _remove(transaction, user)
            refuse_without_owner(transaction, by.org_id)
            code = Activity.service_user_delete if user.kind is UserKind.service else Activity.user_delete
            record(transaction, by, code, target_of(user), before=_told(user), meta={"name": user.name, "email": user.email or ""})

    def approve(self, by: Actor, rights: frozenset[Permission], identifier: str) -> None:
        """Let in a user who waits."""
        with self._database.write() as transaction:
            user = _waiting(transaction, by, rights, identifier)
            transaction.execute(update(users).where(this_user(by.org_id, identifier)).values(pending=False))
            record(transaction, by, Activity.user_approve, target_of(user), before={"pending": True}, after={"pending": False})

    def reject(self, by: Actor, rights: frozenset[Permission], identifier: str) -> None:
        """Turn away a user who waits: nothing is left of the user."""
        with self._database.write() as transaction:
            user = _waiting(transaction, by, rights, identifier)
            _remove(transaction, user)
            record(transaction, by, Activity.user_reject, target_of(user), before=_told(user))


def refuse_taken(transaction: Connection, org_id: str, email: str | None, but: str = "") -> None:
    """`ConflictError` when another user of the organisation has the address."""
    if email is None:
        return
    query = select(users.c.id).where(users.c.org_id == org_id, users.c.email_key == email_key(email), users.c.id != but)
    if transaction.execute(query).first() is not None:
        raise ConflictError(f"email: there is a user with the address {email} already.")


def _waiting(transaction: Connection, by: Actor, rights: frozenset[Permission], identifier: str) -> User:
    user = found_user(transaction, by.org_id, identifier)
    refuse_above(rights, user.role)
    if not user.pending:
        raise UnusableError("id: the user does not wait for approval.")
    return user


def _refuse_oneself(by: Actor, user: User, field: str) -> None:
    if by.id == user.id:
        raise UnusableError(f"{field}: nobody may do this to oneself.", "Ask another administrator.")


def _checked_groups(transaction: Connection, org_id: str, ids: Iterable[str]) -> str:
    wanted = checks.few(ids, REFERENCES_MAX, "auto_groups")
    checks.known(transaction, groups, org_id, wanted, "auto_groups")
    refuse_built_in(transaction, org_id, wanted, "auto_groups")
    return msgspec.json.encode(wanted).decode()


def _remove(transaction: Connection, user: User) -> None:
    end_sessions(transaction, user.org_id, user.id)
    for table in (tokens, kept_passwords):
        transaction.execute(delete(table).where(table.c.org_id == user.org_id, table.c.user_id == user.id))
    forget_private(transaction, user.org_id, user.id)
    transaction.execute(delete(users).where(this_user(user.org_id, user.id)))


def _told(user: User) -> dict[str, object]:
    """What events say of a user."""
    return {
        "name": user.name, "email": user.email, "kind": user.kind.value, "role": user.role.value, "auto_groups": list(user.auto_groups),
        "blocked": user.blocked_at is not None, "pending": user.pending,
    }  # fmt: skip


_CODES = {"name": Activity.user_update, "email": Activity.user_update, "role": Activity.user_role_update}


def _record_changes(transaction: Connection, by: Actor, before: User, after: User) -> None:
    was, became = difference(_told(before), _told(after))
    target = target_of(after)
    blocked = became.pop("blocked", None)
    was.pop("blocked", None)
    if blocked is not None:
        record(
            transaction, by, Activity.user_block if blocked else Activity.user_unblock, target, before={"blocked": not blocked},
            after={"blocked": blocked},
        )  # fmt: skip
    if after.kind is UserKind.service:
        if became:
            record(transaction, by, Activity.service_user_update, target, before=was, after=became)
        return
    _record_groups(transaction, by, before, after)
    for code in (Activity.user_update, Activity.user_role_update):
        names = [name for name, meant in _CODES.items() if meant is code and name in became]
        if names:
            record(transaction, by, code, target, before={name: was[name] for name in names}, after={name: became[name] for name in names})


def _record_groups(transaction: Connection, by: Actor, before: User, after: User) -> None:
    names = {
        row.id: row.name
        for row in transaction.execute(select(groups.c.id, groups.c.name).where(groups.c.org_id == by.org_id))
    }  # fmt: skip
    for code, ids in (
        (Activity.user_group_add, set(after.auto_groups) - set(before.auto_groups)),
        (Activity.user_group_delete, set(before.auto_groups) - set(after.auto_groups)),
    ):
        for group in sorted(ids):
            record(transaction, by, code, target_of(after), meta={"group_id": group, "group": names.get(group, "")})
