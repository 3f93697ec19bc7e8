"""How a machine becomes a peer, and how a peer gets a new token. Each is asked for with a signature by the peer's key, of the
peer's time: it counts once, and only for a few minutes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, delete, insert, select, update

from meshtrail.common.clock import Clock, rfc3339
from meshtrail.common.errors import CallerError, ForbiddenError, InvalidError, PeerRemovedError, UnauthenticatedError
from meshtrail.control import checks
from meshtrail.control.actor import NOWHERE, Actor, Origin
from meshtrail.control.audit import Target, record
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.enrolment_keys import EnrolmentKey, key_of
from meshtrail.control.groups import add_to_groups
from meshtrail.control.hashing import hashed, new_secret
from meshtrail.control.identities import PEER_TOKEN_PREFIX
from meshtrail.control.ids import new_id
from meshtrail.control.limits import CLOCK_SKEW_S_MAX, TOKEN_LIFETIME_S, TOKEN_OVERLAP_S
from meshtrail.control.peers import check_room, claims, cleaned, told
from meshtrail.control.tables import enrolment_keys, peer_tokens, peers
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.activities import Activity
from meshtrail.model.enums import InitiatorType
from meshtrail.model.network_map import ENROL_PREFIX, TOKEN_PREFIX, Enrol, Renew

_KEY_REFUSALS = {
    "revoked": "The enrolment key was revoked.",
    "expired": "The enrolment key has expired.",
    "overused": "The enrolment key was used as often as it may be.",
}


class Admission(NamedTuple):
    """Who was let in, and with which token until when (microseconds)."""

    org_id: str
    peer_id: str
    token: str
    token_expires_at: int


class Enrolment:
    """Lets machines in. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def enrol(self, asked: Enrol, where: Origin = NOWHERE) -> Admission:
        """Make a peer; whoever holds the key does so. A peer that is known by its public key keeps its id, and its key is not used
        up again: an answer may have been lost. `ForbiddenError` when the key does not let it in, `UnauthenticatedError` when the
        signature is not by the key, `InvalidError` when the proof is old."""
        now = self._clock()
        _check_time(asked.at, now)
        _verify(asked.public_key, asked.signature, ENROL_PREFIX + f"{asked.enrolment_key}\n{asked.at}".encode())
        facts = cleaned(Facts("", checks.name(asked.name), asked.os, None, asked.addresses))
        with self._database.read() as transaction:
            row = _key_row(transaction, asked.enrolment_key)
        org_id = str(row.org_id)
        with _about(row), self._database.change(org_id) as transaction:
            key = key_of(_key_row(transaction, asked.enrolment_key))
            by = where.actor(org_id, key.id, InitiatorType.enrolment_key, key.name)
            known = transaction.execute(select(peers).where(peers.c.org_id == org_id, peers.c.public_key == asked.public_key)).first()
            if known is not None:
                peer_id = _again(transaction, by, known, key, asked.at, now)
            else:
                _use(transaction, org_id, key, now)
                peer_id = _insert(transaction, by, key, facts, asked, now)
            token, expires_at = _grant(transaction, org_id, peer_id, now)
        return Admission(org_id, peer_id, token, expires_at)

    def renew(self, asked: Renew) -> Admission:
        """A new token for a peer that proves itself; the one before works for a while."""
        now = self._clock()
        _check_time(asked.at, now)
        with self._database.write() as transaction:
            row = transaction.execute(select(peers).where(peers.c.id == asked.peer_id, peers.c.public_key.is_not(None))).first()
            if row is None:
                raise UnauthenticatedError("There is no such peer.", "Enrol the machine.")
            with _about(row):
                _verify(row.public_key, asked.signature, TOKEN_PREFIX + f"{asked.peer_id}\n{asked.at}".encode())
                _check_standing(row, asked.at)
            this = (peers.c.org_id == row.org_id) & (peers.c.id == row.id)
            transaction.execute(update(peers).where(this).values(proved_at=asked.at, seen_at=now))
            token, expires_at = _grant(transaction, row.org_id, row.id, now)
        return Admission(row.org_id, row.id, token, expires_at)


@contextmanager
def _about(row: AnyRow) -> Iterator[None]:
    """A refusal is about this key, or this peer."""
    try:
        yield
    except CallerError as error:
        raise error.about(row.org_id, row.id, row.name) from error.__cause__


