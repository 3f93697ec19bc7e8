"""What a user is."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from meshtrail.control.database import AnyRow
from meshtrail.control.permissions import Role

_TEXTS = msgspec.json.Decoder(tuple[str, ...])


class UserKind(StrEnum):
    """How a user comes in."""

    local = "local"
    """With an e-mail address and a password that are kept here, or by a link from the server's terminal."""
    external = "external"
    """By an identity provider."""
    service = "service"
    """Not at all: a user for programs has tokens only."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of an organisation. Times in microseconds."""

    org_id: str
    id: str
    kind: UserKind
    name: str
    email: str | None
    role: Role
    auto_groups: tuple[str, ...]
    """Groups (ids) that the user's peers come into."""
    pending: bool
    """Waits to be let in."""
    blocked_at: int | None
    created_at: int
    last_login_at: int | None
    issuer: str | None
    """Identity provider of an external user."""
    subject: str | None
    """How the identity provider calls the user."""
    claimed_groups: tuple[str, ...]
    """Names of groups, as the identity provider said last."""

    @property
    def status(self) -> str:
        """`active`, `blocked`, or `invited`: did not sign in yet. Programs are never invited."""
        if self.blocked_at is not None:
            return "blocked"
        return "invited" if self.last_login_at is None and self.kind is not UserKind.service else "active"


def user_of(row: AnyRow) -> User:
    """A row as a user. A role that this release does not know is the one without rights."""
    role = Role(row.role) if row.role in Role.__members__ else Role.user
    return User(
        row.org_id, row.id, UserKind(row.kind), row.name, row.email, role, _TEXTS.decode(row.auto_groups), row.pending, row.blocked_at,
        row.created_at, row.last_login_at, row.issuer, row.subject, _TEXTS.decode(row.claimed_groups),
    )  # fmt: skip
