"""What all share who read and change users."""

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, delete, select

from meshtrail.common.errors import ForbiddenError
from meshtrail.control import checks
from meshtrail.control.actor import NOWHERE, Actor, Origin
from meshtrail.control.audit import Target
from meshtrail.control.permissions import ROLES, Permission, Role
from meshtrail.control.tables import sessions, sign_in_links, tokens, users
from meshtrail.control.user import User, UserKind, user_of
from meshtrail.model.activities import TargetType
from meshtrail.model.enums import InitiatorType

_OWN = frozenset({Permission.profile_read, Permission.profile_write})
"""Rights that everybody has over oneself; they give nobody power over others."""


def refuse_above(rights: frozenset[Permission], role: Role) -> None:
    """Nobody gets, or gets at, rights through a user that they lack themselves."""
    missing = ROLES[role] - _OWN - rights
    if missing:
        raise ForbiddenError(f"A user with the role {role} may do what you may not: {min(missing)}.", "Ask an owner.")


def target_of(user: User) -> Target:
    """The user as the target of an event."""
    return Target(user.id, user.name or user.email, TargetType.service_user if user.kind is UserKind.service else TargetType.user)


def actor_of(user: User, where: Origin = NOWHERE, session_id: str | None = None, token_id: str | None = None) -> Actor:
    """The user as the initiator of an event, from where the request comes."""
    kind = InitiatorType.token if user.kind is UserKind.service else InitiatorType.user
    made = where.actor(user.org_id, user.id, kind, user.name)
    return replace(made, email=user.email, session_id=session_id, token_id=token_id)


def this_user(org_id: str, identifier: str) -> ColumnElement[bool]:
    """The user's row."""
    return (users.c.org_id == org_id) & (users.c.id == identifier)


def found_user(transaction: Connection, org_id: str, identifier: str) -> User:
    """One user; `NotFoundError` when the organisation has no such one."""
    row = transaction.execute(select(users).where(this_user(org_id, identifier))).first()
    return user_of(checks.there(row, "user", identifier))


def end_sessions(transaction: Connection, org_id: str, user_id: str, but: str | None = None) -> int:
    """End the user's sessions, also those of the user's tokens, but one (its id); how many there were. Links end too."""
    own = select(tokens.c.id).where(tokens.c.org_id == org_id, tokens.c.user_id == user_id)
    mine = (sessions.c.org_id == org_id) & ((sessions.c.user_id == user_id) | sessions.c.token_id.in_(own))
    gone = transaction.execute(delete(sessions).where(mine, sessions.c.id != (but or "")))
    transaction.execute(delete(sign_in_links).where(sign_in_links.c.org_id == org_id, sign_in_links.c.user_id == user_id))
    return gone.rowcount