def _check_time(at: int, now: int) -> None:
    if abs(at - now) > CLOCK_SKEW_S_MAX * 1_000_000:
        shown = rfc3339(min(max(at, 0), 4_102_444_800_000_000))
        raise InvalidError(f"The peer's clock says {shown}, the server's {rfc3339(now)}.", "Set the peer's clock.")


def _verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (ValueError, InvalidSignature):
        raise UnauthenticatedError("The signature is not by the peer's key.", "Enrol the machine again.") from None


def _key_row(transaction: Connection, secret: str) -> AnyRow:
    row = transaction.execute(select(enrolment_keys).where(enrolment_keys.c.hash == hashed(secret))).first()
    if row is None:
        raise ForbiddenError("The enrolment key is unknown.", "Make one with: meshtrail enrolment-key create")
    return row


def _check_standing(row: AnyRow, at: int) -> None:
    if row.removed_at is not None:
        raise PeerRemovedError(row.id)
    if at <= row.proved_at:
        raise InvalidError("This proof, or a later one, was used before.", "Sign again with the present time.")


def _check_key(key: EnrolmentKey, now: int) -> None:
    refusal = _KEY_REFUSALS.get(key.state(now))
    if refusal is not None:
        raise ForbiddenError(refusal, "Make another with: meshtrail enrolment-key create")


def _use(transaction: Connection, org_id: str, key: EnrolmentKey, now: int) -> None:
    _check_key(key, now)
    this = (enrolment_keys.c.org_id == org_id) & (enrolment_keys.c.id == key.id)
    transaction.execute(update(enrolment_keys).where(this).values(used_times=key.used_times + 1, last_used_at=now))


def _again(transaction: Connection, by: Actor, row: AnyRow, key: EnrolmentKey, at: int, now: int) -> str:
    _check_standing(row, at)
    if row.enrolment_key_id != key.id:
        _use(transaction, row.org_id, key, now)
    elif key.state(now) != "overused":
        _check_key(key, now)
    this = (peers.c.org_id == row.org_id) & (peers.c.id == row.id)
    transaction.execute(update(peers).where(this).values(proved_at=at, enrolment_key_id=key.id, seen_at=now))
    if row.enrolment_key_id != key.id:
        before, after = {"enrolment_key_id": row.enrolment_key_id}, {"enrolment_key_id": key.id}
        meta = {**told(row), "setup_key_name": key.name}
        record(transaction, by, Activity.peer_setupkey_add, Target(row.id, row.name), before=before, after=after, meta=meta)
    return str(row.id)


def _insert(transaction: Connection, by: Actor, key: EnrolmentKey, facts: Facts, asked: Enrol, now: int) -> str:
    check_room(transaction, by.org_id)
    identifier = new_id(now)
    said = Facts(identifier, facts.name, facts.os, None, facts.addresses)
    inserted = insert(peers).values(
        org_id=by.org_id, id=identifier, facts=msgspec.json.encode(said).decode(), seen_at=now, name=facts.name,
        public_key=asked.public_key, enrolled_at=now, enrolment_key_id=key.id, proved_at=asked.at, claims=claims(said, {}, now),
    )  # fmt: skip
    row = transaction.execute(inserted.returning(*peers.c)).one()
    after = {
        "name": facts.name, "os": facts.os, "addresses": list(facts.addresses), "enrolment_key_id": key.id,
        "public_key": asked.public_key.hex(),
    }  # fmt: skip
    meta = {**told(row), "setup_key_name": key.name}
    record(transaction, by, Activity.peer_setupkey_add, Target(identifier, facts.name), after=after, meta=meta)
    add_to_groups(transaction, by, identifier, key.auto_groups)
    return identifier


def _grant(transaction: Connection, org_id: str, peer_id: str, now: int) -> tuple[str, int]:
    """A new token; those before it end soon, those that ended are forgotten."""
    token, expires_at = new_secret(PEER_TOKEN_PREFIX), now + TOKEN_LIFETIME_S * 1_000_000
    mine = (peer_tokens.c.org_id == org_id) & (peer_tokens.c.peer_id == peer_id)
    transaction.execute(delete(peer_tokens).where(mine, peer_tokens.c.expires_at <= now))
    soon = now + TOKEN_OVERLAP_S * 1_000_000
    transaction.execute(update(peer_tokens).where(mine, peer_tokens.c.expires_at > soon).values(expires_at=soon))
    transaction.execute(
        insert(peer_tokens).values(hash=hashed(token), org_id=org_id, peer_id=peer_id, created_at=now, expires_at=expires_at)
    )
    return token, expires_at
