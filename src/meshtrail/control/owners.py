"""Owners: no organisation is without one who can sign in."""

from sqlalchemy import ColumnElement, Connection, insert, select

from meshtrail.common.errors import UnusableError
from meshtrail.control.ids import new_id
from meshtrail.control.permissions import Role
from meshtrail.control.tables import organisations, users
from meshtrail.control.user import UserKind

OWNER_NAME = "Owner"
"""Name of the owner that comes with an organisation: whoever has the server's terminal."""


def _standing() -> ColumnElement[bool]:
    """Owners who can sign in."""
    return (
        (users.c.role == Role.owner.value) & users.c.blocked_at.is_(None) & users.c.pending.is_(False)
        & (users.c.kind != UserKind.service.value)
    )  # fmt: skip


def add_owners(transaction: Connection, now: int) -> None:
    """Give an owner, without e-mail address and password yet, to every organisation that has none."""
    have = select(users.c.org_id).where(_standing())
    for org_id in transaction.execute(select(organisations.c.id).where(organisations.c.id.not_in(have))).scalars().all():
        transaction.execute(
            insert(users).values(
                org_id=org_id, id=new_id(now), kind=UserKind.local.value, name=OWNER_NAME, role=Role.owner.value, auto_groups="[]",
                pending=False, created_at=now, claimed_groups="[]",
            )
        )  # fmt: skip


def owner_of(transaction: Connection, org_id: str) -> str:
    """Id of the owner who has been one for longest."""
    query = select(users.c.id).where(users.c.org_id == org_id, _standing()).order_by(users.c.created_at, users.c.id)
    return str(transaction.execute(query).scalar_one())


def has_owner(transaction: Connection, org_id: str) -> bool:
    """Whether the organisation has an owner who can sign in."""
    return transaction.execute(select(users.c.id).where(users.c.org_id == org_id, _standing())).first() is not None


def refuse_without_owner(transaction: Connection, org_id: str) -> None:
    """What was just changed leaves an owner."""
    if not has_owner(transaction, org_id):
        raise UnusableError("role: this is the last owner who can sign in.", "Make somebody else an owner first.")
