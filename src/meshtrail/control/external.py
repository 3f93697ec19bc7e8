"""Users of an identity provider: who somebody is that it vouches for."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from meshtrail.common.errors import ForbiddenError, UnusableError
from meshtrail.control import checks
from meshtrail.control.actor import Origin
from meshtrail.control.audit import difference, record
from meshtrail.control.emails import email_key
from meshtrail.control.ids import new_id
from meshtrail.control.limits import EMAIL_CHARACTERS_MAX, NAME_CHARACTERS_MAX, REFERENCES_MAX, USERS_MAX
from meshtrail.control.owners import has_owner
from meshtrail.control.permissions import Role
from meshtrail.control.tables import passwords, users
from meshtrail.control.user import User, UserKind, user_of
from meshtrail.control.user_rows import actor_of, found_user, target_of, this_user
from meshtrail.model.activities import Activity
from meshtrail.model.enums import Outcome

_ISSUER_CHARACTERS_MAX = 500
_SUBJECT_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class External:
    """What an identity provider says of somebody, whose signature was checked."""

    issuer: str
    subject: str
    email: str | None
    name: str
    groups: tuple[str, ...]
    email_verified: bool
    role: Role | None
    """The role that the groups lead to; None leaves it as it is."""
    new_role: Role
    """The role of somebody who comes for the first time, unless `role` says it."""
    new_waits: bool
    """Whether somebody who comes for the first time has to be let in."""


def checked(said: External) -> External:
    """The same within limits. What is too long to be kept whole is refused where it says who somebody is, and cut where it does
    not."""
    for field, text, most in (("issuer", said.issuer, _ISSUER_CHARACTERS_MAX), ("subject", said.subject, _SUBJECT_CHARACTERS_MAX)):
        if not text or len(text) > most:
            raise UnusableError(f"{field}: it has {len(text)} characters; from 1 to {most} are possible.")
    email = said.email if said.email and len(said.email) <= EMAIL_CHARACTERS_MAX and "@" in said.email else None
    name = _printable(said.name or email or said.subject)[:NAME_CHARACTERS_MAX]
    groups = tuple(_printable(each)[:NAME_CHARACTERS_MAX] for each in said.groups[:REFERENCES_MAX])
    return External(
        said.issuer, said.subject, _printable(email) if email else None, name, groups, said.email_verified and email is not None,
        said.role, said.new_role, said.new_waits,
    )  # fmt: skip


def admitted(transaction: Connection, org_id: str, said: External, where: Origin, now: int) -> User:
    """The user, made when there is none yet, and brought to what the provider says today. It may be blocked or wait."""
    known = _of_subject(transaction, org_id, said) or _invited(transaction, org_id, said, where)
    if known is None:
        return _joined(transaction, org_id, said, where, now)
    values: dict[str, object] = {"name": said.name, "email": said.email, "claimed_groups": _encoded(said.groups)}
    if said.email != known.email:
        values["email_key"] = _free_key(transaction, org_id, said, known.id)
    if said.role is not None:
        values["role"] = said.role.value
    transaction.execute(update(users).where(this_user(org_id, known.id)).values(**values))
    if said.role is not None and known.role is Role.owner and not has_owner(transaction, org_id):
        transaction.execute(update(users).where(this_user(org_id, known.id)).values(role=known.role.value))
    after = found_user(transaction, org_id, known.id)
    _record_changes(transaction, known, after, where)
    return after


def standing(transaction: Connection, user: User, where: Origin) -> ForbiddenError | None:
    """Why the user may not come in, which is written down; None when nothing stands against it."""
    reason = "blocked" if user.blocked_at is not None else "pending approval" if user.pending else None
    if reason is None:
        return None
    by = actor_of(user, where)
    record(transaction, by, Activity.sign_in_fail, target_of(user), outcome=Outcome.failure, error=reason, meta={"method": "oidc"})
    return ForbiddenError(f"The user is {reason}.", "Ask an administrator.").told()


def _of_subject(transaction: Connection, org_id: str, said: External) -> User | None:
    mine = (users.c.org_id == org_id) & (users.c.issuer == said.issuer) & (users.c.subject == said.subject)
    row = transaction.execute(select(users).where(mine)).first()
    return None if row is None else user_of(row)


def _invited(transaction: Connection, org_id: str, said: External, where: Origin) -> User | None:
    """Somebody who was made with this address and never signed in becomes this one, if the provider has verified the address: then
    it is nobody else's. A user who did sign in is never taken over by an address."""
    if not said.email_verified:
        return None
    mine = (
        (users.c.org_id == org_id) & (users.c.email_key == email_key(said.email)) & (users.c.kind == UserKind.local.value)
        & users.c.last_login_at.is_(None)
    )  # fmt: skip
    row = transaction.execute(select(users).where(mine)).first()
    if row is None:
        return None
    taken = {"kind": UserKind.external.value, "issuer": said.issuer, "subject": said.subject}
    transaction.execute(update(users).where(this_user(org_id, row.id)).values(**taken))
    transaction.execute(delete(passwords).where(passwords.c.org_id == org_id, passwords.c.user_id == row.id))
    user = found_user(transaction, org_id, row.id)
    record(transaction, actor_of(user, where), Activity.user_join, target_of(user), after=taken, meta={"issuer": said.issuer})
    return user


def _joined(transaction: Connection, org_id: str, said: External, where: Origin, now: int) -> User:
    checks.room(transaction, users, org_id, USERS_MAX, "users")
    identifier = new_id(now)
    transaction.execute(
        insert(users).values(
            org_id=org_id, id=identifier, kind=UserKind.external.value, name=said.name, email=said.email,
            email_key=_free_key(transaction, org_id, said, identifier), role=(said.role or said.new_role).value, auto_groups="[]",
            pending=said.new_waits, created_at=now, issuer=said.issuer, subject=said.subject, claimed_groups=_encoded(said.groups),
        )
    )  # fmt: skip
    user = found_user(transaction, org_id, identifier)
    after = {"name": user.name, "email": user.email, "role": user.role.value, "pending": user.pending}
    record(transaction, actor_of(user, where), Activity.user_join, target_of(user), after=after, meta={"issuer": said.issuer})
    return user


def _free_key(transaction: Connection, org_id: str, said: External, user_id: str) -> str | None:
    """The address as a key, if the provider has verified it and no other user of the organisation has it."""
    if not said.email_verified:
        return None
    key = email_key(said.email)
    mine = (users.c.org_id == org_id) & (users.c.email_key == key) & (users.c.id != user_id)
    return None if transaction.execute(select(users.c.id).where(mine)).first() is not None else key


def _record_changes(transaction: Connection, before: User, after: User, where: Origin) -> None:
    was, became = difference(_told(before), _told(after))
    by, target = actor_of(after, where), target_of(after)
    meta = {"issuer": after.issuer or ""}
    role = became.pop("role", None)
    former = was.pop("role", None)
    if role is not None:
        record(transaction, by, Activity.user_role_update, target, before={"role": former}, after={"role": role}, meta=meta)
    if became:
        record(transaction, by, Activity.user_update, target, before=was, after=became, meta=meta)


def _told(user: User) -> dict[str, object]:
    return {"name": user.name, "email": user.email, "role": user.role.value, "claimed_groups": list(user.claimed_groups)}


def _encoded(groups: Sequence[str]) -> str:
    return msgspec.json.encode(groups).decode()


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()
