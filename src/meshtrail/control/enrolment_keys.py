"""Enrolment keys: who holds one may make its machine a peer. NetBird calls them setup keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from meshtrail.common.clock import Clock, rfc3339
from meshtrail.common.errors import UnusableError
from meshtrail.control import checks
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, record
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.groups import refuse_built_in
from meshtrail.control.hashing import hashed, new_secret
from meshtrail.control.ids import new_id
from meshtrail.control.limits import ENROLMENT_KEY_LIFETIME_S_MAX, ENROLMENT_KEYS_MAX, REFERENCES_MAX
from meshtrail.control.tables import enrolment_keys, groups
from meshtrail.model.activities import Activity

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
        self, by: Actor, name: str, *, reusable: bool = False, usage_limit: int = 0, lifetime_s: int = 0,
        auto_groups: Iterable[str] = (), expires_at: int | None = None,
    ) -> tuple[str, str]:  # fmt: skip
        """Make a key; returns its id and the key, which is shown this once. A key that is not reusable works once; a lifetime
        of 0 has no end. `expires_at` (microseconds): in place of a lifetime, when it ends."""
        secret, now = new_secret(ENROLMENT_KEY_PREFIX), self._clock()
        if expires_at is None:
            expires_at = now + lifetime_s * 1_000_000 if lifetime_s else None
        else:
            lifetime_s = (expires_at - now) // 1_000_000
        checks.number(lifetime_s, 0, ENROLMENT_KEY_LIFETIME_S_MAX, "expires_in")
        checks.number(usage_limit, 0, _USAGE_LIMIT_MAX, "usage_limit")
        with self._database.change(by.org_id) as transaction:
            checks.room(transaction, enrolment_keys, by.org_id, ENROLMENT_KEYS_MAX, "enrolment keys")
            identifier = new_id(now)
            in_groups = checks.few(auto_groups, REFERENCES_MAX, "auto_groups")
            checks.known(transaction, groups, by.org_id, in_groups, "auto_groups")
            refuse_built_in(transaction, by.org_id, in_groups, "auto_groups")
            transaction.execute(
                insert(enrolment_keys).values(
                    org_id=by.org_id, id=identifier, name=checks.name(name), hash=hashed(secret), hint=secret[:_HINT_CHARACTERS],
                    reusable=reusable, usage_limit=usage_limit if reusable else 1, used_times=0,
                    auto_groups=msgspec.json.encode(in_groups).decode(), created_at=now, updated_at=now,
                    expires_at=expires_at,
                )
            )  # fmt: skip
            key = _key(transaction, by.org_id, identifier)
            record(transaction, by, Activity.setupkey_add, Target(identifier, key.name), after=_told(key), meta=_meta(key))
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

    def update(self, by: Actor, identifier: str, *, revoked: bool, auto_groups: Iterable[str] | None = None) -> None:
        """Revoke a key, or change the groups of the peers that come; None leaves them. A revoked key stays revoked."""
        now = self._clock()
        with self._database.change(by.org_id) as transaction:
            key = _key(transaction, by.org_id, identifier)
            if key.revoked_at is not None and not revoked:
                raise UnusableError("revoked: a revoked key stays revoked.", "Make a new one.")
            in_groups = key.auto_groups
            if auto_groups is not None:
                in_groups = checks.few(auto_groups, REFERENCES_MAX, "auto_groups")
                checks.known(transaction, groups, by.org_id, in_groups, "auto_groups")
                refuse_built_in(transaction, by.org_id, in_groups, "auto_groups")
            revoke = revoked and key.revoked_at is None
            if not revoke and in_groups == key.auto_groups:
                return
            values: dict[str, Any] = {"updated_at": now, "auto_groups": msgspec.json.encode(in_groups).decode()}
            values |= {"revoked_at": now} if revoke else {}
            transaction.execute(update(enrolment_keys).where(_this(by.org_id, identifier)).values(**values))
            if revoke:
                after = {"revoked_at": rfc3339(now)}
                target = Target(identifier, key.name)
                record(transaction, by, Activity.setupkey_revoke, target, before={"revoked_at": None}, after=after, meta=_meta(key))
            _tell_groups(transaction, by, key, in_groups)

    def delete(self, by: Actor, identifier: str) -> None:
        """Delete a key; the peers that were made with it stay."""
        with self._database.change(by.org_id) as transaction:
            key = _key(transaction, by.org_id, identifier)
            transaction.execute(delete(enrolment_keys).where(_this(by.org_id, identifier)))
            record(transaction, by, Activity.setupkey_delete, Target(identifier, key.name), before=_told(key), meta=_meta(key))


def _key(transaction: Connection, org_id: str, identifier: str) -> EnrolmentKey:
    found = transaction.execute(select(enrolment_keys).where(_this(org_id, identifier))).first()
    return key_of(checks.there(found, "enrolment key", identifier))


def _told(key: EnrolmentKey) -> dict[str, Any]:
    """What an event says of a key that is made or deleted."""
    return {
        "name": key.name, "hint": key.hint, "reusable": key.reusable, "usage_limit": key.usage_limit, "used_times": key.used_times,
        "auto_groups": list(key.auto_groups), "expires_at": rfc3339(key.expires_at) if key.expires_at else None,
    }  # fmt: skip


def _meta(key: EnrolmentKey) -> dict[str, str]:
    return {"name": key.name, "type": "reusable" if key.reusable else "one-off", "key_hint": f"{key.hint}****"}


def _tell_groups(transaction: Connection, by: Actor, key: EnrolmentKey, now_in: tuple[str, ...]) -> None:
    """An event for each group that was added or removed."""
    removed = [each for each in key.auto_groups if each not in now_in]
    added = [each for each in now_in if each not in key.auto_groups]
    query = select(groups.c.id, groups.c.name).where(groups.c.org_id == by.org_id, groups.c.id.in_([*removed, *added]))
    names = {row.id: row.name for row in transaction.execute(query)}
    before, after = {"auto_groups": list(key.auto_groups)}, {"auto_groups": list(now_in)}
    for activity, ids in ((Activity.setupkey_group_delete, removed), (Activity.setupkey_group_add, added)):
        for each in ids:
            meta = {"group": names.get(each, ""), "group_id": each, "setupkey": key.name}
            record(transaction, by, activity, Target(key.id, key.name), before=before, after=after, meta=meta)


def _this(org_id: str, identifier: str) -> ColumnElement[bool]:
    return (enrolment_keys.c.org_id == org_id) & (enrolment_keys.c.id == identifier)
