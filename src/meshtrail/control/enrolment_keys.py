"""Enrolment keys: who holds one may make its machine a peer. NetBird calls them setup keys."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import UnusableError
from meshtrail.control import checks
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.groups import refuse_built_in
from meshtrail.control.identities import hashed, new_secret
from meshtrail.control.ids import new_id
from meshtrail.control.limits import ENROLMENT_KEY_LIFETIME_S_MAX, ENROLMENT_KEYS_MAX, REFERENCES_MAX
from meshtrail.control.tables import enrolment_keys, groups

ENROLMENT_KEY_PREFIX = "mte_"
_HINT_CHARACTERS = 8
_USAGE_LIMIT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class EnrolmentKey:
    """A key without its secret. Times in microseconds."""

    id: str
    name: str
    hint: str
    """Its first characters."""
    reusable: bool
    usage_limit: int
    """How many peers may be made with it; 0: any number."""
    used_times: int
    auto_groups: tuple[str, ...]
    """Groups of the peers that are made with it."""
    created_at: int
    updated_at: int
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None

    def state(self, now: int) -> str:
        """`valid`, or why it is not: `revoked`, `expired`, `overused`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "overused" if 0 < self.usage_limit <= self.used_times else "valid"


def key_of(row: AnyRow) -> EnrolmentKey:
    """A row as a key."""
    return EnrolmentKey(
        row.id, row.name, row.hint, row.reusable, row.usage_limit, row.used_times,
        msgspec.json.decode(row.auto_groups, type=tuple[str, ...]), row.created_at, row.updated_at, row.expires_at,
        row.last_used_at, row.revoked_at,
    )  # fmt: skip


class EnrolmentKeys:
    """Makes and revokes keys. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(
        self, org_id: str, name: str, *, reusable: bool = False, usage_limit: int = 0, lifetime_s: int = 0,
        auto_groups: Iterable[str] = (),
    ) -> tuple[str, str]:  # fmt: skip
        """Make a key; returns its id and the key, which is shown this once. A key that is not reusable works once; a lifetime
        of 0 has no end."""
        secret, now = new_secret(ENROLMENT_KEY_PREFIX), self._clock()
        checks.number(lifetime_s, 0, ENROLMENT_KEY_LIFETIME_S_MAX, "expires_in")
        checks.number(usage_limit, 0, _USAGE_LIMIT_MAX, "usage_limit")
        with self._database.change(org_id) as transaction:
            checks.room(transaction, enrolment_keys, org_id, ENROLMENT_KEYS_MAX, "enrolment keys")
            identifier = new_id(now)
            in_groups = checks.few(auto_groups, REFERENCES_MAX, "auto_groups")
            checks.known(transaction, groups, org_id, in_groups, "auto_groups")
            refuse_built_in(transaction, org_id, in_groups, "auto_groups")
            transaction.execute(
                insert(enrolment_keys).values(
                    org_id=org_id, id=identifier, name=checks.name(name), hash=hashed(secret), hint=secret[:_HINT_CHARACTERS],
                    reusable=reusable, usage_limit=usage_limit if reusable else 1, used_times=0,
                    auto_groups=msgspec.json.encode(in_groups).decode(), created_at=now, updated_at=now,
                    expires_at=now + lifetime_s * 1_000_000 if lifetime_s else None,
                )
            )  # fmt: skip
        return identifier, secret

    def list(self, org_id: str) -> "list[EnrolmentKey]":
        """All keys, the spent ones too, oldest first."""
        with self._database.read() as transaction:
            query = select(enrolment_keys).where(enrolment_keys.c.org_id == org_id)
            return [key_of(row) for row in transaction.execute(query.order_by(enrolment_keys.c.created_at, enrolment_keys.c.id))]

    def get(self, org_id: str, identifier: str) -> EnrolmentKey:
        """One key; `NotFoundError` when the organisation has no such one."""
        with self._database.read() as transaction:
            row = transaction.execute(select(enrolment_keys).where(_this(org_id, identifier))).first()
        return key_of(checks.there(row, "enrolment key", identifier))

    def update(self, org_id: str, identifier: str, *, revoked: bool, auto_groups: Iterable[str] | None = None) -> None:
        """Revoke a key, or change the groups of the peers that come; None leaves them. A revoked key stays revoked."""
        now = self._clock()
        with self._database.change(org_id) as transaction:
            found = transaction.execute(select(enrolment_keys).where(_this(org_id, identifier))).first()
            row = checks.there(found, "enrolment key", identifier)
            if row.revoked_at is not None and not revoked:
                raise UnusableError("revoked: a revoked key stays revoked.", "Make a new one.")
            values: dict[str, object] = {"updated_at": now, "revoked_at": (row.revoked_at or now) if revoked else None}
            if auto_groups is not None:
                in_groups = checks.few(auto_groups, REFERENCES_MAX, "auto_groups")
                checks.known(transaction, groups, org_id, in_groups, "auto_groups")
                refuse_built_in(transaction, org_id, in_groups, "auto_groups")
                values["auto_groups"] = msgspec.json.encode(in_groups).decode()
            transaction.execute(update(enrolment_keys).where(_this(org_id, identifier)).values(**values))

    def delete(self, org_id: str, identifier: str) -> None:
        """Delete a key; the peers that were made with it stay."""
        with self._database.change(org_id) as transaction:
            done = transaction.execute(delete(enrolment_keys).where(_this(org_id, identifier)))
            checks.there(done.rowcount, "enrolment key", identifier)


def _this(org_id: str, identifier: str) -> ColumnElement[bool]:
    return (enrolment_keys.c.org_id == org_id) & (enrolment_keys.c.id == identifier)
